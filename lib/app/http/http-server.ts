import { createServer, type IncomingMessage, type RequestListener, ServerResponse } from 'node:http'
import { isIP } from 'node:net'
import type { Duplex } from 'node:stream'
import { authority, bind, listen, reachable } from '../doors.ts'

/** Where HTTP is served. */
export interface HttpOptions {
  /** The port, 0 for any free port. By default 8080, or any free port if that is taken. */
  httpPort?: number | undefined
  /** The address to listen on: 127.0.0.1. */
  httpHost?: string
  /** Host names that requests may be for, beside `localhost` and addresses. */
  httpNames?: readonly string[]
  /** Milliseconds in which the headers of a request must arrive: 10,000. */
  headersMs?: number
}

/** Answers a request, or passes it to the next handler. */
export type HttpHandler = (request: IncomingMessage, response: ServerResponse, next: () => void) => void

/** Takes a request to upgrade to WebSocket, and its socket. */
export type UpgradeHandler = (request: IncomingMessage, socket: Duplex, head: Buffer) => void

export interface OpenHttp {
  /** The URLs of its root, one per address. */
  readonly urls: readonly string[]
  /** Stops listening, lets responses end for `graceMs`, and settles when all connections are closed. */
  close(graceMs: number): Promise<void>
}

const DEFAULT_PORT = 8080
const MAX_CONNECTIONS = 10_000
/** Milliseconds in which a whole request must arrive. */
const REQUEST_MS = 30_000
/** Milliseconds that a connection may be silent. FLV viewers have `limits.stallMs` instead. */
const SILENT_MS = 60_000

/**
 * Serves HTTP by these handlers, in their order; a request that all of them pass on is answered with 404. Without `upgrade` a request to
 * upgrade is a request like any other.
 */
export async function openHttp(
  { httpPort, httpHost = '127.0.0.1', headersMs = 10_000 }: HttpOptions,
  handlers: readonly HttpHandler[],
  upgrade?: UpgradeHandler
): Promise<OpenHttp> {
  const handle: RequestListener = (request, response) => {
    const pass = (at: number) => (handlers[at] ?? notFound)(request, response, () => pass(at + 1))
    pass(0)
  }
  const bounds = { headersTimeout: headersMs, requestTimeout: REQUEST_MS, connectionsCheckingInterval: headersMs / 10 }
  const server = createServer({ ...bounds, noDelay: true, keepAlive: true }, handle).setTimeout(SILENT_MS)
  server.maxConnections = MAX_CONNECTIONS
  /** Upgraded connections, which a server of node:http no longer knows. */
  const upgraded = new Set<Duplex>()
  if (upgrade !== undefined) {
    server.on('upgrade', (request, socket, head) => {
      upgraded.add(socket)
      socket.on('error', () => {}).once('close', () => upgraded.delete(socket))
      if (request.headers.upgrade?.toLowerCase() === 'websocket') upgrade(request, socket, head)
      else answerOn(socket, request, handle)
    })
  }
  const { address, port } =
    httpPort === undefined
      ? await bind(server, httpHost, DEFAULT_PORT).catch(() => listen(server, httpHost, 0))
      : await listen(server, httpHost, httpPort)
  return {
    urls: reachable(address).map(each => `http://${authority(each, port)}/`),
    async close(graceMs) {
      const closed = new Promise(resolve => server.close(resolve))
      server.closeIdleConnections()
      const timer = setTimeout(() => {
        server.closeAllConnections()
        for (const socket of upgraded) socket.destroy()
      }, graceMs)
      await closed
      clearTimeout(timer)
    }
  }
}

/**
 * Passes on what a browser asks at one of these names, at `localhost` or at an address, and answers other requests with 421. A page of a
 * stranger whose name was made to resolve to this machine (DNS rebinding) so learns nothing.
 */
export function hostGuard({
  httpHost = 'localhost',
  httpNames = []
}: HttpOptions): (handler: HttpHandler) => HttpHandler {
  const names = new Set(['localhost', httpHost, ...httpNames].map(name => name.toLowerCase()))
  return handler => (request, response, next) => {
    const host = hostOf(request)
    if (isIP(host) || names.has(host)) handler(request, response, next)
    else answer(response, 421, 'unknown host name; to serve it: rtmpipe serve --http-name NAME')
  }
}

/** The name or address of a Host header, without its port and the brackets of IPv6. */
const hostOf = ({ headers }: IncomingMessage): string =>
  (headers.host ?? '')
    .toLowerCase()
    .replace(/:\d*$/, '')
    .replace(/^\[(.*)\]$/, '$1')

/** Some clients offer h2c with each request: without the offer it is a request like any other. */
function answerOn(socket: Duplex, request: IncomingMessage, handle: RequestListener): void {
  const response = new ServerResponse(request)
  response.shouldKeepAlive = false
  response.assignSocket(socket as IncomingMessage['socket'])
  response.once('finish', () => socket.end())
  handle(request, response)
}

const notFound: HttpHandler = (_request, response) => answer(response, 404, 'not found')

/** Answers with a line of text. */
export function answer(response: ServerResponse, status: number, text: string): void {
  response.writeHead(status, { 'Content-Type': 'text/plain; charset=utf-8' }).end(`${text}\n`)
}
