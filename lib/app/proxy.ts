import { commandRewriter, createWireServer, type DialOptions, dial, proxy, readRtmpUrl } from '../index.ts'
import { type DoorOptions, doorsWith, type OpenDoors, openDoors } from './doors.ts'
import type { Log } from './log.ts'

export interface ProxyServerOptions extends DoorOptions {
  /** Where it leads: the URL of a server, with an app or without. */
  origin: string
  /** A stream name that clients use, and the one that the origin is to hear in its place. */
  rewriteKey?: { from: string; to: string } | undefined
  /** How to go to the origin. */
  dial?: Pick<DialOptions, 'tls'>
}

export interface ServingProxy extends OpenDoors {
  /** Ends what passes through it, and settles when all is over. */
  stop(): Promise<void>
}

/** A server in front of another: whoever comes, by whatever door, is led there, and called as he should be called there. */
export async function serveProxy(options: ProxyServerOptions, log: Log): Promise<ServingProxy> {
  const { origin, dial: how } = options
  const stopping = new AbortController()
  const passing = new Set<Promise<unknown>>()
  // who does not shake hands opens no connection to the origin
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

/** Calls an app and a stream as the origin should hear them called. */
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

/** The origin's query, and of a client's what that does not say; as they were written. */
function queries(origins: string, clients: string): string {
  if (origins === '') return clients
  const nameOf = (field: string) => field.split('=', 1)[0]
  const said = new Set(origins.split('&').map(nameOf))
  return [origins, ...clients.split('&').filter(field => !said.has(nameOf(field)))].filter(Boolean).join('&')
}

/** A name without its query is what a key is; the query stays, unless it was told of too. */
function renamed(name: string, { from, to }: { from: string; to: string }): string {
  const said = name === from ? name : split(name)[0]
  return said === from ? to + name.slice(said.length) : name
}

/** What stands ahead of a `?`, and what behind it. */
function split(text: string): [bare: string, query: string] {
  const at = text.indexOf('?')
  return at < 0 ? [text, ''] : [text.slice(0, at), text.slice(at + 1)]
}

const textOf = (value: unknown): string => (typeof value === 'string' ? value : '')
