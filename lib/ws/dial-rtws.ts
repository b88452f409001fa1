import { isIPv6 } from 'node:net'
import { addAbortSignal, type Duplex } from 'node:stream'
import { WebSocket } from 'ws'
import { systemClock } from '../clock.ts'
import { limitsWith } from '../limits.ts'
import type { DialOptions } from '../transport/dial.ts'
import { FlowWire } from '../transport/rtmfp/flow-wire.ts'
import type { MediaLifetimes } from '../transport/rtmfp/urgency.ts'
import { type RtmpUrl, readRtmpUrl } from '../transport/rtmp-url.ts'
import type { Wire } from '../wire.ts'
import { RtwsCarrier, webSocketOptions } from './rtws-carrier.ts'

/** Options of dialRtws(). */
export interface DialRtwsOptions extends Pick<DialOptions, 'signal' | 'tls' | 'limits' | 'clock'> {
  /** The lifetimes of live media. */
  readonly lifetimes?: MediaLifetimes
}

const schemes: Readonly<Record<string, { readonly scheme: string; readonly port: number }>> = {
  rtws: { scheme: 'ws', port: 80 },
  rtwss: { scheme: 'wss', port: 443 }
}

/**
 * Connects to a server of RTWebSocket, `rtws://host:80/app` or `rtwss://host:443/app`, by a WebSocket to that path. It is what dial() is
 * for the other schemes, and the option `dial` of connect() takes it.
 * @throws TypeError for an invalid URL or another scheme; RangeError for an option out of range.
 * @example
 * ```ts
 * const session = await connect('rtws://host.example/live', { dial: dialRtws })
 * const playing = await session.play('film')
 * playing.on('data', message => console.log(message.timestamp))
 * ```
 */
export function dialRtws(
  url: string | Pick<RtmpUrl, 'scheme' | 'host' | 'port' | 'app'>,
  { signal, tls, ...options }: DialRtwsOptions = {}
): Wire {
  const { scheme, host, port, app } = typeof url === 'string' ? readRtmpUrl(url) : url
  const by = Object.hasOwn(schemes, scheme) ? schemes[scheme] : undefined
  if (by === undefined)
    throw new TypeError(`scheme ${scheme}:// is not supported; supported: ${Object.keys(schemes).join(', ')}`)
  const { limits, clock = systemClock, lifetimes } = options
  const { handshakeMs, pingMs } = limitsWith(limits)
  const wire = new FlowWire({ role: 'client', ...(limits && { limits }), clock, ...(lifetimes && { lifetimes }) })
  const place = `${isIPv6(host) ? `[${host}]` : host}:${port ?? by.port}`
  const webSocket = new WebSocket(`${by.scheme}://${place}/${app.replaceAll('#', '%23')}`, {
    handshakeTimeout: handshakeMs,
    ...tls,
    ...webSocketOptions
  })
  let socket: Duplex
  webSocket.once('upgrade', response => {
    socket = response.socket.setKeepAlive(true, pingMs)
  })
  webSocket.on('error', error => wire.over(error))
  webSocket.once('open', () => wire.open(accept => new RtwsCarrier({ webSocket, socket, wire, clock, limits }, accept)))
  // its own close is that of the carrier, once there is one
  wire.once('close', () => webSocket.readyState === WebSocket.CONNECTING && webSocket.terminate())
  return signal === undefined ? wire : addAbortSignal(signal, wire)
}
