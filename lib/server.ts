import net from 'node:net'
import { PassThrough, pipeline } from 'node:stream'
import { type ServerSession, serverSession } from './session/server-session.ts'
import { type MessageWireOptions, messageWire } from './transport/message-wire.ts'

export interface ServerOptions extends Omit<MessageWireOptions, 'role' | 'digest' | 'random' | 'announce'> {
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
 * A server of RTMP sessions over TCP, a net.Server in all else: `listen`, `address`, `close`. `'session'` gives each ServerSession
 * once its handshake is over. What goes wrong in one never leaves it: `'sessionError'` (error, session) tells; session is
 * undefined where it was not begun.
 */
export class Server extends net.Server {
  readonly #options: ServerOptions
  readonly #sessions = new Set<ServerSession>()

  /** @throws RangeError for an option out of range, TypeError for a limit that is none. */
  constructor(options: ServerOptions = {}) {
    // half-open, so that last words reach a peer that has ended; undelayed, for every write is a whole message or more
    super({ allowHalfOpen: true, noDelay: true })
    const { maxConnections = MAX_CONNECTIONS, signal, ...rest } = options
    if (!(maxConnections > 0)) throw new RangeError(`maxConnections must be a positive number, not ${maxConnections}`)
    // what is wrong with the rest is told now, and not by the first connection
    messageWire(new PassThrough(), rest).destroy()
    this.#options = rest
    this.maxConnections = maxConnections
    this.on('connection', socket => this.#serve(socket))
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
      for (const session of this.#sessions) session.close()
    }, graceMs)
    this.once('close', () => clearTimeout(timer))
    return this
  }

  override async [Symbol.asyncDispose](): Promise<void> {
    if (!this.listening && this.#sessions.size === 0) return
    await new Promise<void>(resolve => this.close(() => resolve()))
  }

  #serve(socket: net.Socket): void {
    const wire = messageWire(socket, this.#options)
    const failed = (error: Error) => this.emit('sessionError', error, undefined)
    wire.once('error', failed)
    wire.once('handshake', () => {
      wire.off('error', failed)
      const peer = `${socket.remoteAddress}:${socket.remotePort}`
      const session = serverSession({ ...this.#options, peer })
      this.#sessions.add(session)
      session.on('handlerError', error => this.emit('sessionError', error, session))
      pipeline([wire, session, wire], error => {
        this.#sessions.delete(session)
        if (error) this.emit('sessionError', error, session)
      })
      this.emit('session', session)
    })
  }
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
