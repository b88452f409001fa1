import { type ChunkFormat, type ChunkHeader, EXTENDED_TIMESTAMP } from './chunk.ts'

/** Bytes of the message header by format, an extended timestamp not counted (RTMP 1.0, 5.3.1.2). */
export const MESSAGE_HEADER_LENGTH = [11, 7, 3, 0] as const

/** From this chunk stream id on a basic header is longer than a byte (RTMP 1.0, 5.3.1.1). */
export const LONG_BASIC_HEADER = 64

/** What a message header is written from. */
export interface MessageHeaderFields {
  /** What a reader adds when a message begins with format 3: after format 0 that is the timestamp itself (5.3.1.2.4). */
  readonly delta: number
  /** The extended timestamp field, which every format 3 chunk repeats; undefined where 24 bits are enough. */
  readonly extended: number | undefined
  readonly length: number
  readonly type: number
  readonly messageStreamId: number
}

/** What a header is read into: one serves a reader for all its chunks. What a header's format leaves out is not touched. */
export class HeaderFields implements MessageHeaderFields {
  format: ChunkFormat = 0
  chunkStreamId = 0
  /** The timestamp field, extended where it is: a timestamp in format 0, a delta in 1 and 2. */
  delta = 0
  extended: number | undefined = undefined
  length = 0
  type = 0
  messageStreamId = 0
}

/** One byte for 2 to 63, two up to 319, three up to 65599, the last form little-endian (errata 4.1). Gives its end. */
export function putBasicHeader(bytes: Buffer, at: number, format: ChunkFormat, chunkStreamId: number): number {
  if (chunkStreamId < LONG_BASIC_HEADER) return bytes.writeUInt8((format << 6) | chunkStreamId, at)
  if (chunkStreamId < 320) return bytes.writeUInt8(chunkStreamId - 64, bytes.writeUInt8(format << 6, at))
  return bytes.writeUInt16LE(chunkStreamId - 64, bytes.writeUInt8((format << 6) | 1, at))
}

/** The inverse of putBasicHeader, of every form: its end, or 0 while it is not all there. */
export function readBasicHeader(bytes: Buffer, at: number, into: HeaderFields): number {
  if (at >= bytes.length) return 0
  const first = bytes[at]!
  const id = first & 0x3f
  into.format = (first >> 6) as ChunkFormat
  if (id > 1) {
    into.chunkStreamId = id
    return at + 1
  }
  const end = at + 2 + id
  if (end > bytes.length) return 0
  into.chunkStreamId = LONG_BASIC_HEADER + bytes[at + 1]! + (id === 0 ? 0 : bytes[at + 2]! * 256)
  return end
}

/** The message header of a format: 11, 7, 3 or 0 bytes, and an extended timestamp after them. Returns its end. */
export function putMessageHeader(bytes: Buffer, at: number, format: ChunkFormat, fields: MessageHeaderFields): number {
  let to = at
  if (format < 3) to = bytes.writeUIntBE(fields.extended === undefined ? fields.delta : EXTENDED_TIMESTAMP, to, 3)
  if (format < 2) to = bytes.writeUInt8(fields.type, bytes.writeUIntBE(fields.length, to, 3))
  if (format === 0) to = bytes.writeUInt32LE(fields.messageStreamId, to)
  return fields.extended === undefined ? to : bytes.writeUInt32BE(fields.extended, to)
}

/** Of bytes that are there: readUIntBE would look again, twice a message. */
const u24 = (bytes: Buffer, at: number): number => (bytes[at]! << 16) | (bytes[at + 1]! << 8) | bytes[at + 2]!

/**
 * The inverse of putMessageHeader, of the format that readBasicHeader found: its end, or 0 while it is not all there. Only of format 3
 * it leaves the extended timestamp: whether that is there no field says, but `repeatedTimestamp`.
 */
export function readMessageHeader(bytes: Buffer, at: number, into: HeaderFields): number {
  const { format } = into
  if (format === 3) return at
  const end = at + MESSAGE_HEADER_LENGTH[format]
  if (end > bytes.length) return 0
  const field = u24(bytes, at)
  const isExtended = field === EXTENDED_TIMESTAMP
  if (isExtended && end + 4 > bytes.length) return 0
  if (format < 2) {
    into.length = u24(bytes, at + 3)
    into.type = bytes[at + 6]!
  }
  if (format === 0) into.messageStreamId = bytes.readUInt32LE(at + 7)
  into.delta = isExtended ? bytes.readUInt32BE(end) : field
  into.extended = isExtended ? into.delta : undefined
  return isExtended ? end + 4 : end
}

/**
 * How long the extended timestamp of a format 3 chunk is: 4, or 0 for a peer that leaves it out; undefined while the bytes
 * at hand cannot tell. It must be there (errata 5.1), and ffmpeg, nginx-rtmp and GStreamer write it (captures/extts-*); old
 * librtmp and OBS before 30.1 did not (obs-studio pull request 10097). So the first format 3 chunk of a chunk stream is
 * compared with what may stand there: the field as it was, or the absolute timestamp. What it shows holds from then on, for
 * a payload may well begin with the very same bytes.
 */
export function repeatedTimestamp(
  stream: { readonly header: ChunkHeader; readonly delta: number; readonly repeats: boolean | undefined },
  extended: number,
  bytes: Buffer,
  at: number
): 0 | 4 | undefined {
  const there = Math.min(4, bytes.length - at)
  if (stream.repeats === false) return 0
  if (stream.repeats === true) return there < 4 ? undefined : 4
  const absolute = stream.header.timestamp
  for (const value of [extended, absolute, (absolute + stream.delta) >>> 0]) {
    if (!startsWith(bytes, at, there, value)) continue
    return there < 4 ? undefined : 4
  }
  return 0
}

function startsWith(bytes: Buffer, at: number, length: number, value: number): boolean {
  for (let i = 0; i < length; i++) if (bytes[at + i] !== ((value >>> (24 - 8 * i)) & 0xff)) return false
  return true
}
