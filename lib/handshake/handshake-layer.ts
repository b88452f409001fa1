import type { Duplex } from 'node:stream'
import { type Clock, systemClock } from '../clock.ts'
import { ProtocolError } from '../errors.ts'
import { type Limits, limitsWith } from '../limits.ts'
import { Layer, type LayerOptions } from '../stream/layer.ts'
import { isGone } from '../stream/read-out.ts'
import { ClientHandshake, type ClientHandshakeOptions } from './client-handshake.ts'
import type { Ciphers, Encryption } from './encryption.ts'
import type { Handshake } from './handshake.ts'
import type { DigestScheme } from './packets.ts'
import { ServerHandshake } from './server-handshake.ts'

/** Options of HandshakeStream and MessageWire. */
export interface HandshakeLayerOptions extends Pick<ClientHandshakeOptions, 'digest' | 'random'> {
  /** Which side of the handshake this is: `'server'` unless told. A client speaks first. */
  role?: 'server' | 'client'
  /**
   * RTMPE: the version a client asks for, 6 as a rule; it never falls back to the clear. A server speaks each of them to clients
   * that ask, unless this is false.
   */
  encryption?: Encryption | false
  /** The limits that differ from the defaults: see Limits. `handshakeMs` is heeded. */
  limits?: Partial<Limits>
  /** The clock it measures time by: the system's. */
  clock?: Clock
}

/** Events of HandshakeStream and MessageWire, beside those of every layer. */
export interface HandshakeStreamEvents {
  /** The handshake is over. */
  handshake: []
}

/**
 * The common part of HandshakeStream and MessageWire: a layer over a Duplex of bytes that performs the handshake,
 * passes the bytes after it to `plain`, and encrypts what goes down if RTMPE was negotiated. See HandshakeStream for
 * its events and errors.
 */
export abstract class HandshakeLayer<Upper = Buffer, Written = Upper> extends Layer<
  Buffer,
  Upper,
  HandshakeStreamEvents,
  Written
> {
  readonly #handshake: Handshake
  #stopTimer: () => void
  #over = false
  #ciphers: Ciphers | undefined
  /** Bytes that have come from the lower and gone down to it, handshake included. */
  protected bytesIn = 0
  protected bytesOut = 0

  constructor(lower: Duplex, options: HandshakeLayerOptions, above: Omit<LayerOptions, 'opens'>) {
    const { limits, clock = systemClock } = options
    const { handshakeMs } = limitsWith(limits)
    // ahead of super, which listens to the lower: an option that is wrong must leave nothing half-built there
    const handshake = handshakeWith(options, clock.now())
    super(lower, { ...above, opens: true })
    this.#handshake = handshake
    const hello = this.#handshake.hello()
    if (hello.length > 0) this.answer(hello)
    this.#stopTimer = clock.after(handshakeMs, () => this.destroy(this.#late()))
  }

  /** By which scheme the peer's digest was found; undefined for a simple handshake, and before it is over. */
  get digestScheme(): DigestScheme | undefined {
    return this.#over ? this.#handshake.scheme : undefined
  }

  /** The version of RTMPE that is spoken; undefined in the clear, and before the handshake is over. */
  get encryption(): Encryption | undefined {
    return this.#over ? this.#handshake.encryption : undefined
  }

  /** The last 32 bytes of S1, once it is there. */
  protected get swfKey(): Buffer | undefined {
    return this.#handshake.swfKey
  }

  protected override inbound(bytes: Buffer): void | Iterable<Upper> {
    this.bytesIn += bytes.length
    if (this.#over) return this.#heard(bytes)
    const { reply, rest } = this.#handshake.feed(bytes)
    if (reply !== undefined) this.answer(reply)
    if (rest === undefined) return
    this.#over = true
    this.#ciphers = this.#handshake.ciphers
    this.#stopTimer()
    this.#stopTimer = () => {}
    this.open()
    this.emit('handshake')
    if (rest.length > 0) return this.#heard(rest)
  }

  #heard(bytes: Buffer): void | Iterable<Upper> {
    return this.plain(this.#ciphers?.incoming.turn(bytes) ?? bytes)
  }

  /** What goes down in this turn goes at its end. */
  protected corkTurn(): void {
    if (this.lower.writableCorked > 0) return
    this.lower.cork()
    process.nextTick(uncork, this.lower)
  }

  /** Enciphers into a buffer of its own: the bytes of a batch are in the hands of other players too. */
  protected override encoded(bytes: Buffer): Buffer {
    this.bytesOut += bytes.length
    return this.#ciphers?.outgoing.turn(bytes) ?? bytes
  }

  /** Receives the bytes after the handshake. */
  protected abstract plain(bytes: Buffer): void | Iterable<Upper>

  protected override ended(): void {
    if (this.#over) {
      super.ended()
      return
    }
    this.tell({ layer: 'handshake', offset: this.#handshake.received, missing: this.#handshake.missing })
    this.destroy()
  }

  /**
   * RTMP has no half-close: a peer that has ended is gone, and a failed write is then not an error. If the connection
   * breaks, everything received and the end are read before the error.
   */
  protected override failed(error: Error): void {
    if (this.lower.readableEnded) this.whenRead(() => this.destroy())
    else if (this.#over && isGone(error)) {
      this.whenUp(() => this.ended())
      this.whenRead(() => this.destroy(error))
    } else super.failed(error)
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    this.#stopTimer()
    super._destroy(error, done)
  }

  #late(): ProtocolError {
    return new ProtocolError('ERR_RTMP_HANDSHAKE_TIMEOUT', { layer: 'handshake', offset: this.#handshake.received })
  }
}

const uncork = (lower: Duplex) => lower.uncork()

function handshakeWith({ role, digest, encryption, random }: HandshakeLayerOptions, time: number): Handshake {
  const common = { time, ...(random && { random }) }
  if (role === 'client') {
    const asked = { ...(digest !== undefined && { digest }), ...(encryption && { encryption }) }
    return new ClientHandshake({ ...common, ...asked })
  }
  if (encryption) throw new TypeError('encryption of a server must be false or omitted: the client selects it')
  return new ServerHandshake({ ...common, encryption: encryption !== false })
}
