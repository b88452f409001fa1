import net from 'node:net'
import { commandRewriter, type DialOptions, dial, messageWire, proxy, readRtmpUrl } from '../index.ts'
import { listening } from './listening.ts'
import type { Log } from './log.ts'

export interface ProxyServerOptions {
  host: string
  port: number
  /** Where it leads: the URL of a server, with an app or without. */
  origin: string
  /** A stream name that clients use, and the one that the origin is to hear in its place. */
  rewriteKey?: { from: string; to: string } | undefined
  /** How to go to the origin. */
  dial?: Pick<DialOptions, 'tls'>
}

export interface ServingProxy {
  readonly url: string
  /** Ends what passes through it, and settles when all is over. */
  stop(): Promise<void>
}

const MAX_CONNECTIONS = 10_000

/** A server in front of another: whoever comes is led there, and called as he should be called there. */
export async function serveProxy(options: ProxyServerOptions, log: Log): Promise<ServingProxy> {
  const { host, port, origin } = options
  const stopping = new AbortController()
  const passing = new Set<Promise<unknown>>()
  const server = net.createServer({ allowHalfOpen: true, noDelay: true }, socket => {
    const peer = `${socket.remoteAddress}:${socket.remotePort}`
    const near = messageWire(socket)
    const failed = (error: Error) => log('error', { peer, message: error.message })
    near.once('error', failed)
    // only now: who does not shake hands opens no connection to the origin
    near.once('handshake', () => {
      near.off('error', failed)
      log('connect', { peer })
      const far = dial(origin, { ...options.dial, chunkSize: 4096 })
      const closed = proxy(near, far, rewriter(options), { signal: stopping.signal }).then(reason => {
        passing.delete(closed)
        log('closed', { peer, message: reason?.message })
      })
      passing.add(closed)
    })
  })
  server.maxConnections = MAX_CONNECTIONS
  const url = `rtmp://${await listening(server, host, port)}`
  log('listening', { url })
  return {
    url,
    async stop() {
      server.close()
      stopping.abort()
      await Promise.all(passing)
    }
  }
}

/** Calls an app and a stream as the origin should hear them called. */
function rewriter({ origin, rewriteKey }: ProxyServerOptions) {
  const { app, tcUrl } = readRtmpUrl(origin)
  return commandRewriter({
    connect: info => ({ ...info, app: app || info.app, tcUrl: app ? tcUrl : `${tcUrl}/${String(info.app ?? '')}` }),
    name: name => (rewriteKey === undefined ? name : renamed(name, rewriteKey))
  })
}

/** A name without its query is what a key is; the query stays. */
function renamed(name: string, { from, to }: { from: string; to: string }): string {
  const [bare, ...query] = name.split('?')
  return bare === from ? [to, ...query].join('?') : name
}
