import { addAbortSignal } from 'node:stream'
import type { AmfObject, AmfValue } from './amf/amf-value.ts'
import { nextAuthQuery } from './auth/next-auth-query.ts'
import { Refused } from './errors.ts'
import { type CapabilitiesOptions, statedByClient } from './session/capabilities.ts'
import { type ClientSession, clientSession } from './session/client-session.ts'
import { loop } from './stream/loop.ts'
import { type DialOptions, dial } from './transport/dial.ts'
import { type RtmpUrl, readRtmpUrl } from './transport/rtmp-url.ts'
import type { Wire } from './wire.ts'

/** Options of connect(), and by way of RelayOptions of push() and pull(). */
export interface ConnectOptions extends DialOptions {
  /** Ends the attempt, and then the session, with an AbortError. */
  signal?: AbortSignal
  /** Milliseconds for connecting in total, and then for each answer of the server: 10,000. */
  timeoutMs?: number
  /** The user, if the server asks for a password (authmod=adobe, authmod=llnw). A URL may contain both. */
  user?: string
  /** The password of `user`. */
  password?: string
  /**
   * The capabilities that this client states (Enhanced RTMP v2): none by default, as OBS. A server may send the primary tracks alone to a player
   * that does not state `multitrack`. The answer is `session.capabilities`.
   */
  capabilities?: CapabilitiesOptions
  /** Properties added to the command object of `connect`, or replaced in it. */
  info?: AmfObject
  /** Arguments after the command object (errata 8.1.5). */
  args?: readonly AmfValue[]
  /** Makes the wire, in place of dial(): for schemes that need a package, such as `dialRtws` of rtmpipe/ws. */
  dial?: (url: RtmpUrl, options: DialOptions) => Wire
}

const TIMEOUT_MS = 10_000
/** The chunk size of OBS, which every platform handles. */
const CHUNK_SIZE = 4096

/**
 * What servers of Adobe require: an encoder's name, without which they refuse a publish, and what a player can decode.
 */
const USUAL_INFO: AmfObject = {
  type: 'nonprivate',
  flashVer: 'FMLE/3.0 (compatible; rtmpipe)',
  fpad: false,
  capabilities: 15,
  audioCodecs: 4071,
  videoCodecs: 252,
  videoFunction: 1,
  objectEncoding: 0
}

/**
 * Connects to an app of a server, `connect('rtmp://host/app')`. Returns a session that publishes, plays and calls. The
 * path of the URL is the app; splitStreamUrl splits a URL that contains a stream name. If the URL contains a password,
 * errors of sockets do not contain the address.
 * @throws TypeError for an invalid URL, RangeError for an option out of range, Refused when the server refuses,
 *   RtmpError `ERR_RTMP_HANDSHAKE_TIMEOUT` or `ERR_RTMP_ANSWER_TIMEOUT`, ProtocolError for a server that does not speak
 *   RTMP, an AbortError, and the errors of sockets.
 */
export async function connect(url: string, options: ConnectOptions = {}): Promise<ClientSession> {
  const where = readRtmpUrl(url)
  const { user = where.user, password = where.password, capabilities } = options
  const stated = capabilities && statedByClient(capabilities)
  const claim = user === undefined || password === undefined ? undefined : { user, password, app: where.app }
  // servers that ask for a password expect each step on a new connection
  for (let query: string | undefined; ; ) {
    try {
      return await attempt(where, query, { ...options, info: { ...USUAL_INFO, ...stated, ...options.info } })
    } catch (error) {
      query = claim && error instanceof Refused ? nextAuthQuery(error.description, claim, query) : undefined
      if (query === undefined) throw error
    }
  }
}

async function attempt(where: RtmpUrl, query: string | undefined, options: ConnectOptions) {
  options.signal?.throwIfAborted()
  const session = open(where, options)
  try {
    const { info, args = [] } = options
    const names = { app: withQuery(where.app, query), tcUrl: withQuery(where.tcUrl, query) }
    await session.connect({ ...names, ...info }, ...args)
    return session
  } catch (error) {
    session.destroy()
    throw error
  }
}

const withQuery = (text: string, query: string | undefined): string =>
  query === undefined ? text : `${text}${text.includes('?') ? '&' : '?'}${query}`

/** A session over a wire of its own, before its connect. */
function open(where: RtmpUrl, given: ConnectOptions): ClientSession {
  const { signal, timeoutMs = TIMEOUT_MS, limits, dial: dialed = dial, ...options } = given
  const bounds = { ...options, limits: { handshakeMs: timeoutMs, ...limits } }
  const session = clientSession({ ...bounds, timeoutMs })
  const wire = dialed(where, { chunkSize: CHUNK_SIZE, ...bounds, ...(signal && { signal }) })
  if (signal !== undefined) addAbortSignal(signal, session)
  // the error rejects unanswered requests, and ends each publish and play
  loop(wire, session, () => {})
  return session
}
