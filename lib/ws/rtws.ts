import type { IncomingMessage } from 'node:http'
import type { Duplex } from 'node:stream'
import { WebSocketServer } from 'ws'
import { type Clock, systemClock } from '../clock.ts'
import { type Limits, limitsWith } from '../limits.ts'
import { FlowWire } from '../transport/rtmfp/flow-wire.ts'
import type { MediaLifetimes } from '../transport/rtmfp/urgency.ts'
import type { WireSource } from '../transport/wire-server.ts'
import { peerOf, type Wire } from '../wire.ts'
import { RtwsCarrier, webSocketOptions } from './rtws-carrier.ts'
import { isOriginAllowed, refuseUpgrade } from './upgrade.ts'

/** Options of rtws(). */
export interface RtwsOptions {
  /** Limits that differ from the defaults: see Limits. Those of the flows of RTMFP are those of RTWebSocket too. */
  readonly limits?: Partial<Limits>
  /** The clock to use; the system's by default. */
  readonly clock?: Clock
  /** The lifetimes of live media. */
  readonly lifetimes?: MediaLifetimes
  /** An origin whose pages may connect, beside those of the server's own host, or `*`: see WsFlvOptions. */
  readonly origin?: string
}

/**
 * RTWebSocket (zenomt/rtwebsocket): RTMP messages over WebSocket, in flows as those of RTMFP, so that audio does not wait for video and late
 * video is left out. The result is a listener for the `'upgrade'` of a server of `node:http`, and the option `upgrade` of createServer().
 * `onWire` receives a wire for each WebSocket, and its origin, whose scheme is `rtws` or `rtwss`; any path is taken, as the app is that of
 * the `connect` command. A page of a foreign origin is refused with 403.
 * @throws RangeError for a limit out of range.
 * @example
 * ```ts
 * const upgrade = rtws((wire, source) => server.host.accept(wire, source))
 * const server: Server = createServer({ upgrade }, session => session.on('publish', publish => publish.accept().resume()))
 * ```
 */
export function rtws(
  onWire: (wire: Wire, source: WireSource) => unknown,
  { origin, ...options }: RtwsOptions = {}
): (request: IncomingMessage, socket: Duplex, head: Buffer) => void {
  const { limits, clock = systemClock } = options
  limitsWith(limits)
  const server = new WebSocketServer({ noServer: true, clientTracking: false, ...webSocketOptions })
  return (request, socket, head) => {
    socket.on('error', () => {})
    if (!isOriginAllowed(request, origin)) {
      refuseUpgrade(request, socket, 403, 'origin is not allowed')
      return
    }
    // it also answers a request that is not a WebSocket handshake, without opening anything
    server.handleUpgrade(request, socket, head, webSocket => {
      const wire = new FlowWire({ role: 'server', ...options })
      webSocket.on('error', error => wire.over(error))
      wire.open(accept => new RtwsCarrier({ webSocket, socket, wire, clock, limits }, accept))
      onWire(wire, { peer: peerOf(socket), scheme: 'encrypted' in socket && socket.encrypted ? 'rtwss' : 'rtws' })
    })
  }
}
