import { randomBytes } from 'node:crypto'
import { ByteQueue } from '../bytes/byte-queue.ts'
import { DiffieHellman } from '../crypto/diffie-hellman.ts'
import { ProtocolError, type RtmpErrorCode } from '../errors.ts'
import { type Ciphers, ciphersOf, type Encryption, encipheredSignature } from './encryption.ts'
import {
  type DigestScheme,
  findDigest,
  HANDSHAKE_LENGTH,
  PACKET_LENGTH,
  type Role,
  readKey,
  SIGNATURE_START,
  signatureOf,
  VERSION_LENGTH,
  writeDigest,
  writeKey
} from './packets.ts'

/** Options of both sides of a handshake. */
export interface HandshakeOptions {
  /** The time in C1 or S1, in milliseconds, 32 bits (RTMP 1.0, 5.2.3). */
  time?: number
  /** The source of random bytes, except for keys. */
  random?: (length: number) => Buffer
}

/**
 * The result of feeding bytes to a handshake: bytes to send, and, at its end, the bytes after it. So no byte is lost
 * where the chunk stream starts.
 */
export interface HandshakeStep {
  /** Bytes to send to the peer; undefined for none. */
  readonly reply: Buffer | undefined
  /** Set at the end of the handshake; often empty. As received: see `ciphers`. */
  readonly rest: Buffer | undefined
}

/**
 * One side of a handshake, a pure state machine that a stream carries (RTMP 1.0, 5.2). Both sides wait for the peer's
 * version and first packet, answer it, and end when the second packet has arrived. Without encryption the contents of
 * the second packet are ignored: GStreamer's rtmp2sink does not echo S1 (captures/gst-rtmp2sink-publish), and errata 3
 * forbids checking it. For RTMPE everything must match, because the keys depend on it.
 *
 * @example
 * ```ts
 * function isDone(handshake: Handshake, bytes: Buffer): boolean {
 *   return handshake.feed(bytes).rest !== undefined
 * }
 * ```
 */
export abstract class Handshake {
  readonly #queue = new ByteQueue()
  readonly #role: Role
  #answered = false
  /** Of our first packet: its digest, and the key in it. */
  #digest: Buffer | undefined
  #exchange: DiffieHellman | undefined
  /** The source of random bytes: see HandshakeOptions. */
  protected readonly random: (length: number) => Buffer
  protected readonly time: number

  /** Bytes that were fed. */
  received = 0

  /** The position of the peer's digest; undefined for a simple handshake, and before the peer's first packet. */
  scheme: DigestScheme | undefined

  /** The version of RTMPE after the handshake; undefined without encryption, and until it is negotiated. */
  encryption: Encryption | undefined

  /** The ciphers of `rest` and everything after it; undefined without encryption. */
  ciphers: Ciphers | undefined

  /** The last 32 bytes of S1, once available: the key of SWF verification. */
  swfKey: Buffer | undefined

  constructor(role: Role, { time = 0, random = randomBytes }: HandshakeOptions = {}) {
    this.#role = role
    this.time = time >>> 0
    this.random = random
  }

  /** The bytes this side sends first. */
  abstract hello(): Buffer

  /** Whether this side accepts a peer of this version. */
  protected abstract accepts(version: number): boolean

  /** The answer to the peer's version and first packet. */
  protected abstract answer(version: number, packet: Buffer): Buffer

  /** Missing bytes of the handshake. */
  get missing(): number {
    return Math.max(0, HANDSHAKE_LENGTH - this.received)
  }

  /** @throws ProtocolError `ERR_RTMP_HANDSHAKE_VERSION`; for RTMPE `_DIGEST`, `_KEY` and `_SIGNATURE`. */
  feed(bytes: Buffer): HandshakeStep {
    this.received += bytes.length
    this.#queue.push(bytes)
    const reply = this.#answered ? undefined : this.#first()
    const second = this.#answered ? this.#queue.take(PACKET_LENGTH) : undefined
    if (second !== undefined) this.#check(second)
    return { reply, rest: second && this.#queue.rest() }
  }

  #first(): Buffer | undefined {
    if (this.#queue.length === 0) return undefined
    const version = this.#queue.at(0)
    if (!this.accepts(version)) throw failure('ERR_RTMP_HANDSHAKE_VERSION', 0, `${version}`)
    const packet = this.#queue.take(VERSION_LENGTH + PACKET_LENGTH)?.subarray(VERSION_LENGTH)
    if (packet === undefined) return undefined
    this.#answered = true
    return this.answer(version, packet)
  }

  /** Our C1 or S1: simple without a scheme, with a key in it if it is to lead to RTMPE. */
  protected firstPacket(version: number, scheme: DigestScheme | undefined, leadsToRtmpe: boolean): Buffer {
    const packet = Buffer.concat([Buffer.alloc(8), this.random(PACKET_LENGTH - 8)])
    packet.writeUInt32BE(this.time, 0)
    packet.writeUInt32BE(version, 4)
    if (scheme === undefined) return packet
    if (leadsToRtmpe) {
      this.#exchange = new DiffieHellman()
      writeKey(packet, scheme, this.#exchange.publicKey)
    }
    this.#digest = writeDigest(packet, scheme, this.#role)
    return packet
  }

  /** Copies it out of S1: it lives as long as the connection, and 32 bytes must not pin the block they lie in. */
  protected keepSwfKey(s1: Buffer): void {
    const key = Buffer.allocUnsafeSlow(PACKET_LENGTH - SIGNATURE_START)
    s1.copy(key, 0, SIGNATURE_START)
    this.swfKey = key
  }

  /** The digest of the peer's first packet; undefined for a simple one. */
  protected findDigest(packet: Buffer): Buffer | undefined {
    const found = findDigest(packet, this.#peer)
    this.scheme = found?.scheme
    return found?.digest
  }

  /** Agrees on this version of RTMPE with the sender of this first packet. */
  protected agree(encryption: Encryption, packet: Buffer): void {
    if (this.scheme === undefined) throw failure('ERR_RTMP_HANDSHAKE_DIGEST', VERSION_LENGTH)
    const { key, offset } = readKey(packet, this.scheme)
    const exchange = this.#exchange!
    const secret = exchange.secret(key)
    if (secret === undefined) throw failure('ERR_RTMP_HANDSHAKE_KEY', VERSION_LENGTH + offset)
    this.encryption = encryption
    this.ciphers = ciphersOf(secret, { ours: exchange.publicKey, theirs: key })
  }

  /** Our C2 or S2: random bytes, signed over the peer's digest. */
  protected secondPacket(digest: Buffer): Buffer {
    const packet = Buffer.from(this.random(PACKET_LENGTH))
    this.#signature(packet, digest, this.#role).copy(packet, SIGNATURE_START)
    return packet
  }

  #check(second: Buffer): void {
    if (this.encryption === undefined) return
    const expected = this.#signature(second, this.#digest!, this.#peer)
    if (expected.equals(second.subarray(SIGNATURE_START))) return
    throw failure('ERR_RTMP_HANDSHAKE_SIGNATURE', VERSION_LENGTH + PACKET_LENGTH + SIGNATURE_START)
  }

  #signature(packet: Buffer, answered: Buffer, role: Role): Buffer {
    const { signature, key } = signatureOf(packet, answered, role)
    return this.encryption === undefined ? signature : encipheredSignature(signature, key, this.encryption)
  }

  get #peer(): Role {
    return this.#role === 'client' ? 'server' : 'client'
  }
}

const failure = (code: RtmpErrorCode, offset: number, detail?: string): ProtocolError =>
  new ProtocolError(code, { layer: 'handshake', offset, detail })
