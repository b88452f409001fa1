import { ByteReader } from '../../bytes/byte-reader.ts'
import { ByteWriter } from '../../bytes/byte-writer.ts'
import { type DiffieHellmanGroup, numberOf, primeOf } from '../../crypto/diffie-hellman.ts'
import { readVlu, writeVlu } from '../wire/vlu.ts'

/** A public key and its Diffie-Hellman group, as options carry them (RFC 7425, 4.3.3.5, 4.5.2.1). */
export interface GroupKey {
  /** The number of the group in IKE. Other endpoints may use any group. */
  readonly group: number
  /** The most significant byte first, of any length. */
  readonly publicKey: Buffer
}

/** @throws ProtocolError `ERR_RTMP_VLU`, `ERR_RTMP_TRUNCATED`. */
export const readGroup = (value: Buffer): number => readVlu(new ByteReader(value, 'rtmfp'))

export function writeGroup(group: number): Buffer {
  const writer = new ByteWriter(1)
  writeVlu(writer, group)
  return writer.done()
}

/** @throws ProtocolError `ERR_RTMP_VLU`, `ERR_RTMP_TRUNCATED`. */
export function readGroupKey(value: Buffer): GroupKey {
  const reader = new ByteReader(value, 'rtmfp')
  return { group: readVlu(reader), publicKey: reader.view(reader.left) }
}

export function writeGroupKey({ group, publicKey }: GroupKey): Buffer {
  const writer = new ByteWriter(publicKey.length + 1)
  writeVlu(writer, group)
  return writer.raw(publicKey).done()
}

const MIN_DISTANCE = 1n << 24n
const MIN_BITS = 16

/**
 * Whether a public key may be used in a group: not near 0 nor the prime, and neither nearly all zeros nor nearly all ones
 * (RFC 7425, 4.6.2).
 */
export function isAcceptable(publicKey: Buffer, group: DiffieHellmanGroup): boolean {
  const key = numberOf(publicKey)
  if (key < MIN_DISTANCE || key > numberOf(primeOf(group)) - MIN_DISTANCE) return false
  const bits = key.toString(2)
  const ones = bits.replaceAll('0', '').length
  return ones >= MIN_BITS && bits.length - ones >= MIN_BITS
}

/** A number as it is sent, and as a shared secret is hashed (RFC 7425, 4.6.2): without leading zeros, which 1 in 256 numbers has. */
export const withoutZeros = (number: Buffer): Buffer => number.subarray(number.findIndex(byte => byte !== 0))
