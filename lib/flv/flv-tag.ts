import type { Message } from '../message/message.ts'

/** 'FLV', version, flags, length of the header (FLV 10.1, E.2); after it the first PreviousTagSize, 0. */
export const FLV_HEADER_LENGTH = 9
export const PREVIOUS_TAG_SIZE_LENGTH = 4
/** Type, length, timestamp and its upper byte, stream id 0 (FLV 10.1, E.4.1). */
export const FLV_TAG_HEADER_LENGTH = 11

/** Audio, video, AMF3 script (Enhanced RTMP v2), script. The bit above them marks an encrypted tag. */
const TAG_TYPES: readonly number[] = [8, 9, 15, 18]
const TAG_TYPE_BITS = 0x1f
const RESERVED_BITS = 0xc0

/** The tracks that a file declares. */
export interface FlvTracks {
  /** Whether there is audio. */
  readonly audio: boolean
  /** Whether there is video. */
  readonly video: boolean
}

const AUDIO_FLAG = 4
const VIDEO_FLAG = 1

export const flvTracks = (flags: number): FlvTracks => ({
  audio: (flags & AUDIO_FLAG) !== 0,
  video: (flags & VIDEO_FLAG) !== 0
})

/** The header, and the PreviousTagSize after it. */
export function flvHeader({ audio, video }: FlvTracks): Buffer {
  const bytes = Buffer.alloc(FLV_HEADER_LENGTH + PREVIOUS_TAG_SIZE_LENGTH)
  bytes.write('FLV', 'latin1')
  bytes[3] = 1
  bytes[4] = (audio ? AUDIO_FLAG : 0) | (video ? VIDEO_FLAG : 0)
  bytes.writeUInt32BE(FLV_HEADER_LENGTH, 5)
  return bytes
}

/** Bytes of a tag, and of the PreviousTagSize after it. */
export const tagLength = ({ payload }: Message): number =>
  FLV_TAG_HEADER_LENGTH + payload.length + PREVIOUS_TAG_SIZE_LENGTH

/** A tag, and the PreviousTagSize after it. */
export function flvTag({ type, timestamp, payload }: Message): Buffer {
  const size = FLV_TAG_HEADER_LENGTH + payload.length
  const bytes = Buffer.allocUnsafe(size + PREVIOUS_TAG_SIZE_LENGTH)
  bytes[0] = type
  bytes.writeUIntBE(payload.length, 1, 3)
  bytes.writeUIntBE(timestamp & 0xffffff, 4, 3)
  bytes[7] = timestamp >>> 24
  bytes.writeUIntBE(0, 8, 3)
  payload.copy(bytes, FLV_TAG_HEADER_LENGTH)
  bytes.writeUInt32BE(size, size)
  return bytes
}

/** Whether a tag may have this type. */
export const isTagType = (type: number): boolean => TAG_TYPES.includes(type & TAG_TYPE_BITS)

/** The length of the body, by the header of a tag at `at`. */
export const bodyLength = (bytes: Buffer, at: number): number => bytes.readUIntBE(at + 1, 3)

/** Whether the bytes at `at` look like the header of a tag with a body of at most `maxLength`. Of random bytes, 1 in 2^29 do. */
export function looksLikeTag(bytes: Buffer, at: number, maxLength: number): boolean {
  if (!isTagType(bytes[at]!) || (bytes[at]! & RESERVED_BITS) !== 0) return false
  return bytes.readUIntBE(at + 8, 3) === 0 && bodyLength(bytes, at) <= maxLength
}

/** The message of a tag, without the PreviousTagSize after it. */
export const tagMessage = (tag: Buffer): Message => ({
  type: tag[0]!,
  messageStreamId: 0,
  timestamp: tag.readUIntBE(4, 3) + tag[7]! * 0x1000000,
  payload: tag.subarray(FLV_TAG_HEADER_LENGTH)
})
