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

/** One byte for 2 to 63, two up to 319, three up to 65599, the last form little-endian (errata 4.1). */
export function putBasicHeader(bytes: Buffer, at: number, format: ChunkFormat, chunkStreamId: number): number {
  if (chunkStreamId < LONG_BASIC_HEADER) return bytes.writeUInt8((format << 6) | chunkStreamId, at)
  if (chunkStreamId < 320) return bytes.writeUInt8(chunkStreamId - 64, bytes.writeUInt8(format << 6, at))
  return bytes.writeUInt16LE(chunkStreamId - 64, bytes.writeUInt8((format << 6) | 1, at))
}

export function putMessageHeader(bytes: Buffer, at: number, format: ChunkFormat, fields: MessageHeaderFields): number {
  let to = at
  if (format < 3) to = bytes.writeUIntBE(fields.extended === undefined ? fields.delta : EXTENDED_TIMESTAMP, to, 3)
  if (format < 2) to = bytes.writeUInt8(fields.type, bytes.writeUIntBE(fields.length, to, 3))
  if (format === 0) to = bytes.writeUInt32LE(fields.messageStreamId, to)
  return fields.extended === undefined ? to : bytes.writeUInt32BE(fields.extended, to)
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
