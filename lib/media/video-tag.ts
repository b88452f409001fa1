import { type Message, MessageTypeId } from '../message/message.ts'
import { readEnhancedHeader, type TagHeader } from './tag-header.ts'

/**
 * Codecs of the legacy header that distinguish a sequence header from a frame (FLV 10.1, E.4.3.1; 12 is HEVC by
 * convention).
 */
const CODECS_WITH_PACKET_TYPE: readonly number[] = [7, 12]
const ENHANCED = 0x80
/**
 * Bytes before the decoder configuration: the legacy header with its composition time, or the Enhanced one with its
 * FourCC.
 */
const HEADER_LENGTH = 5
const MULTITRACK = 6

/** The frame types of a VideoTag (FLV 10.1, E.4.3.1). */
export const VideoFrameType = {
  Keyframe: 1,
  InterFrame: 2,
  DisposableInterFrame: 3,
  GeneratedKeyframe: 4,
  Command: 5
} as const

/** 3 bits: those that are not listed pass like the rest. */
export type VideoFrameType = number

/**
 * The packet types of a VideoTag (Enhanced RTMP v2, "VideoPacketType"). Multitrack and ModEx are none of them: what they announce is
 * read instead. Legacy AVC and HEVC have the first three.
 */
export const VideoPacketType = {
  SequenceStart: 0,
  CodedFrames: 1,
  SequenceEnd: 2,
  CodedFramesX: 3,
  Metadata: 4,
  Mpeg2TsSequenceStart: 5
} as const

/** 4 bits: those that are not listed pass like the rest. */
export type VideoPacketType = number

/** The header of a video payload. */
export interface VideoTag extends TagHeader {
  /** Meaningless in an Enhanced Metadata packet, which ffmpeg sends with 5. */
  readonly frameType: VideoFrameType
  /** Enhanced: behind ModEx and Multitrack. Legacy AVC and HEVC: 0 sequence header, 1 frame, 2 end; other codecs 1. */
  readonly packetType: VideoPacketType
}

/**
 * Reads the header of a video payload (FLV 10.1, E.4.3.1; Enhanced RTMP v2); undefined if the payload ends inside it.
 *
 * @example
 * ```ts
 * const tag = readVideoTag(message.payload)
 * if (tag?.frameType === VideoFrameType.Keyframe && tag.packetType === VideoPacketType.SequenceStart) console.log('header')
 * ```
 */
export function readVideoTag(payload: Buffer): VideoTag | undefined {
  const first = payload[0]
  if (first === undefined) return undefined
  const frameType = (first >> 4) & 7
  if ((first & ENHANCED) !== 0) {
    const header = readEnhancedHeader(payload, MULTITRACK)
    return header && { ...header, frameType }
  }
  const hasPacketType = CODECS_WITH_PACKET_TYPE.includes(first & 0x0f)
  const packetType = hasPacketType ? payload[1] : VideoPacketType.CodedFrames
  if (packetType === undefined) return undefined
  return { enhanced: false, packetType, trackId: 0, multitrack: false, fourCcAt: 0, frameType }
}

/** Whether a message is video (type 9). */
export const isVideo = (message: Message): boolean => message.type === MessageTypeId.Video

/** Whether decoding can start with this message: a keyframe of video, not its sequence header. */
export function isKeyframe(message: Message): boolean {
  const tag = isVideo(message) ? readVideoTag(message.payload) : undefined
  return tag !== undefined && isKeyframeTag(tag)
}

export function isKeyframeTag({ enhanced, frameType, packetType }: VideoTag): boolean {
  if (frameType !== VideoFrameType.Keyframe && frameType !== VideoFrameType.GeneratedKeyframe) return false
  return packetType === VideoPacketType.CodedFrames || (enhanced && packetType === VideoPacketType.CodedFramesX)
}

/** The name of the part of a decoder's state that this payload sets; undefined if it sets none, as a frame. */
export function videoState(payload: Buffer): string | undefined {
  const tag = readVideoTag(payload)
  if (tag === undefined) return undefined
  if (tag.enhanced && tag.packetType === VideoPacketType.Metadata) return `video metadata ${tag.trackId}`
  if (tag.frameType === VideoFrameType.Command) return undefined
  // an encoder that changes its size may send a header without a configuration before the next one: no decoder starts
  // with it
  if (payload.length <= HEADER_LENGTH) return undefined
  const starts =
    tag.packetType === VideoPacketType.SequenceStart ||
    (tag.enhanced && tag.packetType === VideoPacketType.Mpeg2TsSequenceStart)
  return starts ? `video ${tag.trackId}` : undefined
}
