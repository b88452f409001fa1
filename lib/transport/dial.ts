import * as net from 'node:net'
import { addAbortSignal, type Duplex } from 'node:stream'
import * as tls from 'node:tls'
import { limitsWith } from '../limits.ts'
import type { Wire } from '../wire.ts'
import { MessageWire, type MessageWireOptions } from './message-wire.ts'
import { ESCAPES, type RtmpUrl, readRtmpUrl } from './rtmp-url.ts'
import { type TunnelPlace, tunnelClient } from './tunnel/tunnel-client.ts'

/** Options of dial(), and by way of ConnectOptions of connect(). */
export interface DialOptions extends Omit<MessageWireOptions, 'role' | 'announce'> {
  /** Ends the attempt, and then the connection, with an AbortError. */
  signal?: AbortSignal
  /** Of rtmps and rtmpts, what tls.connect takes: `ca`, `cert` and `key`, `servername`. The server is verified unless this says otherwise. */
  tls?: tls.ConnectionOptions
}

type Place = Pick<TunnelPlace, 'host' | 'port'>

/** What a URL says of the way; with the rest of it, whether the address may be a part of a password is known too. */
type Where = Pick<RtmpUrl, 'scheme' | 'host' | 'port'> & Partial<RtmpUrl>

/** What a URL says of the way: how the bytes are carried, and the port where it names none (RTMP URIs, 4). */
interface Door {
  readonly port: number
  readonly secure?: boolean
  readonly tunnel?: boolean
  readonly encrypted?: boolean
}

const doors: Readonly<Record<string, Door>> = {
  rtmp: { port: 1935 },
  rtmpe: { port: 1935, encrypted: true },
  rtmps: { port: 443, secure: true },
  rtmpt: { port: 80, tunnel: true },
  rtmpte: { port: 80, tunnel: true, encrypted: true },
  rtmpts: { port: 443, tunnel: true, secure: true }
}

/** The version of RTMPE that clients ask for; a server of Adobe's kind may choose another. */
const ENCRYPTION = 6

/**
 * The way to where a URL points, by its scheme: a wire of Messages, to plug a session into, or a proxy's far side. It is given before
 * the connection is made; what is written waits, and that nobody is there is an error of the wire. `limits.handshakeMs` bounds
 * the time until the handshake is over.
 * @throws TypeError for what is no URL, and for a scheme that is not spoken here; RangeError for an option out of range.
 */
export function dial(url: string | Where, { signal, tls: secrets, ...options }: DialOptions = {}): Wire {
  const where = typeof url === 'string' ? readRtmpUrl(url) : url
  const { scheme, host, port } = where
  const door = Object.hasOwn(doors, scheme) ? doors[scheme] : undefined
  if (door === undefined)
    throw new TypeError(`scheme ${scheme}:// is not supported; supported: ${Object.keys(doors).join(', ')}`)
  const bytes = carry(door, { host, port: port ?? door.port }, { ...options, ...(secrets && { tls: secrets }) })
  if (signal !== undefined) addAbortSignal(signal, bytes)
  return over(bytes, where, door.encrypted ? { ...options, encryption: options.encryption || ENCRYPTION } : options)
}

/** How bytes get there. */
function carry({ tunnel, secure = false }: Door, place: Place, { tls: secrets, limits, clock }: DialOptions): Duplex {
  const bounds = { ...(limits && { limits }), ...(clock && { clock }) }
  if (tunnel) return tunnelClient({ ...place, secure, ...(secrets && { tls: secrets }) }, bounds)
  const { pingMs } = limitsWith(limits)
  if (secure) return secured(place, secrets).setKeepAlive(true, pingMs)
  return net.connect({ ...undelayed, keepAlive: true, keepAliveInitialDelay: pingMs, ...place })
}

/** Half-open, so that last words reach a peer that has ended; undelayed, for every write is a whole message or more. */
const undelayed = { allowHalfOpen: true, noDelay: true }

function secured(place: Place, secrets: tls.ConnectionOptions = {}): tls.TLSSocket {
  // an address is no name that a server could choose its certificate by (RFC 6066, 3)
  const named = net.isIP(place.host) === 0 ? { servername: place.host } : {}
  const way: tls.ConnectionOptions = { ...named, ...secrets, ...place, ...undelayed }
  return tls.connect(way).setNoDelay(true)
}

/** An option that is wrong leaves no socket behind. */
function over(bytes: Duplex, where: Where, options: MessageWireOptions): Wire {
  try {
    return new DialedWire(bytes, where, options)
  } catch (error) {
    bytes.destroy()
    throw error
  }
}

/**
 * A wire whose errors do not tell where it led to, if the URL had a password in it or may have had: of `rtmp://ada:p@ss/w@host/app`
 * the host is `ss`, which Node's errors would say.
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

/** The fields by which Node's errors tell an address: of look-ups, of sockets, of several attempts, of certificates. */
const PLACES = ['hostname', 'address', 'errors', 'host']
