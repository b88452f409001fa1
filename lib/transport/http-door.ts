import http from 'node:http'
import type { Duplex } from 'node:stream'
import { type Clock, systemClock } from '../clock.ts'
import { type Limits, limitsWith } from '../limits.ts'

/**
 * HTTP for connections that others have taken in. A server of node:http that does not listen keeps no watch on them, so it is kept
 * here: one without a request for `limits.tunnelIdleMs` is ended, however its bytes drip in.
 */
export function httpDoor(
  handle: http.RequestListener,
  { limits, clock = systemClock }: { limits?: Partial<Limits>; clock?: Clock }
): (bytes: Duplex) => void {
  const { tunnelIdleMs } = limitsWith(limits)
  const stops = new WeakMap<Duplex, () => void>()
  const watch = (bytes: Duplex) => {
    if (!bytes.destroyed)
      stops.set(
        bytes,
        clock.after(tunnelIdleMs, () => bytes.destroy())
      )
  }
  const server = http.createServer((request, response) => {
    stops.get(request.socket)?.()
    response.once('close', () => watch(request.socket))
    handle(request, response)
  })
  return bytes => {
    watch(bytes)
    bytes.once('close', () => stops.get(bytes)?.())
    server.emit('connection', bytes)
  }
}
