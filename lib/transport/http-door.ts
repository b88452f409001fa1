import * as http from 'node:http'
import type { Duplex } from 'node:stream'
import { type Clock, systemClock } from '../clock.ts'
import { type Limits, limitsWith } from '../limits.ts'

/** What is known of a connection: its requests that are not answered yet, and how to stop its timer. */
interface Watched {
  requests: number
  stop: () => void
}

/**
 * HTTP for connections that others have taken in. A server of node:http that does not listen keeps no watch on them, so it is kept
 * here: one that has no request under way for `limits.tunnelIdleMs` is ended, however its bytes drip in.
 */
export function httpDoor(
  handle: http.RequestListener,
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
    // the next request may come ahead of this
    response.once('close', () => {
      if (--watched.requests === 0) watch(request.socket, watched)
    })
    handle(request, response)
  })
  return bytes => {
    const watched: Watched = { requests: 0, stop: () => {} }
    all.set(bytes, watched)
    watch(bytes, watched)
    bytes.once('close', () => watched.stop())
    server.emit('connection', bytes)
  }
}
