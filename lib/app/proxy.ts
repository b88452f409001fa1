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
