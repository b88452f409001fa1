import { type Duplex, PassThrough } from 'node:stream'
import type * as tls from 'node:tls'
import { hasLeft } from '../errors.ts'
import { limitsWith } from '../limits.ts'
import { asError, callListeners, warnOfFailure } from '../listeners.ts'
import type { EmitterOf } from '../stream/typed.ts'
import { Doors, type DoorsOptions } from './doors.ts'
import { type MessageWire, type MessageWireOptions, messageWire } from './message-wire.ts'
import { type NetServerEvents, TypedNetServer } from './net-server.ts'
import { TunnelSession } from './tunnel/tunnel-server.ts'

/** Options of createWireServer(), and of createServer(). */
export interface WireServerOptions
  extends Omit<MessageWireOptions, 'role' | 'digest' | 'random' | 'announce' | 'encryption'>,
    Omit<DoorsOptions, 'limits' | 'clock'> {
  /** Clients that ask for RTMPE get it, unless this is false. */
  encryption?: false
  /** Connections it holds at most: 10,000. More are closed at once, which net.Server's `'drop'` tells. */
  maxConnections?: number
  /** Closes the server when it is aborted. */
  signal?: AbortSignal
}

/** Options of `server.close()`. */
export interface CloseOptions {
  /** Milliseconds that its peers are given to end by themselves: 0. */
  graceMs?: number
}

/** Whence a wire has come. */
export interface WireSource {
  /** Where the peer is, `127.0.0.1:50000`; empty where nobody knows. */
  readonly peer: string
  /** By which scheme of the family: `rtmps`. */
  readonly scheme: string
}

/** Events of WireServer, beside those of a net.Server. */
export interface WireServerEvents {
  /** A peer has shaken hands: its wire, which is ended if nobody listens, and whence it has come. */
  wire: [wire: MessageWire, source: WireSource]
  /** A connection has failed before its handshake was over, or a listener for `'wire'`, whose wire is ended. */
  wireError: [error: NodeJS.ErrnoException]
}

const MAX_CONNECTIONS = 10_000

/**
 * A server of wires over TCP, a net.Server in all else: `listen`, `address`, `close`. It speaks rtmp and rtmpe, and at the same port
 * rtmps with `tls`, rtmpt and rtmpte with `tunnel`, rtmpts with both; other HTTP requests go to `http` and `upgrade`. `'wire'` gives
 * each MessageWire once its handshake is over, to plug a session into, or a proxy: see WireServerEvents. Connections from elsewhere, any
 * Duplex of bytes, are handed in by `server.emit('connection', bytes)`.
 */
export class WireServer<Own = unknown> extends TypedNetServer<WireServerEvents & Own> {
  readonly #options: MessageWireOptions
  readonly #doors: Doors
  /** All that have come in, whatever has become of them. */
  readonly #connections = new Set<Duplex>()
  readonly #wires = new Set<MessageWire>()
  #isOver = false

