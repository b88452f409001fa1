import { timingSafeEqual } from 'node:crypto'
import { ByteReader } from '../../bytes/byte-reader.ts'
import { ByteWriter } from '../../bytes/byte-writer.ts'
import { hmacSha256 } from '../../crypto/digest.ts'
import { addressText } from '../wire/address.ts'
import { readVlu, writeVlu } from '../wire/vlu.ts'
import type { Place } from './datagrams.ts'

const MARK = 0x4d
const CHECK_LENGTH = 32
const LIFE_SECONDS = 120
const INTERVAL_MS = 1000

/** Checks whether the peer of a session has moved to a new address, at most once per second (RFC 7016, 3.5.4.2). */
export class Mobility {
  readonly #secret: Buffer
  #askedAt = Number.NEGATIVE_INFINITY
  #provenSecond = -1

  /** `secret` authenticates the checks of this side. */
  constructor(secret: Buffer) {
    this.#secret = secret
  }

  /** The message of a Ping to a new address that a packet of the peer came from; undefined if the last check was too recent. */
  ask(place: Place, now: number): Buffer | undefined {
    if (now < this.#askedAt + INTERVAL_MS) return undefined
    this.#askedAt = now
    return mobilityCheck(this.#secret, place, now)
  }

  /** Whether a Ping Reply proves that the peer is at a place. */
  proves(message: Buffer, place: Place, now: number): boolean {
    const second = checkedAt(this.#secret, message, place, now)
    // the answer to an earlier check may arrive after that of a later one
    if (second === undefined || second <= this.#provenSecond) return false
    this.#provenSecond = second
    return true
  }
}

/**
 * The message of a Ping that checks whether a session's peer is at a new address (RFC 7016, 3.5.4.2): a time, and a hash of the time and
 * the address with a secret of this side. Only a host that receives at that address can send it back.
 */
export function mobilityCheck(secret: Buffer, place: Place, now: number): Buffer {
  const writer = new ByteWriter(40).u8(MARK)
  writeVlu(writer, Math.floor(now / 1000))
  const head = writer.done()
  return Buffer.concat([head, checkOf(secret, head, place)])
}

/** The time, in seconds, of the check that a Ping Reply answers; undefined if it answers no check of this address, or is too old. */
export function checkedAt(secret: Buffer, message: Buffer, place: Place, now: number): number | undefined {
  const head = message.subarray(0, -CHECK_LENGTH)
  if (message[0] !== MARK || head.length < 2) return undefined
  if (!timingSafeEqual(message.subarray(head.length), checkOf(secret, head, place))) return undefined
  const second = readVlu(new ByteReader(head, 'rtmfp', 1))
  return second + LIFE_SECONDS >= now / 1000 ? second : undefined
}

const checkOf = (secret: Buffer, head: Buffer, place: Place): Buffer =>
  hmacSha256(secret, head, Buffer.from(addressText(place)))
