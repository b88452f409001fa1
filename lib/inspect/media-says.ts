import {
  type AudioTag,
  readAudioTag,
  readVideoTag,
  SoundFormat,
  VideoFrameType,
  VideoPacketType,
  type VideoTag
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
}

/** What the first bytes of an audio payload say, in the words of FLV 10.1 (E.4.2) and Enhanced RTMP v2. */
export interface AudioSays {
  readonly kind: 'audio'
  readonly codec: string
  readonly packetType?: string
  readonly trackId?: number
}

const frameTypes = ['', 'keyframe', 'inter frame', 'disposable inter frame', 'generated keyframe', 'command frame']

const videoCodecs: ReadonlyMap<number, string> = new Map([
  [1, 'JPEG'],
  [2, 'Sorenson H.263'],
  [3, 'Screen video'],
  [4, 'On2 VP6'],
  [5, 'On2 VP6 with alpha'],
  [6, 'Screen video version 2'],
  [7, 'AVC'],
  [12, 'HEVC']
])
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

const audioCodecs: ReadonlyMap<number, string> = new Map([
  [0, 'Linear PCM, platform endian'],
  [1, 'ADPCM'],
  [2, 'MP3'],
  [3, 'Linear PCM, little endian'],
  [4, 'Nellymoser 16 kHz'],
  [5, 'Nellymoser 8 kHz'],
  [6, 'Nellymoser'],
  [7, 'G.711 A-law'],
  [8, 'G.711 mu-law'],
  [10, 'AAC'],
  [11, 'Speex'],
  [14, 'MP3 8 kHz'],
  [15, 'device-specific']
])
const aacPackets = ['sequence header', 'raw']
const enhancedAudioPackets = ['SequenceStart', 'CodedFrames', 'SequenceEnd', undefined, 'MultichannelConfig']

const FOUR_CC = 4
const MOD_EX = 7
const VIDEO_MULTITRACK = 6
const AUDIO_MULTITRACK = 5
/** The codecs whose frames begin with a composition time, 24 bits, signed. */
const WITH_COMPOSITION_TIME: readonly (string | undefined)[] = ['AVC', 'HEVC', 'avc1', 'hvc1', 'vvc1']

/** Undefined where the payload ends in its header. */
export function videoSays(payload: Buffer): VideoSays | undefined {
  const tag = readVideoTag(payload)
  if (tag === undefined) return undefined
  const frameType = frameTypes[tag.frameType] || `frame type ${tag.frameType}`
  return tag.enhanced ? enhancedVideo(payload, tag, frameType) : legacyVideo(payload, tag, frameType)
}

/** Undefined where the payload ends in its header; an empty one means silence. */
export function audioSays(payload: Buffer): AudioSays | undefined {
  const tag = readAudioTag(payload)
  if (tag === undefined) return undefined
  if (tag.enhanced) {
    const track = enhancedTrack(payload, tag, AUDIO_MULTITRACK)
    if (track === undefined) return undefined
    const { codec, end: _, ...id } = track
    return { kind: 'audio', codec, packetType: named(enhancedAudioPackets, tag.packetType), ...id }
  }
  const codec = audioCodecs.get(tag.soundFormat) ?? `sound format ${tag.soundFormat}`
  if (tag.soundFormat !== SoundFormat.Aac) return { kind: 'audio', codec }
  return { kind: 'audio', codec, packetType: named(aacPackets, tag.packetType) }
}

function legacyVideo(payload: Buffer, { packetType, frameType: type }: VideoTag, frameType: string): VideoSays {
  const id = payload[0]! & 0x0f
  const codec = videoCodecs.get(id) ?? `codec ${id}`
  if (type === VideoFrameType.Command || !WITH_COMPOSITION_TIME.includes(codec))
    return { kind: 'video', codec, frameType }
  const says = { kind: 'video', codec, frameType, packetType: named(legacyVideoPackets, packetType) } as const
  return packetType === VideoPacketType.CodedFrames ? { ...says, ...compositionTime(payload, 2) } : says
}

function enhancedVideo(payload: Buffer, tag: VideoTag, frameType: string): VideoSays | undefined {
  const packetType = named(enhancedVideoPackets, tag.packetType)
  // a command frame has no codec; the frame type of metadata means nothing, and ffmpeg sends it with that of a command
  if (tag.frameType === VideoFrameType.Command && tag.packetType !== VideoPacketType.Metadata)
    return { kind: 'video', frameType }
  const track = enhancedTrack(payload, tag, VIDEO_MULTITRACK)
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
 * The FourCC of an Enhanced payload, which stands behind the packets of ModEx and the byte that announces several tracks;
 * where the packet goes on behind it; of several tracks the id of the first instead. Undefined where the payload ends in it.
 */
function enhancedTrack(
  payload: Buffer,
  { trackId }: VideoTag | AudioTag,
  multitrack: number
): { codec: string; end?: number; trackId?: number } | undefined {
  let at = 1
  let type = payload[0]! & 0x0f
  while (type === MOD_EX) {
    let size = payload[at++]! + 1
    if (size === 256) {
      size = payload.readUInt16BE(at) + 1
      at += 2
    }
    type = payload[at + size]! & 0x0f
    at += size + 1
  }
  if (type === multitrack) at++
  const end = at + FOUR_CC
  if (end > payload.length) return undefined
  const codec = payload.toString('latin1', at, end)
  return type === multitrack ? { codec, trackId } : { codec, end }
}
