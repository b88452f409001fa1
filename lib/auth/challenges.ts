import { createHmac, timingSafeEqual } from 'node:crypto'
import type { Clock } from '../clock.ts'

/** Bytes of a challenge's time, of its signature, and of a salt. */
const TIME = 6
const SIGNATURE = 16
const SALT = 8

/**
 * Challenges that need no storage: each is its time and a signature over the time, the scheme and the user. They are
 * base64url, which no program escapes, and short, because FFmpeg reads 255 bytes of a description.
 */
export class Challenges {
  readonly #secret: string | Uint8Array
  readonly #clock: Pick<Clock, 'now'>
  readonly #maxAgeMs: number

  constructor(secret: string | Uint8Array, clock: Pick<Clock, 'now'>, maxAgeMs: number) {
    this.#secret = secret
    this.#clock = clock
    this.#maxAgeMs = maxAgeMs
  }

  /** The salt of a user, existing or not. */
  salt(user: string): string {
    return this.#hmac('salt', user).toString('base64url', 0, SALT)
  }

  make(scheme: string, user: string): string {
    return this.#at(Math.floor(this.#clock.now()), scheme, user).toString('base64url')
  }

  /** Whether it was issued here, for this scheme and user, and has not expired. */
  isGood(challenge: string, scheme: string, user: string): boolean {
    const bytes = Buffer.from(challenge, 'base64url')
    if (bytes.length !== TIME + SIGNATURE) return false
    const time = bytes.readUIntBE(0, TIME)
    if (!timingSafeEqual(bytes, this.#at(time, scheme, user))) return false
    return Math.abs(this.#clock.now() - time) <= this.#maxAgeMs
  }

  #at(time: number, scheme: string, user: string): Buffer {
    const bytes = Buffer.alloc(TIME + SIGNATURE)
    bytes.writeUIntBE(time, 0, TIME)
    this.#hmac(`${scheme} ${time}`, user).copy(bytes, TIME, 0, SIGNATURE)
    return bytes
  }

  #hmac(purpose: string, user: string): Buffer {
    return createHmac('sha256', this.#secret).update(`${purpose} ${user}`).digest()
  }
}
