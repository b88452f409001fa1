import { ByteReader } from '../../bytes/byte-reader.ts'
import type { ByteWriter } from '../../bytes/byte-writer.ts'
import { readVlu, vluLength, writeVlu } from './vlu.ts'

/** An Option (RFC 7016, 2.1.3): a type and a value of any length. Without both it is a Marker, which ends a list. */
export interface Option {
  /** 0 to 2^53 - 1; its meaning depends on the list. */
  readonly type: number
  /** The value; empty for an option that consists of its type. */
  readonly value: Buffer
}

/**
 * One Option; undefined for a Marker.
 * @throws ProtocolError `ERR_RTMP_VLU`, `ERR_RTMP_TRUNCATED` for a length beyond the bytes, or one that is too short for its type.
 */
export function readOption(reader: ByteReader): Option | undefined {
  const end = readVlu(reader) + reader.offset
  if (end === reader.offset) return undefined
  const within = new ByteReader(reader.bytes.subarray(0, end), 'rtmfp', reader.offset)
  // a length beyond the bytes is reported as such, not as a truncated type
  reader.view(end - reader.offset)
  const type = readVlu(within)
  return { type, value: within.view(within.left) }
}

/** The Options up to a Marker, which is consumed (RFC 7016, 2.1.4). @throws ProtocolError as readOption, also without a Marker. */
export function readOptionList(reader: ByteReader): Option[] {
  const options: Option[] = []
  for (let option = readOption(reader); option !== undefined; option = readOption(reader)) options.push(option)
  return options
}

/**
 * All Options of a field that consists of them, as certificates, discriminators and keying components do; undefined stands for a Marker.
 * @throws ProtocolError as readOption; offsets are relative to the field.
 */
export function readOptions(field: Buffer): (Option | undefined)[] {
  const reader = new ByteReader(field, 'rtmfp')
  const options: (Option | undefined)[] = []
  while (reader.left > 0) options.push(readOption(reader))
  return options
}

/** Writes one Option, or a Marker for undefined. */
export function writeOption(writer: ByteWriter, option: Option | undefined): void {
  if (option === undefined) {
    writer.u8(0)
    return
  }
  writeVlu(writer, vluLength(option.type) + option.value.length)
  writeVlu(writer, option.type)
  writer.raw(option.value)
}

/** Bytes that writeOptionList writes. */
export function optionListLength(options: readonly Option[]): number {
  let length = 1
  for (const { type, value } of options) {
    const optionLength = vluLength(type) + value.length
    length += vluLength(optionLength) + optionLength
  }
  return length
}

/** Writes Options and a Marker after them. */
export function writeOptionList(writer: ByteWriter, options: readonly Option[]): void {
  for (const option of options) writeOption(writer, option)
  writeOption(writer, undefined)
}
