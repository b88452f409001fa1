import net from 'node:net'
import { type Duplex, pipeline } from 'node:stream'
import type tls from 'node:tls'
import { type ServerSession, serverSession } from './session/server-session.ts'
import { Doors, type DoorsOptions } from './transport/doors.ts'
import { type MessageWire, type MessageWireOptions, messageWire } from './transport/message-wire.ts'
import { TunnelSession } from './transport/tunnel-server.ts'

export interface ServerOptions
  extends Omit<MessageWireOptions, 'role' | 'digest' | 'random' | 'announce'>,
    Omit<DoorsOptions, 'limits' | 'clock'> {
  /** Connections it holds at most: 10,000. More are closed at once, which net.Server's `'drop'` tells. */
  maxConnections?: number
  /** Closes the server when it is aborted. */
  signal?: AbortSignal
}

export interface CloseOptions {
  /** Milliseconds that sessions are given to end by themselves: 0. */
  graceMs?: number
}

const MAX_CONNECTIONS = 10_000

/**
 * A server of RTMP sessions over TCP, a net.Server in all else: `listen`, `address`, `close`. It speaks rtmp and rtmpe, and
 * at the same port rtmps with `tls`, rtmpt and rtmpte with `tunnel`, rtmpts with both. Connections from elsewhere, any Duplex of bytes, are handed in by `server.emit('connection', bytes)`. `'session'` gives
 * each ServerSession once its handshake is over. What goes wrong in one never leaves it: `'sessionError'` (error, session) tells;
 * session is undefined where it was not begun.
 */
export class Server extends net.Server {
  readonly #options: ServerOptions
  readonly #doors: Doors
  /** All that have come in, whatever has become of them. */
  readonly #connections = new Set<Duplex>()
  readonly #sessions = new Set<ServerSession>()
  #isOver = false

  constructor(options: ServerOptions = {}) {
    // half-open, so that last words reach a peer that has ended; undelayed, for every write is a whole message or more
    super({ allowHalfOpen: true, noDelay: true })
    const { maxConnections = MAX_CONNECTIONS, signal, ...rest } = options
    this.#options = rest
    this.maxConnections = maxConnections
    this.#doors = new Doors(rest, {
      through: bytes => this.#serve(bytes),
      failed: error => this.#failed(error)
    })
    this.on('connection', (bytes: Duplex) => this.#enter(bytes))
    signal?.addEventListener('abort', () => this.close(), { once: true })
    if (signal?.aborted) queueMicrotask(() => this.close())
  }

  /** The sessions there are. */
  get sessions(): ReadonlySet<ServerSession> {
    return this.#sessions
  }

  /** Stops accepting connections, and ends the sessions there are once their grace is over; then `'close'` comes. */
  override close(how?: CloseOptions | ((error?: Error) => void)): this {
    super.close(typeof how === 'function' ? how : undefined)
    const graceMs = typeof how === 'object' ? (how.graceMs ?? 0) : 0
    const timer = setTimeout(() => {
      this.#isOver = true
      for (const session of this.#sessions) session.close()
      this.#leave()
    }, graceMs)
    this.once('close', () => clearTimeout(timer))
    return this
  }

  /** Gives certificates that have been renewed to whoever comes from now on; sessions that are open keep theirs. */
  setSecureContext(secrets: tls.SecureContextOptions): void {
    this.#doors.setSecureContext(secrets)
  }

  override async [Symbol.asyncDispose](): Promise<void> {
    if (!this.listening && this.#sessions.size === 0) return
    await new Promise<void>(resolve => this.close(() => resolve()))
  }

  #enter(bytes: Duplex): void {
    this.#connections.add(bytes)
    bytes.once('close', () => this.#connections.delete(bytes))
    void this.#doors.enter(bytes)
  }

  #serve(bytes: Duplex): void {
    const wire = messageWire(bytes, this.#options)
    const failed = (error: Error) => this.#failed(error)
    wire.once('error', failed)
    wire.once('handshake', () => {
      wire.off('error', failed)
      const session = serverSession({ ...this.#options, peer: address(bytes), scheme: scheme(bytes, wire) })
      this.#sessions.add(session)
      session.on('handlerError', error => this.#failed(error, session))
      pipeline([wire, session, wire], error => {
        this.#sessions.delete(session)
        if (error) this.#failed(error, session)
        this.#leave()
      })
      this.emit('session', session)
    })
  }

  #failed(error: Error, session?: ServerSession): void {
    // what is ended here has not failed
    if (!this.#isOver || session !== undefined) this.emit('sessionError', error, session)
  }

  /** Once it is over, connections that carry no session have nothing to wait for. */
  #leave(): void {
    if (this.#isOver && this.#sessions.size === 0) for (const bytes of this.#connections) bytes.destroy()
  }
}

/** Where the peer is, if its Duplex tells as sockets do. */
function address(bytes: Duplex & { remoteAddress?: string; remotePort?: number }): string {
  return bytes.remoteAddress === undefined ? '' : `${bytes.remoteAddress}:${bytes.remotePort}`
}

/** By which scheme of the family a session came. */
function scheme(bytes: Duplex & { encrypted?: boolean }, { encryption }: MessageWire): string {
  return `rtmp${bytes instanceof TunnelSession ? 't' : ''}${encryption ? 'e' : ''}${bytes.encrypted ? 's' : ''}`
}

/** `createServer(session => ...)`, `createServer(options, session => ...)`: see Server. */
export function createServer(onSession?: (session: ServerSession) => void): Server
export function createServer(options: ServerOptions, onSession?: (session: ServerSession) => void): Server
export function createServer(
  given: ServerOptions | ((session: ServerSession) => void) = {},
  onSession?: (session: ServerSession) => void
): Server {
  const [options, listener] = typeof given === 'function' ? [{}, given] : [given, onSession]
  const server = new Server(options)
  if (listener !== undefined) server.on('session', listener)
  return server
}
