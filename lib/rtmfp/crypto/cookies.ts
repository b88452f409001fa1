import { randomBytes, timingSafeEqual } from 'node:crypto'
import { hmacSha256 } from '../../crypto/digest.ts'

/** Milliseconds that a cookie is valid for: no less than an initiator tries (RFC 7016, 3.5.1.2). */
export const COOKIE_LIFE_MS = 95_000
const SECRET_LENGTH = 32
/** Programs of Flash's time complain about any other length. */
const COOKIE_LENGTH = 64
const TIME_LENGTH = 4
const MADE_HERE_LENGTH = 28
const MADE_HERE_END = TIME_LENGTH + MADE_HERE_LENGTH

/** The result of a check: the cookie is valid for this address, valid for another address, or not of this responder. */
export type CookieCheck = 'good' | 'other address' | 'bad'

/**
 * Makes and checks the cookies of a responder, which keeps no state until an initiator has proved its address (RFC 7016, 3.5.1.2). A cookie
 * consists of a time in seconds, its HMAC, and the HMAC of the time and the address. The secret changes after each lifetime of a cookie.
 */
export class Cookies {
  #secrets: readonly Buffer[] = [randomBytes(SECRET_LENGTH)]
  #period = 0

  /** A cookie of 64 bytes for an address, in any text form that is always the same. `now` is in ms. */
  make(address: string, now: number): Buffer {
    const time = Buffer.alloc(TIME_LENGTH)
    time.writeUInt32BE(Math.floor(now / 1000))
    const secret = this.#secretOf(now, now)!
    return Buffer.concat([time, madeHere(secret, time), madeFor(secret, time, address)])
  }

  check(cookie: Buffer, address: string, now: number): CookieCheck {
    if (cookie.length !== COOKIE_LENGTH) return 'bad'
    const time = cookie.subarray(0, TIME_LENGTH)
    const madeAt = time.readUInt32BE() * 1000
    const secret = madeAt > now || now - madeAt > COOKIE_LIFE_MS ? undefined : this.#secretOf(madeAt, now)
    if (secret === undefined || !timingSafeEqual(cookie.subarray(TIME_LENGTH, MADE_HERE_END), madeHere(secret, time)))
      return 'bad'
    return timingSafeEqual(cookie.subarray(MADE_HERE_END), madeFor(secret, time, address)) ? 'good' : 'other address'
  }

  /** The secret of a time; undefined if it is older than the current and the previous one. */
  #secretOf(moment: number, now: number): Buffer | undefined {
    const period = Math.floor(now / COOKIE_LIFE_MS)
    if (period > this.#period) {
      this.#secrets = [randomBytes(SECRET_LENGTH), this.#secrets[0]!]
      this.#period = period
    }
    return this.#secrets[this.#period - Math.floor(moment / COOKIE_LIFE_MS)]
  }
}

const madeHere = (secret: Buffer, time: Buffer): Buffer => hmacSha256(secret, time).subarray(0, MADE_HERE_LENGTH)

const madeFor = (secret: Buffer, time: Buffer, address: string): Buffer =>
  hmacSha256(secret, time, Buffer.from(address))
