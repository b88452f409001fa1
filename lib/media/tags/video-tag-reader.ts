import { ByteReader } from '../../bytes/byte-reader.ts'
import { invalid, readEnhancedStart, readFourCc, readTracks, rest } from './enhanced-tag.ts'
import type { LegacyVideoPacket, VideoPacket, VideoTag } from './tag-forms.ts'
import { VIDEO_MULTITRACK } from './tag-header.ts'
import { VideoCodecId, VideoFrameType, VideoPacketType } from './video-tag.ts'

/** Options of readVideoTag and writeVideoTag. */
export interface VideoTagOptions {
  /**
   * Whether the legacy codec ids 12 and 13 are HEVC and AV1 with packet types, as AVC has them. Encoders older than
   * Enhanced RTMP send them; no specification has them. By default they are codecs without packet types.
   */
  hasHevcAndAv1?: boolean
}

/** The codecs whose coded frames begin with a composition time. */
const FOUR_CCS_WITH_TIME: readonly string[] = ['avc1', 'hvc1', 'vvc1']
/** Bytes of a composition time. */
export const TIME_LENGTH = 3

/** Whether the coded frames of this codec begin with a composition time. */
export const hasCompositionTime = (fourCc: string): boolean => FOUR_CCS_WITH_TIME.includes(fourCc)

/** Whether legacy payloads of this codec have packet types. */
export const hasPackets = (codecId: number, { hasHevcAndAv1 = false }: VideoTagOptions = {}): boolean =>
  codecId === VideoCodecId.Avc || (hasHevcAndAv1 && (codecId === VideoCodecId.Hevc || codecId === VideoCodecId.Av1))

/**
 * Reads a video payload whole (FLV 10.1, E.4.3; Enhanced RTMP v2, "Enhanced Video"). Buffers are views of the payload.
 * Codecs that are not known are read too, and so are reserved frame types, packet types and commands. A composition
 * time in a legacy sequence header, where it has no meaning, and bytes behind a command are ignored.
 *
 * `readVideoTagHeader` and `isKeyframe` answer what a relay asks of each message; they throw nothing.
 *
 * @throws ProtocolError of layer `'media'`: `ERR_RTMP_TRUNCATED` if the payload ends inside a field, `ERR_RTMP_TAG` for a
 *   packet type that cannot be there, or more than 256 tracks or ModEx.
 *
 * @example
 * ```ts
 * const tag = readVideoTag(message.payload)
 * if (tag.form === 'multitrack') for (const { trackId, fourCc } of tag.tracks) console.log(trackId, fourCc)
 * ```
 */
export function readVideoTag(payload: Buffer, options?: VideoTagOptions): VideoTag {
  const first = new ByteReader(payload, 'media').u8()
  const frameType = (first >> 4) & 7
  return first < 0x80 ? legacy(payload, frameType, first & 0x0f, options) : enhanced(payload, frameType)
}

function legacy(payload: Buffer, frameType: number, codecId: number, options?: VideoTagOptions): VideoTag {
  const reader = new ByteReader(payload, 'media', 1)
  if (frameType === VideoFrameType.Command) return { form: 'command', enhanced: false, codecId, command: reader.u8() }
  const start = { form: 'legacy', frameType, codecId } as const
  if (!hasPackets(codecId, options))
    return { ...start, packetType: VideoPacketType.CodedFrames, compositionTime: 0, data: rest(reader) }
  return { ...start, ...legacyPacket(reader) }
}

function legacyPacket(reader: ByteReader): LegacyVideoPacket {
  const packetType = reader.u8()
  if (!isLegacyPacketType(packetType)) throw invalid(reader.offset - 1, `packet type ${packetType}`)
  // some encoders end a sequence without the composition time
  if (packetType === VideoPacketType.SequenceEnd && reader.left < TIME_LENGTH) reader.view(reader.left)
  else if (packetType === VideoPacketType.CodedFrames) return codedFrames(reader)
  else reader.view(TIME_LENGTH)
  return { packetType, data: rest(reader) }
}

const isLegacyPacketType = (type: number): type is LegacyVideoPacket['packetType'] =>
  type <= VideoPacketType.SequenceEnd

function enhanced(payload: Buffer, frameType: number): VideoTag {
  const { modEx, packetType, reader } = readEnhancedStart(payload)
  if (frameType === VideoFrameType.Command && packetType !== VideoPacketType.Metadata) {
    const command = reader.u8()
    // metadata of several tracks, with the frame type that FFmpeg gives that of one; a command has one byte
    const isMetadata = packetType === VIDEO_MULTITRACK && (command & 0x0f) === VideoPacketType.Metadata
    if (!isMetadata || reader.left === 0) return { form: 'command', enhanced: true, packetType, modEx, command }
    reader.offset--
  }
  if (packetType === VIDEO_MULTITRACK)
    return { form: 'multitrack', frameType, modEx, ...readTracks(reader, VIDEO_MULTITRACK, packet) }
  const fourCc = readFourCc(reader)
  return { form: 'enhanced', frameType, modEx, fourCc, ...packet(packetType, fourCc, reader) }
}

function packet(packetType: number, fourCc: string, reader: ByteReader): VideoPacket {
  if (packetType !== VideoPacketType.CodedFrames)
    return {
      packetType: packetType as Exclude<VideoPacket['packetType'], typeof VideoPacketType.CodedFrames>,
      data: rest(reader)
    }
  return hasCompositionTime(fourCc) ? codedFrames(reader) : { packetType, compositionTime: 0, data: rest(reader) }
}

function codedFrames(reader: ByteReader): Extract<VideoPacket, { compositionTime: number }> {
  const compositionTime = reader.view(TIME_LENGTH).readIntBE(0, TIME_LENGTH)
  return { packetType: VideoPacketType.CodedFrames, compositionTime, data: rest(reader) }
}
