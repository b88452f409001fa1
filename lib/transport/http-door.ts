import * as http from 'node:http'
import type { Duplex } from 'node:stream'
import { type Clock, systemClock } from '../clock.ts'
import { type Limits, limitsWith } from '../limits.ts'

/** Receives a request to upgrade, as a listener for the `'upgrade'` of a server of node:http does, and owns the socket from then on. */
export type UpgradeListener = (request: http.IncomingMessage, socket: Duplex, head: Buffer) => void

/** The handlers of requests. */
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
 * HTTP for connections that were accepted elsewhere. A server of node:http that does not listen has no timeouts for them, so they are here: a
 * connection without a request in progress for `limits.tunnelIdleMs` is closed, however slowly bytes arrive. An upgraded connection has no
 * timeout.
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
