import type { AddressInfo } from 'node:net'
import { type Duplex, PassThrough } from 'node:stream'
import type * as tls from 'node:tls'
import { debug, failed } from '../channels.ts'
import { asError, hasLeft } from '../errors.ts'
import { limitsWith } from '../limits.ts'
import { callListeners, warnOfFailure } from '../listeners.ts'
import type { EmitterOf, EventArguments, EventName } from '../stream/typed.ts'
import { peerOf, type Wire } from '../wire.ts'
import { Doors, type DoorsOptions } from './doors.ts'
import { type MessageWire, type MessageWireOptions, messageWire } from './message-wire.ts'
import { type NetServerEvents, TypedNetServer } from './net-server.ts'
import type { RtmfpSocket } from './rtmfp/rtmfp-socket.ts'
import { acceptRtmfp, checkProfile, type RtmfpOptions } from './rtmfp/rtmfp-wires.ts'
import { TunnelSession } from './tunnel/tunnel-server.ts'

/** Options of createWireServer(), and of createServer(). */
export interface WireServerOptions
  extends Omit<MessageWireOptions, 'role' | 'digest' | 'random' | 'announce' | 'encryption'>,
    Omit<DoorsOptions, 'limits' | 'clock'> {
  /** Whether RTMPE is accepted; true by default. */
  encryption?: false
  /** The maximum number of connections: 10,000. More are closed at once, and net.Server's `'drop'` reports them. */
  maxConnections?: number
  /** Whether RTMFP is accepted, on the UDP port of the same number, or with these options. */
  rtmfp?: boolean | RtmfpServerOptions
  /** Closes the server when it is aborted. */
  signal?: AbortSignal
}

/** Options of RTMFP at a server. */
export interface RtmfpServerOptions<Client = WireSource> extends RtmfpOptions {
  /** The UDP port: that of TCP by default. */
  readonly port?: number
  /** The address: that of TCP by default. */
  readonly address?: string
  /**
   * Whether a client is introduced to another one, whose peer id it asks for: each is told the addresses of the other, and the two open a
   * session of their own (RFC 7016, 3.5.1.5). Without this function no client is introduced. A refused asker gets no answer and asks again
   * for a while, so the decision should not change. `asker` is undefined if no client has the address that the request came from; that
   * address may be spoofed. rtmfp-cpp's tcconn asks in this way.
   */
  readonly introduces?: (asker: Client | undefined, asked: Client) => boolean
}

/** Options of `server.close()`. */
export interface CloseOptions {
  /** Milliseconds in which peers may end by themselves: 0. */
  graceMs?: number
}

/** The origin of a wire. */
export interface WireSource {
  /** The address of the peer, `127.0.0.1:50000`; empty if unknown. */
  readonly peer: string
  /** The scheme: `rtmps`. */
  readonly scheme: string
  /** The peer id of a client over RTMFP, in hex (RFC 7425, 4.3.2). */
  readonly peerId?: string | undefined
}

/** Events of WireServer, beside those of a net.Server. */
export interface WireServerEvents {
  /** A handshake is complete: the wire, which is ended without a listener, and its origin. */
  wire: [wire: Wire, source: WireSource]
  /** A connection has failed before its handshake was over, or a listener for `'wire'`, whose wire is ended. */
  wireError: [error: NodeJS.ErrnoException]
}

const MAX_CONNECTIONS = 10_000

/**
 * A server of wires over TCP; otherwise a net.Server: `listen`, `address`, `close`. It accepts rtmp and rtmpe, and on
 * the same port rtmps with `tls`, rtmpt and rtmpte with `tunnel`, rtmpts with both; other HTTP requests go to `http`
 * and `upgrade`. With `rtmfp` it accepts rtmfp on UDP, and `'listening'` is emitted once both are bound. `'wire'` is
 * emitted with each wire after its handshake, for a session or a proxy: see WireServerEvents. To add a connection from
 * elsewhere, any Duplex of bytes, call `server.emit('connection', bytes)`.
 */
export class WireServer<Own = unknown> extends TypedNetServer<WireServerEvents & Own> {
  readonly #options: MessageWireOptions
  readonly #doors: Doors
  /** All connections, in any state. */
  readonly #connections = new Set<Duplex>()
  readonly #wires = new Set<Wire>()
  readonly #rtmfp: RtmfpServerOptions | undefined
  #rtmfpSocket: RtmfpSocket | undefined
  /** While the server closes: the timer of its grace period, whether TCP is closed, and the end of everything. */
  #grace: NodeJS.Timeout | undefined
  #isTcpClosed = false
  #ending: Promise<void> | undefined
  #ended = () => {}
  #isOver = false

