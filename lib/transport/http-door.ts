import * as http from 'node:http'
import type { Duplex } from 'node:stream'
import { type Clock, systemClock } from '../clock.ts'
import { type Limits, limitsWith } from '../limits.ts'

/** What takes a request to upgrade, as a listener for the `'upgrade'` of a server of node:http: the socket is its own from then on. */
export type UpgradeListener = (request: http.IncomingMessage, socket: Duplex, head: Buffer) => void

/** Where requests go. */
export interface HttpHandlers {
  request: http.RequestListener
  /** Without one, a request to upgrade is a request like any other. */
  upgrade?: UpgradeListener | undefined
}

/** A connection's unanswered requests, and how to stop its timer. */
interface Watched {
  requests: number
  stop: () => void
}

/**
 * HTTP for connections that others have taken in. A server of node:http that does not listen keeps no watch on them, so it is kept
 * here: one that has no request under way for `limits.tunnelIdleMs` is ended, however its bytes drip in. One that was upgraded is
 * watched no more.
 */
export function httpDoor(
  { request: handle, upgrade }: HttpHandlers,
  { limits, clock = systemClock }: { limits?: Partial<Limits>; clock?: Clock }
): (bytes: Duplex) => void {
  const { tunnelIdleMs } = limitsWith(limits)
  const all = new WeakMap<Duplex, Watched>()
  const watch = (bytes: Duplex, watched: Watched) => {
    if (!bytes.destroyed) watched.stop = clock.after(tunnelIdleMs, () => bytes.destroy())
  }
  const server = http.createServer((request, response) => {
    const watched = all.get(request.socket)!
    watched.stop()
    watched.requests++
    // the next request may arrive before this
    response.once('close', () => {
      if (--watched.requests === 0) watch(request.socket, watched)
    })
    handle(request, response)
  })
  if (upgrade !== undefined) {
    server.on('upgrade', (request, socket, head) => {
      const watched = all.get(socket)!
      watched.stop()
      // nor when the answer to an earlier request is closed
      watched.requests = Number.POSITIVE_INFINITY
      // the peer may reset it during an asynchronous look-up of its handler, when it has no error listener
      socket.on('error', () => {})
      upgrade(request, socket, head)
    })
  }
  return bytes => {
    const watched: Watched = { requests: 0, stop: () => {} }
    all.set(bytes, watched)
    watch(bytes, watched)
    bytes.once('close', () => watched.stop())
    server.emit('connection', bytes)
  }
}
