import { type Message, MessageTypeId } from '../../message/message.ts'
import {
  enhancedPacketType,
  isMultitrack,
  lowestTrackId,
  readEnhancedHeader,
  type TagHeader,
  trackIds,
  VIDEO_MULTITRACK
} from './tag-header.ts'

/**
 * The codec ids of a legacy VideoTag (FLV 10.1, E.4.3.1).
 *
 * @example
 * ```ts
 * const tag = readVideoTag(message.payload)
 * if (tag.form === 'legacy' && tag.codecId === VideoCodecId.Avc) console.log('AVC')
 * ```
 */
export const VideoCodecId = {
  Jpeg: 1,
  SorensonH263: 2,
  Screen: 3,
  On2Vp6: 4,
  On2Vp6Alpha: 5,
  ScreenV2: 6,
  Avc: 7,
  /** By convention of encoders older than Enhanced RTMP; no specification has it. */
  Hevc: 12,
  /** By convention, as Hevc. */
  Av1: 13
} as const

/** 4 bits: those that are not listed pass like the rest. */
export type VideoCodecId = number

/** Whether the legacy header of this codec distinguishes a sequence header from a frame. */
const hasPacketType = (codecId: VideoCodecId): boolean =>
  codecId === VideoCodecId.Avc || codecId === VideoCodecId.Hevc || codecId === VideoCodecId.Av1

const ENHANCED = 0x80
/**
 * Bytes before the decoder configuration: the legacy header with its composition time, or the Enhanced one with its
 * FourCC.
 */
const HEADER_LENGTH = 5

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
export interface VideoTagHeader extends TagHeader {
  /** Meaningless in an Enhanced Metadata packet, which ffmpeg sends with 5. */
  readonly frameType: VideoFrameType
  /** Enhanced: behind ModEx and Multitrack. Legacy AVC, HEVC and AV1: 0 sequence header, 1 frame, 2 end; other codecs 1. */
  readonly packetType: VideoPacketType
}

/**
 * Reads the header of a video payload (FLV 10.1, E.4.3.1; Enhanced RTMP v2); undefined if the payload ends inside it.
 * readVideoTag reads all of it.
 *
 * @example
 * ```ts
 * const tag = readVideoTagHeader(message.payload)
 * if (tag?.frameType === VideoFrameType.Keyframe && tag.packetType === VideoPacketType.SequenceStart) console.log('header')
 * ```
 */
export function readVideoTagHeader(payload: Buffer): VideoTagHeader | undefined {
  const packetType = packetTypeOf(payload)
  if (packetType < 0) return undefined
  const frameType = (payload[0]! >> 4) & 7
  const enhanced = isEnhanced(payload) ? readEnhancedHeader(payload, VIDEO_MULTITRACK) : undefined
  return enhanced === undefined
    ? { enhanced: false, packetType, trackId: 0, multitrack: false, fourCcAt: 0, frameType }
    : { ...enhanced, frameType }
}

const isEnhanced = (payload: Buffer): boolean => (payload[0]! & ENHANCED) !== 0

/** The packet type, for any codec; -1 if the payload ends before it. */
function packetTypeOf(payload: Buffer): number {
  if (payload.length === 0) return -1
  if (isEnhanced(payload)) return enhancedPacketType(payload, VIDEO_MULTITRACK)
  if (!hasPacketType(payload[0]! & 0x0f)) return VideoPacketType.CodedFrames
  return payload.length < 2 ? -1 : payload[1]!
}

/** Whether a message is video (type 9). */
export const isVideo = (message: Message): boolean => message.type === MessageTypeId.Video

/** Whether decoding can start with this message: a keyframe of video, not its sequence header. */
export const isKeyframe = (message: Message): boolean => isVideo(message) && isKeyframePayload(message.payload)

/** The same for the payload of a video message. */
export function isKeyframePayload(payload: Buffer): boolean {
  if (payload.length === 0) return false
  const frameType = (payload[0]! >> 4) & 7
  if (frameType !== VideoFrameType.Keyframe && frameType !== VideoFrameType.GeneratedKeyframe) return false
  const packetType = packetTypeOf(payload)
  return (
    packetType === VideoPacketType.CodedFrames || (packetType === VideoPacketType.CodedFramesX && isEnhanced(payload))
  )
}

/** Whether a video payload has the ids of its tracks. */
export const isMultitrackVideo = (payload: Buffer): boolean =>
  payload.length > 0 && isEnhanced(payload) && isMultitrack(payload, VIDEO_MULTITRACK)

/** The track of a video payload, the lowest of several; 0 if it has none. */
export const videoTrackId = (payload: Buffer): number =>
  payload.length > 0 && isEnhanced(payload) ? lowestTrackId(payload, VIDEO_MULTITRACK) : 0

/** The tracks of a video payload, each once. */
export const videoTrackIds = (payload: Buffer): ReadonlySet<number> =>
  payload.length > 0 && isEnhanced(payload) ? trackIds(payload, VIDEO_MULTITRACK) : ONLY_TRACK

const ONLY_TRACK: ReadonlySet<number> = new Set([0])

/** What a video payload sets of a decoder's state; undefined for a frame, and for what sets none. */
export function videoStateKind(payload: Buffer): 'header' | 'metadata' | undefined {
  const packetType = packetTypeOf(payload)
  if (packetType < 0 || packetType === VideoPacketType.CodedFrames) return undefined
  const enhanced = isEnhanced(payload)
  if (enhanced && packetType === VideoPacketType.Metadata) return 'metadata'
  if (((payload[0]! >> 4) & 7) === VideoFrameType.Command) return undefined
  // an encoder that changes its size may send a header without a configuration before the next one: no decoder starts
  // with it
  if (payload.length <= HEADER_LENGTH) return undefined
  const starts =
    packetType === VideoPacketType.SequenceStart || (enhanced && packetType === VideoPacketType.Mpeg2TsSequenceStart)
  return starts ? 'header' : undefined
}

/** The names of the parts of a decoder's state that this payload sets, one for each track; none for a frame. */
export function videoStates(payload: Buffer): string[] {
  const kind = videoStateKind(payload)
  if (kind === undefined) return []
  if (!isEnhanced(payload)) return [`video ${kind} 0`]
  const { multitrack, fourCcAt } = readEnhancedHeader(payload, VIDEO_MULTITRACK)!
  // FFmpeg 8 sends the metadata of every track as if there were one: the codec is all that tells them apart
  const codec = kind === 'metadata' && !multitrack ? payload.toString('latin1', fourCcAt, fourCcAt + 4) : ''
  return [...trackIds(payload, VIDEO_MULTITRACK)].map(id => `video ${kind} ${id}${codec}`)
}
