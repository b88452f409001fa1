import { hash, timingSafeEqual } from 'node:crypto'

/** Of SHA-256. */
const BLOCK_LENGTH = 64
const DIGEST_LENGTH = 32
const INNER_PAD = 0x36
const OUTER_PAD = 0x5c
/** Enough for a packet that fits any path; the buffer grows for longer ones. */
const SCRATCH_LENGTH = BLOCK_LENGTH + 1536

/**
 * HMAC-SHA256 (RFC 2104) of many packets with one key. Two calls of `hash`, which return strings of bytes, take half as long as an Hmac object
 * for each packet.
 */
export class PacketHmac {
  /** The padded key, followed by the bytes that are hashed. */
  #inner: Buffer
  readonly #outer: Buffer
  readonly #expected = Buffer.alloc(DIGEST_LENGTH)

  /** `key` has at most 64 bytes. */
  constructor(key: Buffer) {
    this.#inner = padded(key, INNER_PAD, SCRATCH_LENGTH)
    this.#outer = padded(key, OUTER_PAD, BLOCK_LENGTH + DIGEST_LENGTH)
  }

  /** Writes the first `length` bytes of the HMAC of `bytes` into `target`. */
  write(bytes: Buffer, target: Buffer, at: number, length: number): void {
    const end = BLOCK_LENGTH + bytes.length
    if (end > this.#inner.length)
      this.#inner = Buffer.concat([this.#inner.subarray(0, BLOCK_LENGTH), Buffer.allocUnsafeSlow(bytes.length)])
    this.#inner.set(bytes, BLOCK_LENGTH)
    this.#outer.write(hash('sha256', this.#inner.subarray(0, end), 'binary'), BLOCK_LENGTH, 'latin1')
    target.write(hash('sha256', this.#outer, 'binary'), at, length, 'latin1')
  }

  /** Whether `hmac` is that of `bytes`, truncated to as many bytes as it has. */
  verifies(bytes: Buffer, hmac: Buffer): boolean {
    this.write(bytes, this.#expected, 0, hmac.length)
    return timingSafeEqual(this.#expected.subarray(0, hmac.length), hmac)
  }
}

function padded(key: Buffer, pad: number, length: number): Buffer {
  const bytes = Buffer.alloc(length)
  for (let i = 0; i < BLOCK_LENGTH; i++) bytes[i] = (key[i] ?? 0) ^ pad
  return bytes
}
