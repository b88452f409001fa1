import { type ConnectOptions, connect } from './client.ts'
import type { ClientSession } from './session/client-session.ts'
import type { ReconnectRequest } from './session/reconnect-request.ts'
import { doorOf } from './transport/dial.ts'
import { type RtmpUrl, readRtmpUrl, splitStreamUrl } from './transport/rtmp-url.ts'

/** Options of Route. */
export interface RouteOptions extends ConnectOptions {
  /**
   * Whether it follows a server's request to reconnect (Enhanced RTMP v2). True, the default, follows to any URL, but not from TLS to a
   * connection without TLS. A function decides on each request, and may return another URL of an app. With false the capability is not
   * announced, so that servers do not ask.
   */
  reconnect?: boolean | ((request: ReconnectRequest) => boolean | string)
}

/** How a request to reconnect is followed. */
interface Following<Ready> {
  /** Closes the connection. */
  readonly signal: AbortSignal
  /** Called when a request is not followed: declined, or with the error. */
  stayed(error?: Error): void
  /** Prepares the new session, before the current one is closed. */
  prepare(session: ClientSession): Promise<Ready>
}

/**
 * The server that a relay connects to: that of its own URL, or the one that a server asked it to reconnect to (Enhanced RTMP v2). If the
 * connection to the latter is lost, that URL is tried once more, and then its own URL again.
 */
export class Route {
  /** The name of the stream, at each server. */
  readonly name: string
  readonly #own: string
  readonly #where: RtmpUrl
  readonly #options: ConnectOptions
  readonly #reconnect: NonNullable<RouteOptions['reconnect']>
  /** The URL of the app for the next attempt. */
  #next: string
  /** The URL of the app that it is connected to, or connects to. */
  #at: string

  /** @throws TypeError for an invalid URL of a stream. */
  constructor(url: string, { reconnect = true, ...options }: RouteOptions) {
    const { url: own, name } = splitStreamUrl(url)
    this.name = name
    this.#own = own
    this.#where = readRtmpUrl(own)
    doorOf(this.#where)
    this.#reconnect = reconnect
    this.#options =
      reconnect === false ? options : { ...options, capabilities: { reconnect: true, ...options.capabilities } }
    this.#next = own
    this.#at = own
  }

  /** Connects, for a first or a further attempt. The session is closed at the signal. */
  open(signal: AbortSignal): Promise<ClientSession> {
    this.#at = this.#next
    // only a URL that has granted something is tried again: see `arrived`
    this.#next = this.#own
    return this.#dial(this.#at, signal)
  }

  /** The server has granted the publish or play: the next attempt begins there. */
  arrived(): void {
    this.#next = this.#at
  }

  /** The URL of the app that it is connected to, without user and password. */
  get at(): string {
    return readRtmpUrl(this.#at).tcUrl
  }

  /**
   * Calls `follow` when the server asks to reconnect and the application agrees, with a promise of what `prepare` returns for the new session.
   * Returns a function that ends this.
   */
  heed<Ready>(
    session: ClientSession,
    { signal, stayed, prepare }: Following<Ready>,
    follow: (ready: Promise<Ready>) => Promise<void>
  ): () => void {
    let isOver = false
    const connected = async (url: string): Promise<Ready> => {
      const from = this.#at
      this.#next = url
      let next: ClientSession | undefined
      try {
        next = await this.#dial(url, signal)
        const ready = await prepare(next)
        // the current connection was lost meanwhile: the next attempt connects to this URL
        if (isOver) throw new Error('connection was lost first')
        this.#at = url
        return ready
      } catch (error) {
        void next?.close()
        if (!isOver) {
          this.#next = from
          stayed(error as Error)
          session.on('reconnectRequest', heard)
        }
        throw error
      }
    }
    const heard = (request: ReconnectRequest): void => {
      try {
        const url = this.#decide(request)
        if (url === undefined) stayed()
        else {
          session.off('reconnectRequest', heard)
          follow(connected(url)).catch(() => {})
        }
      } catch (error) {
        stayed(error as Error)
      }
    }
    session.on('reconnectRequest', heard)
    return () => {
      isOver = true
      session.off('reconnectRequest', heard)
    }
  }

  /** The URL of the app to reconnect to; undefined to stay. @throws TypeError for an invalid URL. */
  #decide(request: ReconnectRequest): string | undefined {
    const decision = typeof this.#reconnect === 'function' ? this.#reconnect(request) : this.#reconnect
    if (decision === false) return undefined
    const url = typeof decision === 'string' ? decision : (request.tcUrl ?? this.#at)
    const isSecure = (url: string) => doorOf(readRtmpUrl(url)).secure === true
    if (!isSecure(url) && isSecure(this.#at) && typeof this.#reconnect !== 'function')
      throw new TypeError('request to reconnect without TLS is not followed')
    return url
  }

  async #dial(url: string, signal: AbortSignal): Promise<ClientSession> {
    const { user, password } = this.#where
    const given = { ...(user !== undefined && { user }), ...(password !== undefined && { password }), ...this.#options }
    const dialing = new AbortController()
    let session: ClientSession | undefined
    const abort = () => (session === undefined ? dialing.abort() : void session.close())
    signal.addEventListener('abort', abort, { once: true })
    try {
      session = await connect(url, { ...given, signal: dialing.signal })
      session.once('close', () => signal.removeEventListener('abort', abort))
      return session
    } catch (error) {
      signal.removeEventListener('abort', abort)
      throw error
    }
  }
}
