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

/**
 * The message of a Ping that tells whether a session's peer is at a new address (RFC 7016, 3.5.4.2): a time, and a hash of it and the
 * address with a secret of this side. Only who is there can send it back.
 */
export function mobilityCheck(secret: Buffer, place: Place, now: number): Buffer {
  const writer = new ByteWriter(40).u8(MARK)
  writeVlu(writer, Math.floor(now / 1000))
  const head = writer.done()
  return Buffer.concat([head, checkOf(secret, head, place)])
}

/** The second that a Ping Reply answers a check of; undefined if it is none for this address, or too old. */
export function checkedAt(secret: Buffer, message: Buffer, place: Place, now: number): number | undefined {
  const head = message.subarray(0, -CHECK_LENGTH)
  if (message[0] !== MARK || head.length < 2) return undefined
  if (!timingSafeEqual(message.subarray(head.length), checkOf(secret, head, place))) return undefined
  const second = readVlu(new ByteReader(head, 'rtmfp', 1))
  return second + LIFE_SECONDS >= now / 1000 ? second : undefined
}

const checkOf = (secret: Buffer, head: Buffer, place: Place): Buffer =>
  hmacSha256(secret, head, Buffer.from(addressText(place)))
