import * as net from 'node:net'
import { addAbortSignal, type Duplex } from 'node:stream'
import * as tls from 'node:tls'
import { limitsWith } from '../limits.ts'
import type { Wire } from '../wire.ts'
import { MessageWire, type MessageWireOptions } from './message-wire.ts'
import { dialRtmfp } from './rtmfp/rtmfp-client.ts'
import type { RtmfpClientOptions } from './rtmfp/rtmfp-wires.ts'
import { ESCAPES, type RtmpUrl, readRtmpUrl } from './rtmp-url.ts'
import { type TunnelPlace, tunnelClient } from './tunnel/tunnel-client.ts'

/** Options of dial(), and by way of ConnectOptions of connect(). */
export interface DialOptions extends Omit<MessageWireOptions, 'role' | 'announce'> {
  /** Ends the attempt, and then the connection, with an AbortError. */
  signal?: AbortSignal
  /**
   * For rtmps and rtmpts, the options of tls.connect: `ca`, `cert` and `key`, `servername`. The server is verified by
   * default.
   */
  tls?: tls.ConnectionOptions
  /** For rtmfp: see RtmfpClientOptions. */
  rtmfp?: RtmfpClientOptions
}

type Place = Pick<TunnelPlace, 'host' | 'port'>

/** The transport part of a URL, and whether its address may contain a part of a password. */
type Where = Pick<RtmpUrl, 'scheme' | 'host' | 'port'> & Partial<RtmpUrl>

/** The transport of a scheme: how the bytes are carried, and the default port (RTMP URIs, 4). */
interface Door {
  readonly port: number
  readonly secure?: boolean
  readonly tunnel?: boolean
  readonly encrypted?: boolean
  /** Whether it is carried by datagrams: then there are no bytes, and no handshake on them. */
  readonly datagrams?: boolean
}

const doors: Readonly<Record<string, Door>> = {
  rtmp: { port: 1935 },
  rtmpe: { port: 1935, encrypted: true },
  rtmps: { port: 443, secure: true },
  rtmpt: { port: 80, tunnel: true },
  rtmpte: { port: 80, tunnel: true, encrypted: true },
  rtmpts: { port: 443, tunnel: true, secure: true },
  rtmfp: { port: 1935, datagrams: true }
}

/** The version of RTMPE that clients request; a server of Adobe may choose another. */
const ENCRYPTION = 6

/**
 * Connects to the server of a URL, by its scheme. Returns a wire of Messages, for a session or the far side of a proxy.
 * It is returned before the connection exists: written data waits, and a failed connection is an error of the wire.
 * `limits.handshakeMs` bounds the time to the end of the handshake.
 * @throws TypeError for an invalid URL or an unsupported scheme; RangeError for an option out of range.
 */
export function dial(url: string | Where, { signal, tls: secrets, rtmfp, ...options }: DialOptions = {}): Wire {
  const where = typeof url === 'string' ? readRtmpUrl(url) : url
  const { host, port } = where
  const door = doorOf(where)
  if (door.datagrams) {
    const wire = overFlows(where, port ?? door.port, { ...options, ...(rtmfp && { rtmfp }) })
    return signal === undefined ? wire : addAbortSignal(signal, wire)
  }
  const bytes = carry(door, { host, port: port ?? door.port }, { ...options, ...(secrets && { tls: secrets }) })
  if (signal !== undefined) addAbortSignal(signal, bytes)
  return over(bytes, where, door.encrypted ? { ...options, encryption: options.encryption || ENCRYPTION } : options)
}

/** @throws TypeError for an unsupported scheme. */
export function doorOf({ scheme }: Pick<RtmpUrl, 'scheme'>): Door {
  const door = Object.hasOwn(doors, scheme) ? doors[scheme] : undefined
  if (door !== undefined) return door
  throw new TypeError(`scheme ${scheme}:// is not supported; supported: ${Object.keys(doors).join(', ')}`)
}

/** The byte stream of a scheme. */
function carry({ tunnel, secure = false }: Door, place: Place, { tls: secrets, limits, clock }: DialOptions): Duplex {
  const bounds = { ...(limits && { limits }), ...(clock && { clock }) }
  if (tunnel) return tunnelClient({ ...place, secure, ...(secrets && { tls: secrets }) }, bounds)
  const { pingMs } = limitsWith(limits)
  if (secure) return secured(place, secrets).setKeepAlive(true, pingMs)
  return net.connect({ ...undelayed, keepAlive: true, keepAliveInitialDelay: pingMs, ...place })
}

/**
 * Half-open, so that the last messages reach a peer that has ended. No delay, because every write is at least a whole
 * message.
 */
const undelayed = { allowHalfOpen: true, noDelay: true }

function secured(place: Place, secrets: tls.ConnectionOptions = {}): tls.TLSSocket {
  // an IP address cannot be a server name (RFC 6066, 3)
  const named = net.isIP(place.host) === 0 ? { servername: place.host } : {}
  const way: tls.ConnectionOptions = { ...named, ...secrets, ...place, ...undelayed }
  return tls.connect(way).setNoDelay(true)
}

const overFlows = ({ scheme, host, tcUrl }: Where, port: number, { limits, clock, rtmfp }: DialOptions): Wire =>
  dialRtmfp(
    { host, port, url: tcUrl ?? `${scheme}://${host}:${port}` },
    { ...rtmfp, ...(limits && { limits }), ...(clock && { clock }) }
  )

/** Destroys the socket if an option is invalid. */
function over(bytes: Duplex, where: Where, options: MessageWireOptions): Wire {
  try {
    return new DialedWire(bytes, where, options)
  } catch (error) {
    bytes.destroy()
    throw error
  }
}

/**
 * A wire whose errors do not contain the address, if the URL has or may have a password: the host of
 * `rtmp://ada:p@ss/w@host/app` is `ss`, which Node's errors would print.
 */
class DialedWire extends MessageWire {
  readonly #isDiscreet: boolean

  constructor(lower: Duplex, { user, password, app }: Where, options: MessageWireOptions) {
    super(lower, { ...options, role: 'client' })
    this.#isDiscreet = user !== undefined || password !== undefined || (app?.includes('@') ?? false)
  }

  protected override failed(error: NodeJS.ErrnoException): void {
    const { code, syscall } = error
    if (!this.#isDiscreet || !PLACES.some(name => name in error)) super.failed(error)
    else super.failed(Object.assign(new Error(`${syscall ?? 'connect'} ${code}; ${ESCAPES}`), { code, syscall }))
  }
}

/** The fields in which Node's errors carry an address: of look-ups, sockets, multiple attempts, certificates. */
const PLACES = ['hostname', 'address', 'errors', 'host']
