import { commandRewriter, createWireServer, type DialOptions, dial, proxy, readRtmpUrl } from '../index.ts'
import { type DoorOptions, doorsWith, type OpenDoors, openDoors } from './doors.ts'
import type { Log } from './log.ts'

export interface ProxyServerOptions extends DoorOptions {
  /** The URL of the origin, with or without an app. */
  origin: string
  /** A stream name used by clients, and the name sent to the origin instead. */
  rewriteKey?: { from: string; to: string } | undefined
  /** How to connect to the origin. */
  dial?: Pick<DialOptions, 'tls'>
}

export interface ServingProxy extends OpenDoors {
  /** Closes all connections, and settles when they are closed. */
  stop(): Promise<void>
}

/**
 * A server in front of another: it forwards each connection, by any scheme, with the names that the origin expects.
 */
export async function serveProxy(options: ProxyServerOptions, log: Log): Promise<ServingProxy> {
  const { origin, dial: how } = options
  const stopping = new AbortController()
  const passing = new Set<Promise<unknown>>()
  // a peer that completes no handshake opens no connection to the origin
  const server = createWireServer(await doorsWith(options), (near, { peer }) => {
    log('connect', { peer })
    const far = dial(origin, { ...how, chunkSize: 4096 })
    const closed = proxy(near, far, rewriter(options), { signal: stopping.signal }).then(reason => {
      passing.delete(closed)
      log('closed', { peer, message: reason?.message })
    })
    passing.add(closed)
  })
  server.on('wireError', error => log('error', { message: error.message }))
  const doors = await openDoors(server, options, log)
  return {
    ...doors,
    async stop() {
      stopping.abort()
      await Promise.all([new Promise(resolve => server.close(resolve)), ...passing])
    }
  }
}

/** Rewrites an app and a stream name for the origin. */
function rewriter({ origin, rewriteKey }: ProxyServerOptions) {
  const { app, tcUrl } = readRtmpUrl(origin)
  const server = tcUrl.slice(0, tcUrl.length - app.length).replace(/\/$/, '')
  return commandRewriter({
    connect: info => {
      const sent = textOf(info.app)
      const [name, query] = split(sent.includes('?') ? sent : `${sent}?${split(textOf(info.tcUrl))[1]}`)
      const [ours, ourQuery] = split(app)
      const asked = [ours || name, queries(ourQuery, query)].filter(Boolean).join('?')
      return { ...info, app: asked, tcUrl: `${server}/${asked}` }
    },
    name: name => (rewriteKey === undefined ? name : renamed(name, rewriteKey))
  })
}

/** The origin's query, and the fields of a client's query that it lacks; unchanged. */
function queries(origins: string, clients: string): string {
  if (origins === '') return clients
  const nameOf = (field: string) => field.split('=', 1)[0]
  const said = new Set(origins.split('&').map(nameOf))
  return [origins, ...clients.split('&').filter(field => !said.has(nameOf(field)))].filter(Boolean).join('&')
}

/** The part of a name before its query is the key; the query stays, unless the rewrite includes it. */
function renamed(name: string, { from, to }: { from: string; to: string }): string {
  const said = name === from ? name : split(name)[0]
  return said === from ? to + name.slice(said.length) : name
}

/** The parts before and after a `?`. */
function split(text: string): [bare: string, query: string] {
  const at = text.indexOf('?')
  return at < 0 ? [text, ''] : [text.slice(0, at), text.slice(at + 1)]
}

const textOf = (value: unknown): string => (typeof value === 'string' ? value : '')