  /**
   * @throws RangeError for an option out of range, TypeError for an unknown limit or profile or an invalid address, and what
   *   tls.createServer throws for an invalid key.
   */
  constructor(given: WireServerOptions = {}) {
    const { maxConnections = MAX_CONNECTIONS, signal, rtmfp = false, ...options } = given
    const { pingMs } = limitsWith(options.limits)
    // half-open, so that the last messages reach a peer that has ended; no delay, because every write is at least a
    // whole message; keepalive, because only TCP notices the loss of a peer that never answers a ping
    super({ allowHalfOpen: true, noDelay: true, keepAlive: true, keepAliveInitialDelay: pingMs })
    if (!(maxConnections > 0)) throw new RangeError(`maxConnections must be a positive number, not ${maxConnections}`)
    // the other options are checked now, not at the first connection
    messageWire(new PassThrough(), options).destroy()
    this.#options = options
    this.maxConnections = maxConnections
    this.#doors = new Doors(options, {
      through: bytes => this.#shakeHands(bytes),
      failed: error => this.#failed(error)
    })
    this.#emitter.on('connection', bytes => this.#enter(bytes))
    this.#rtmfp = rtmfp === true ? {} : rtmfp || undefined
    if (this.#rtmfp !== undefined) checkProfile(this.#rtmfp)
    this.#emitter.on('listening', () => {
      this.#isOver = false
      this.#isTcpClosed = false
      this.#ending = undefined
    })
    const close = () => this.close()
    signal?.addEventListener('abort', close, { once: true })
    this.once('close', () => signal?.removeEventListener('abort', close))
    if (signal?.aborted) queueMicrotask(close)
  }

  /** Where RTMFP is accepted, once it listens; undefined without it. */
  get rtmfpAddress(): AddressInfo | undefined {
    return this.#rtmfpSocket?.addresses[0]
  }

  /**
   * Stops accepting connections, and ends the wires after the grace period. `'close'` is emitted once TCP is closed; `await using` waits for
   * UDP too.
   */
  override close(how?: CloseOptions | ((error?: Error) => void)): this {
    super.close(typeof how === 'function' ? how : undefined)
    const graceMs = typeof how === 'object' ? (how.graceMs ?? 0) : 0
    clearTimeout(this.#grace)
    this.#grace = setTimeout(() => void this.#end(), graceMs)
    this.#ending ??= new Promise(resolve => {
      this.#ended = resolve
    })
    this.once('close', () => {
      this.#isTcpClosed = true
      this.#left()
    })
    return this
  }

  /** As close(); settles when it is closed: `await using server = ...`. */
  override async [Symbol.asyncDispose](): Promise<void> {
    if (!this.listening && this.#ending === undefined) return
    await new Promise<void>(resolve => this.close(() => resolve()))
    await this.#ending
  }

  /**
   * Replaces the certificate for new connections; open wires keep theirs.
   * @throws TypeError if `tls` was not given.
   */
  setSecureContext(secrets: tls.SecureContextOptions): void {
    this.#doors.setSecureContext(secrets)
  }

  /** Ends the wires at the end of the grace period. Settles when they are closed. */
  protected async endWires(): Promise<void> {
    const wires = [...this.#wires]
    for (const wire of wires) wire.end()
    await Promise.all(wires.map(wire => new Promise(resolve => wire.once('close', resolve))))
  }

  /** Ends the wires, then the connections without a wire, then UDP. */
  async #end(): Promise<void> {
    this.#isOver = true
    await this.endWires()
    for (const bytes of this.#connections) bytes.destroy()
    await this.#closeRtmfp()
  }

  /** If the last wire has closed by itself, the rest of the grace period is not waited for. */
  #left(): void {
    if (!this.#isTcpClosed || this.#wires.size > 0) return
    clearTimeout(this.#grace)
    // tunnels that carry no wire: their connections are closed, so nothing can arrive in them
    for (const bytes of this.#connections) bytes.destroy()
    void this.#closeRtmfp()
  }

  async #closeRtmfp(): Promise<void> {
    await this.#rtmfpSocket?.close()
    this.#rtmfpSocket = undefined
    this.#ended()
  }

  /** This server without the events of a subclass, whose types are not known here. */
  get #emitter(): EmitterOf<NetServerEvents & WireServerEvents> {
    return this
  }

  /** As of a net.Server, but `'listening'` waits until UDP is bound too. @internal */
  override emit<Name extends EventName<NetServerEvents & WireServerEvents & Own>>(
    event: Name,
    ...args: EventArguments<NetServerEvents & WireServerEvents & Own, Name>
  ): boolean {
    if (event !== 'listening' || this.#rtmfp === undefined) return super.emit(event, ...args)
    void this.#listenOnUdp(this.#rtmfp, () => super.emit(event, ...args))
    return true
  }

  async #listenOnUdp(options: RtmfpServerOptions, listening: () => void): Promise<void> {
    try {
      await this.#bind(options)
      // it may have been closed meanwhile
      if (this.listening) listening()
      else await this.#closeRtmfp()
    } catch (error) {
      super.close()
      this.#emitter.emit('error', asError(error))
    }
  }

  async #bind(options: RtmfpServerOptions): Promise<void> {
    const { port, address } = this.address() as AddressInfo
    const { limits, clock } = this.#options
    const bounds = { ...(limits && { limits }), ...(clock && { clock }) }
    const introduces = options.introduces && this.#guarded(options.introduces)
    const socket = acceptRtmfp({ ...options, ...bounds, introduces }, (wire, source) => {
      if (this.listening) this.#accept(wire, source)
      else wire.destroy()
    })
    await socket.bind({ port, address, ...options })
    this.#rtmfpSocket = socket
  }

  #enter(bytes: Duplex): void {
    this.#hold(bytes)
    void this.#doors.enter(bytes)
  }

  #hold(bytes: Duplex): void {
    this.#connections.add(bytes)
    bytes.once('close', () => this.#connections.delete(bytes))
  }

  #shakeHands(bytes: Duplex): void {
    // a tunnel, which outlives the connections that carry it
    if (!this.#connections.has(bytes)) this.#hold(bytes)
    const wire = messageWire(bytes, this.#options)
    const failed = (error: Error) => this.#failed(error)
    wire.once('error', failed)
    wire.once('handshake', () => {
      wire.off('error', failed)
      this.#accept(wire, { peer: peerOf(bytes), scheme: scheme(bytes, wire) })
    })
  }

  #accept(wire: Wire, source: WireSource): void {
    this.#wires.add(wire)
    wire.once('close', () => {
      this.#wires.delete(wire)
      this.#left()
    })
    const listeners = this.#emitter.rawListeners('wire')
    const thrown = (failure: unknown) => this.#listenerFailed(failure, wire)
    const isHeard = !this.#isOver && callListeners(listeners, this, [wire, source], thrown)
    // without a listener its errors would be uncaught
    if (!isHeard) wire.destroy()
  }

  #listenerFailed(thrown: unknown, wire: Wire): void {
    this.#tellFailure(thrown)
    wire.destroy()
  }

  #tellFailure(thrown: unknown): void {
    const failure = asError(thrown)
    if (!this.#emitter.emit('wireError', failure)) warnOfFailure(failure)
  }

  /** A decision function of the application: false if it throws. */
  #guarded<Asked extends unknown[]>(decide: (...asked: Asked) => boolean): (...asked: Asked) => boolean {
    return (...asked) => {
      try {
        return decide(...asked)
      } catch (thrown) {
        this.#tellFailure(thrown)
        return false
      }
    }
  }

  #failed(error: Error): void {
    // a wire that is ended here, or whose peer disconnected, has not failed
    if (this.#isOver || hasLeft(error)) return
    if (failed.hasSubscribers) failed.publish({ error, session: undefined })
    debug('connection failed: %s', error.message)
    this.#emitter.emit('wireError', error)
  }
}

function scheme(bytes: Duplex & { encrypted?: boolean }, { encryption }: MessageWire): string {
  return `rtmp${bytes instanceof TunnelSession ? 't' : ''}${encryption ? 'e' : ''}${bytes.encrypted ? 's' : ''}`
}

/** `createWireServer(wire => ...)`, `createWireServer(options, wire => ...)`: see WireServer. */
export function createWireServer(onWire?: (wire: Wire, source: WireSource) => void): WireServer
export function createWireServer(
  options: WireServerOptions,
  onWire?: (wire: Wire, source: WireSource) => void
): WireServer
export function createWireServer(
  given: WireServerOptions | ((wire: Wire, source: WireSource) => void) = {},
  onWire?: (wire: Wire, source: WireSource) => void
): WireServer {
  const [options, listener] = typeof given === 'function' ? [{}, given] : [given, onWire]
  const server = new WireServer(options)
  if (listener !== undefined) server.on('wire', listener)
  return server
}
