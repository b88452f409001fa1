import {
  AudioPacketType,
  type AudioTagHeader,
  audioCodec,
  type CodecConfig,
  MessageTypeId,
  readAudioTagHeader,
  readCodecConfig,
  readVideoTagHeader,
  SoundFormat,
  timestampNanos,
  VideoFrameType,
  VideoPacketType,
  type VideoTagHeader,
  videoCodec
} from '../index.ts'

/** What the first bytes of a video payload say, in the words of FLV 10.1 (E.4.3) and Enhanced RTMP v2. */
export interface VideoSays {
  readonly kind: 'video'
  /** A name, or the FourCC of Enhanced RTMP. */
  readonly codec?: string
  readonly frameType: string
  readonly packetType?: string
  /** Milliseconds between decoding and showing it. */
  readonly compositionTime?: number
  /** Of a multitrack packet: its first track. */
  readonly trackId?: number
  /** Nanoseconds behind its timestamp, by ModEx. */
  readonly timestampNanos?: number
  /** What it says of its tracks: see readCodecConfig. */
  readonly configs?: readonly CodecConfig[]
}

/** What the first bytes of an audio payload say, in the words of FLV 10.1 (E.4.2) and Enhanced RTMP v2. */
export interface AudioSays {
  readonly kind: 'audio'
  readonly codec: string
  readonly packetType?: string
  readonly trackId?: number
  /** Nanoseconds behind its timestamp, by ModEx. */
  readonly timestampNanos?: number
  /** What it says of its tracks: see readCodecConfig. */
  readonly configs?: readonly CodecConfig[]
}

const frameTypes = ['', 'keyframe', 'inter frame', 'disposable inter frame', 'generated keyframe', 'command frame']

/** Of the codecs that have one. */
const legacyVideoPackets = ['sequence header', 'NALU', 'end of sequence']
const enhancedVideoPackets = [
  'SequenceStart',
  'CodedFrames',
  'SequenceEnd',
  'CodedFramesX',
  'Metadata',
  'MPEG2TSSequenceStart'
]

const aacPackets = ['sequence header', 'raw']
const enhancedAudioPackets = ['SequenceStart', 'CodedFrames', 'SequenceEnd', undefined, 'MultichannelConfig']

const FOUR_CC = 4
/** The codecs whose frames begin with a composition time, 24 bits, signed. */
const WITH_COMPOSITION_TIME: readonly (string | undefined)[] = ['AVC', 'HEVC', 'AV1', 'avc1', 'hvc1', 'vvc1']

/** Undefined where the payload ends in its header. */
export function videoSays(payload: Buffer): VideoSays | undefined {
  const tag = readVideoTagHeader(payload)
  if (tag === undefined) return undefined
  const frameType = frameTypes[tag.frameType] || `frame type ${tag.frameType}`
  const says = tag.enhanced ? enhancedVideo(payload, tag, frameType) : legacyVideo(payload, tag, frameType)
  return says && { ...says, ...nanos(MessageTypeId.Video, payload), ...configs(MessageTypeId.Video, payload) }
}

/** Undefined where the payload ends in its header; an empty one means silence. */
export function audioSays(payload: Buffer): AudioSays | undefined {
  const tag = readAudioTagHeader(payload)
  if (tag === undefined) return undefined
  if (tag.enhanced) {
    const track = enhancedTrack(payload, tag)
    if (track === undefined) return undefined
    const { codec, end: _, ...id } = track
    const says = {
      kind: 'audio',
      codec,
      packetType: named(enhancedAudioPackets, tag.packetType),
      ...id,
      ...nanos(MessageTypeId.Audio, payload)
    } as const
    return tag.packetType === AudioPacketType.SequenceStart
      ? { ...says, ...configs(MessageTypeId.Audio, payload) }
      : says
  }
  const codec = audioCodec(payload)!
  if (tag.soundFormat !== SoundFormat.Aac) return { kind: 'audio', codec }
  return {
    kind: 'audio',
    codec,
    packetType: named(aacPackets, tag.packetType),
    ...configs(MessageTypeId.Audio, payload)
  }
}

function nanos(type: number, payload: Buffer): { timestampNanos?: number } {
  const offset = timestampNanos({ type, payload, ...NOWHERE })
  return offset === 0 ? {} : { timestampNanos: offset }
}

const NOWHERE = { timestamp: 0, messageStreamId: 0 }

/** What the payload says of its tracks, if anything. */
function configs(type: number, payload: Buffer): { configs?: readonly CodecConfig[] } {
  const found = readCodecConfig({ type, payload, ...NOWHERE })
  return found.length === 0 ? {} : { configs: found }
}

function legacyVideo(payload: Buffer, { packetType, frameType: type }: VideoTagHeader, frameType: string): VideoSays {
  const codec = videoCodec(payload)!
  if (type === VideoFrameType.Command || !WITH_COMPOSITION_TIME.includes(codec))
    return { kind: 'video', codec, frameType }
  const says = { kind: 'video', codec, frameType, packetType: named(legacyVideoPackets, packetType) } as const
  return packetType === VideoPacketType.CodedFrames ? { ...says, ...compositionTime(payload, 2) } : says
}

function enhancedVideo(payload: Buffer, tag: VideoTagHeader, frameType: string): VideoSays | undefined {
  const packetType = named(enhancedVideoPackets, tag.packetType)
  // a command frame has no codec; the frame type of metadata means nothing, and ffmpeg sends it with that of a command
  if (tag.frameType === VideoFrameType.Command && tag.packetType !== VideoPacketType.Metadata)
    return { kind: 'video', frameType }
  const track = enhancedTrack(payload, tag)
  if (track === undefined) return undefined
  const { codec, end, ...id } = track
  const says = { kind: 'video', codec, frameType, packetType, ...id } as const
  const hasTime = tag.packetType === VideoPacketType.CodedFrames && WITH_COMPOSITION_TIME.includes(codec)
  return hasTime && end !== undefined ? { ...says, ...compositionTime(payload, end) } : says
}

const named = (names: readonly (string | undefined)[], type: number): string => names[type] ?? `packet type ${type}`

function compositionTime(payload: Buffer, at: number): { compositionTime?: number } {
  return payload.length < at + 3 ? {} : { compositionTime: payload.readIntBE(at, 3) }
}

/**
 * The FourCC of an Enhanced payload, and where the packet goes on behind it; of several tracks the id of the first instead.
 * Undefined where the payload ends in it.
 */
function enhancedTrack(
  payload: Buffer,
  { trackId, multitrack, fourCcAt }: VideoTagHeader | AudioTagHeader
): { codec: string; end?: number; trackId?: number } | undefined {
  const end = fourCcAt + FOUR_CC
  if (end > payload.length) return undefined
  const codec = payload.toString('latin1', fourCcAt, end)
  return multitrack ? { codec, trackId } : { codec, end }
}