  /**
   * @throws RangeError for an option out of range, TypeError for a limit that is none, and what tls.createServer throws for a key
   *   that is none.
   */
  constructor(given: WireServerOptions = {}) {
    const { maxConnections = MAX_CONNECTIONS, signal, tls: secrets, tunnel, http, upgrade, ...options } = given
    const { pingMs } = limitsWith(options.limits)
    // half-open, so that last words reach a peer that has ended; undelayed, for every write is a whole message or more; kept alive, for
    // a peer that never answers a ping can only be missed by TCP
    super({ allowHalfOpen: true, noDelay: true, keepAlive: true, keepAliveInitialDelay: pingMs })
    if (!(maxConnections > 0)) throw new RangeError(`maxConnections must be a positive number, not ${maxConnections}`)
    // what is wrong with the rest is told now, and not by the first connection
    messageWire(new PassThrough(), options).destroy()
    this.#options = options
    this.maxConnections = maxConnections
    this.#doors = new Doors(
      {
        ...options,
        ...(secrets && { tls: secrets }),
        ...(tunnel && { tunnel }),
        ...(http && { http }),
        ...(upgrade && { upgrade })
      },
      { through: bytes => this.#shakeHands(bytes), failed: error => this.#failed(error) }
    )
    this.#emitter.on('connection', bytes => this.#enter(bytes))
    this.#emitter.on('listening', () => {
      this.#isOver = false
    })
    const close = () => this.close()
    signal?.addEventListener('abort', close, { once: true })
    this.once('close', () => signal?.removeEventListener('abort', close))
    if (signal?.aborted) queueMicrotask(close)
  }

  /** Stops accepting connections, and ends the wires there are once their grace is over; then `'close'` comes. */
  override close(how?: CloseOptions | ((error?: Error) => void)): this {
    super.close(typeof how === 'function' ? how : undefined)
    const graceMs = typeof how === 'object' ? (how.graceMs ?? 0) : 0
    const timer = setTimeout(() => void this.#end(), graceMs)
    this.once('close', () => clearTimeout(timer))
    return this
  }

  /** As close(), and settles when it is closed: `await using server = ...`. */
  override async [Symbol.asyncDispose](): Promise<void> {
    if (!this.listening && this.#wires.size === 0) return
    await new Promise<void>(resolve => this.close(() => resolve()))
  }

  /**
   * Gives a certificate that was renewed to whoever comes from now on; wires that are open keep theirs.
   * @throws TypeError where `tls` was not given.
   */
  setSecureContext(secrets: tls.SecureContextOptions): void {
    this.#doors.setSecureContext(secrets)
  }

  /** Ends the wires, whose grace is over; settles when they have gone. */
  protected async endWires(): Promise<void> {
    const wires = [...this.#wires]
    for (const wire of wires) wire.end()
    await Promise.all(wires.map(wire => new Promise(resolve => wire.once('close', resolve))))
  }

  /** Connections that carry no wire have nothing to wait for, once the others are over. */
  async #end(): Promise<void> {
    this.#isOver = true
    await this.endWires()
    for (const bytes of this.#connections) bytes.destroy()
  }

  /** Without the events of a subclass, which are not known here. */
  get #emitter(): EmitterOf<NetServerEvents & WireServerEvents> {
    return this
  }

  #enter(bytes: Duplex): void {
    this.#connections.add(bytes)
    bytes.once('close', () => this.#connections.delete(bytes))
    void this.#doors.enter(bytes)
  }

  #shakeHands(bytes: Duplex): void {
    const wire = messageWire(bytes, this.#options)
    const failed = (error: Error) => this.#failed(error)
    wire.once('error', failed)
    wire.once('handshake', () => {
      wire.off('error', failed)
      this.#wires.add(wire)
      wire.once('close', () => this.#wires.delete(wire))
      const source: WireSource = { peer: peer(bytes), scheme: scheme(bytes, wire) }
      const listeners = this.#emitter.rawListeners('wire')
      const thrown = (failure: unknown) => this.#listenerFailed(failure, wire)
      const isHeard = !this.#isOver && callListeners(listeners, this, [wire, source], thrown)
      // nobody would hear its errors
      if (!isHeard) wire.destroy()
    })
  }

  #listenerFailed(thrown: unknown, wire: MessageWire): void {
    const failure = asError(thrown)
    if (!this.#emitter.emit('wireError', failure)) warnOfFailure(failure)
    wire.destroy()
  }

  #failed(error: Error): void {
    // what is ended here has not failed, nor has who leaves
    if (!this.#isOver && !hasLeft(error)) this.#emitter.emit('wireError', error)
  }
}

/** Where the peer is, if its Duplex tells as sockets do. */
function peer(bytes: Duplex & { remoteAddress?: string; remotePort?: number }): string {
  return bytes.remoteAddress === undefined ? '' : `${bytes.remoteAddress}:${bytes.remotePort}`
}

function scheme(bytes: Duplex & { encrypted?: boolean }, { encryption }: MessageWire): string {
  return `rtmp${bytes instanceof TunnelSession ? 't' : ''}${encryption ? 'e' : ''}${bytes.encrypted ? 's' : ''}`
}

/** `createWireServer(wire => ...)`, `createWireServer(options, wire => ...)`: see WireServer. */
export function createWireServer(onWire?: (wire: MessageWire, source: WireSource) => void): WireServer
export function createWireServer(
  options: WireServerOptions,
  onWire?: (wire: MessageWire, source: WireSource) => void
): WireServer
export function createWireServer(
  given: WireServerOptions | ((wire: MessageWire, source: WireSource) => void) = {},
  onWire?: (wire: MessageWire, source: WireSource) => void
): WireServer {
  const [options, listener] = typeof given === 'function' ? [{}, given] : [given, onWire]
  const server = new WireServer(options)
  if (listener !== undefined) server.on('wire', listener)
  return server
}
