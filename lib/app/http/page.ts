import { createHash } from 'node:crypto'
import { readdirSync, readFileSync } from 'node:fs'
import type { HttpHandler } from './http-server.ts'

const folder = new URL('../page/', import.meta.url)

/** By the end of a file's name. What has none of these is a licence. */
const TYPES: Readonly<Record<string, string>> = {
  html: 'text/html; charset=utf-8',
  css: 'text/css; charset=utf-8',
  js: 'text/javascript; charset=utf-8',
  svg: 'image/svg+xml'
}

/** Of this server alone: scripts, styles and connections. The picture is a blob that the player fills. */
const POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self'",
  "connect-src 'self'",
  'media-src blob:',
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
  "require-trusted-types-for 'script'",
  "trusted-types 'none'"
].join('; ')

/** Serves the page of the server at `/`, and the files it is made of, which are read here and once. */
export function page(): HttpHandler {
  const files = new Map(readdirSync(folder).map(name => [name === 'index.html' ? '/' : `/${name}`, read(name)]))
  return ({ method, url = '/', headers }, response, next) => {
    const file = files.get(url.split('?', 1)[0]!)
    if (file === undefined) {
      next()
      return
    }
    if (method !== 'GET' && method !== 'HEAD') {
      response.writeHead(405, { Allow: 'GET, HEAD' }).end()
      return
    }
    response.setHeader('ETag', file.tag)
    // asked each time, and answered with 304
    response.setHeader('Cache-Control', 'no-cache')
    response.setHeader('Content-Security-Policy', POLICY)
    response.setHeader('X-Content-Type-Options', 'nosniff')
    response.setHeader('Referrer-Policy', 'no-referrer')
    if (headers['if-none-match'] === file.tag) {
      response.writeHead(304).end()
      return
    }
    response.writeHead(200, { 'Content-Type': file.type, 'Content-Length': file.bytes.length })
    response.end(method === 'HEAD' ? undefined : file.bytes)
  }
}

function read(name: string): { bytes: Buffer; type: string; tag: string } {
  const bytes = readFileSync(new URL(name, folder))
  const type = TYPES[name.slice(name.lastIndexOf('.') + 1)] ?? 'text/plain; charset=utf-8'
  return { bytes, type, tag: `"${createHash('sha256').update(bytes).digest('base64url').slice(0, 22)}"` }
}
