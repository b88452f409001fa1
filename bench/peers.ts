/** The servers that are measured: ours, and those it is measured against. Each listens on PORT. */
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { folder, has, PORT, SECOND_PORT, script, write } from './lab.ts'

const cli = new URL('../lib/app/cli.js', import.meta.url).pathname

export const ours = (mergeMs: 'frame' | number = 'frame', ...more: string[]): string[] => [
  process.execPath,
  cli,
  'serve',
  ...['--port', String(PORT)],
  ...(mergeMs === 'frame' ? [] : ['--merge-ms', String(mergeMs)]),
  ...(more.includes('--http-port') ? [] : ['--no-http']),
  ...more
]

/** Node, and nothing but bytes: what is fed at SECOND_PORT is written to all that have come to PORT, `batchMs` of it at once. */
export const floor = (batchMs = 0): string[] => script('bench/tools/floor', PORT, SECOND_PORT, batchMs)
/** Node that reads, and counts. */
export const ingestFloor = (): string[] => script('bench/tools/ingest-floor', PORT)

const MODULE = '/usr/lib/nginx/modules/ngx_rtmp_module.so'

/** Debian's libnginx-mod-rtmp in one process, its chunks so large that each message is one send. */
export function nginx(): string[] | undefined {
  if (!has('nginx') || !existsSync(MODULE)) return undefined
  const conf = write(
    'nginx.conf',
    `load_module ${MODULE}; daemon off; master_process off; worker_processes 1; pid nginx.pid; error_log nginx.err warn;
events { worker_connections 18000; }
rtmp { access_log off; server { listen 127.0.0.1:${PORT}; chunk_size 60000; application live { live on; } } }
`
  )
  return ['nginx', '-c', conf, '-p', folder]
}

const library = (root: string | undefined) => {
  const path = root && join(root, 'node_modules/node-media-server')
  return path && existsSync(path) ? path : undefined
}

/** node-media-server 2.x, as its documentation has it, HTTP at SECOND_PORT; `root` is a folder it was installed in. */
export function nms2(root: string | undefined): string[] | undefined {
  const path = library(root)
  if (path === undefined) return undefined
  const rtmp = { port: PORT, chunk_size: 60000, gop_cache: true, ping: 30, ping_timeout: 60 }
  const http = { port: SECOND_PORT, allow_origin: '*' }
  const main = write(
    'nms2.cjs',
    `const NodeMediaServer = require(${JSON.stringify(path)})
new NodeMediaServer(${JSON.stringify({ logType: 1, rtmp, http })}).run()
`
  )
  return [process.execPath, main]
}

/** node-media-server 4.x, with RTMP, and HTTP at SECOND_PORT. */
export function nms4(root: string | undefined): string[] | undefined {
  const path = library(root)
  if (path === undefined) return undefined
  const config = {
    bind: '127.0.0.1',
    notify: { url: '' },
    store: { path: join(folder, 'nms4') },
    auth: { play: false, publish: false, secret: 'x'.repeat(32), jwt: { secret: 'x', users: [] } },
    rtmp: { port: PORT },
    http: { port: SECOND_PORT },
    record: { auto: false, path: join(folder, 'nms4') }
  }
  return [process.execPath, join(path, 'bin/app.js'), '-c', write('nms4.json', JSON.stringify(config))]
}
