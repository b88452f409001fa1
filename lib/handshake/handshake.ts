import { randomBytes } from 'node:crypto'
import { ByteQueue } from '../bytes/byte-queue.ts'
import { ProtocolError } from '../errors.ts'
import { type DigestScheme, HANDSHAKE_LENGTH, PACKET_LENGTH, VERSION_LENGTH } from './packets.ts'

export interface HandshakeOptions {
  /** Milliseconds that C1 or S1 gives as its time, 32 bits (RTMP 1.0, 5.2.3). */
  time?: number
  /** Where random bytes come from. */
  random?: (length: number) => Buffer
}

/**
 * What a handshake makes of the bytes it is fed: what to send back, and, once it is over, the bytes that came behind it. So no
 * byte is lost where the chunk stream begins.
 */
export interface HandshakeStep {
  readonly reply: Buffer | undefined
  /** There when the handshake is over; often empty. */
  readonly rest: Buffer | undefined
}

/**
 * One side of a handshake, a pure machine that a stream carries (RTMP 1.0, 5.2). Both sides do the same: they wait for the
 * peer's version and first packet, answer it, and are over when the second packet has come. What that one holds is not
 * looked at: GStreamer's rtmp2sink does not echo S1 (captures/gst-rtmp2sink-publish), and errata 3 forbids to mind.
 */
export abstract class Handshake {
  readonly #queue = new ByteQueue()
  #answered = false
  protected readonly random: (length: number) => Buffer
  protected readonly time: number

  /** Bytes that were fed. */
  received = 0

  /** Where the peer's digest lies; undefined for a simple handshake, and until the peer's first packet has come. */
  scheme: DigestScheme | undefined

  constructor({ time = 0, random = randomBytes }: HandshakeOptions = {}) {
    this.time = time >>> 0
    this.random = random
  }

  /** What this side sends before it has heard anything. */
  abstract hello(): Buffer

  /** Whether this side goes on with a peer of this version. */
  protected abstract accepts(version: number): boolean

  /** What is sent in answer to the peer's first packet. */
  protected abstract answer(packet: Buffer): Buffer

  /** Bytes of the handshake that are still to come. */
  get missing(): number {
    return Math.max(0, HANDSHAKE_LENGTH - this.received)
  }

  /** @throws ProtocolError `ERR_RTMP_HANDSHAKE_VERSION`. */
  feed(bytes: Buffer): HandshakeStep {
    this.received += bytes.length
    this.#queue.push(bytes)
    const reply = this.#answered ? undefined : this.#first()
    const second = this.#answered ? this.#queue.take(PACKET_LENGTH) : undefined
    return { reply, rest: second && this.#queue.rest() }
  }

  #first(): Buffer | undefined {
    if (this.#queue.length === 0) return undefined
    const version = this.#queue.at(0)
    if (!this.accepts(version)) {
      throw new ProtocolError('ERR_RTMP_HANDSHAKE_VERSION', { layer: 'handshake', offset: 0, detail: `${version}` })
    }
    const packet = this.#queue.take(VERSION_LENGTH + PACKET_LENGTH)?.subarray(VERSION_LENGTH)
    if (packet === undefined) return undefined
    this.#answered = true
    return this.answer(packet)
  }
}

/** The first eight bytes of C1 or S1, time and version, and behind them random ones. */
export function firstPacket(time: number, version: number, random: (length: number) => Buffer): Buffer {
  const packet = Buffer.concat([Buffer.alloc(8), random(PACKET_LENGTH - 8)])
  packet.writeUInt32BE(time, 0)
  packet.writeUInt32BE(version, 4)
  return packet
}
