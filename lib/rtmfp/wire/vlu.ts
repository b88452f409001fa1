import type { ByteReader } from '../../bytes/byte-reader.ts'
import type { ByteWriter } from '../../bytes/byte-writer.ts'
import { ProtocolError } from '../../errors.ts'

/** Seven bits per byte: ten bytes carry the 64 bits that RFC 7016 (2.1.2) requires. */
export const MAX_VLU_LENGTH = 10

/**
 * A variable length unsigned integer (RFC 7016, 2.1.2): base 128, most significant byte first, bit 7 set in each but the last.
 * Leading `80` bytes are legal.
 * @throws ProtocolError `ERR_RTMP_VLU` for more than 10 bytes or a value above 2^53 - 1, `ERR_RTMP_TRUNCATED`.
 */
export function readVlu(reader: ByteReader): number {
  const { offset } = reader
  let value = 0
  for (let length = 1; length <= MAX_VLU_LENGTH; length++) {
    const byte = reader.u8()
    value = value * 128 + (byte & 0x7f)
    if (byte >= 0x80) continue
    if (value <= Number.MAX_SAFE_INTEGER) return value
    break
  }
  throw new ProtocolError('ERR_RTMP_VLU', { layer: reader.layer, offset })
}

/** Writes `value` in the fewest bytes. @throws RangeError unless it is a whole number from 0 to 2^53 - 1. */
export function writeVlu(writer: ByteWriter, value: number): void {
  for (let rest = vluLength(value) - 1; rest > 0; rest--) writer.u8((Math.floor(value / 128 ** rest) & 0x7f) | 0x80)
  writer.u8(value & 0x7f)
}

/** Bytes that writeVlu writes. @throws RangeError unless it is a whole number from 0 to 2^53 - 1. */
export function vluLength(value: number): number {
  if (!Number.isSafeInteger(value) || value < 0)
    throw new RangeError(`a VLU must be a whole number from 0 to 2^53 - 1, not ${value}`)
  let length = 1
  for (let rest = value; rest >= 128; rest = Math.floor(rest / 128)) length++
  return length
}

/** A view of bytes that follow their length, a VLU. @throws ProtocolError as readVlu. */
export const readSized = (reader: ByteReader): Buffer => reader.view(readVlu(reader))

/** Writes the length of bytes, a VLU, and the bytes. */
export function writeSized(writer: ByteWriter, bytes: Uint8Array): void {
  writeVlu(writer, bytes.length)
  writer.raw(bytes)
}
