import { type Message, MessageTypeId } from '../../message/message.ts'
import { AudioPacketType, SoundFormat } from '../tags/audio-tag.ts'
import { readAudioTag } from '../tags/audio-tag-reader.ts'
import { fourCcName, soundFormatName, videoFourCc } from '../tags/codec.ts'
import type { AudioPacket, AudioTag, LegacyAudioTag, VideoPacket, VideoTag } from '../tags/tag-forms.ts'
import { VideoFrameType, VideoPacketType } from '../tags/video-tag.ts'
import { readVideoTag } from '../tags/video-tag-reader.ts'
import { type AudioFormat, aacFormat, ac3Format, flacFormat, mp3Format, opusFormat } from './audio.ts'
import { av1Format, av1FrameFormat } from './av1.ts'
import { avcFormat } from './avc.ts'
import { codecString } from './codec-string.ts'
import { hevcFormat } from './hevc.ts'
import type { VideoFormat } from './video-format.ts'
import { vp8FrameFormat, vp9FrameFormat, vpFormat } from './vp.ts'

/** The format of a video track, as a payload declares it. */
export interface VideoConfig extends VideoFormat {
  /** `'video'`. */
  readonly kind: 'video'
  /** The track; 0 if there is one. */
  readonly trackId: number
  /** The codec by its name: see videoCodec. */
  readonly codec: string
  /**
   * The codec, profile and level as MSE, WebCodecs, HLS and DASH name them (RFC 6381): `avc1.64001f`,
   * `hvc1.2.4.L60.90`, `av01.0.00M.10`, `vp09.00.11.08`, `vp8`. Sequence headers tell it, keyframes do not.
   */
  readonly codecString?: string | undefined
  /** The transfer function of HDR, by the colours; undefined for others. */
  readonly hdr?: 'PQ' | 'HLG' | undefined
}

/** The format of an audio track, as a payload declares it. */
export interface AudioConfig extends AudioFormat {
  /** `'audio'`. */
  readonly kind: 'audio'
  /** The track; 0 if there is one. */
  readonly trackId: number
  /** The codec by its name: see audioCodec. */
  readonly codec: string
  /** As that of video: `mp4a.40.2`, `opus`, `flac`, `ac-3`, `ec-3`, and `mp3` as WebCodecs has it; undefined for other codecs. */
  readonly codecString?: string | undefined
}

/** The format of a track, as a payload declares it. */
export type CodecConfig = VideoConfig | AudioConfig

type FormatOf<Format> = ReadonlyMap<string, (data: Buffer) => Format | undefined>

const videoHeaders: FormatOf<VideoFormat> = new Map([
  ['avc1', avcFormat],
  ['hvc1', hevcFormat],
  ['av01', av1Format],
  ['vp08', vpFormat],
  ['vp09', vpFormat]
])
/** The record of VP8 and VP9 has no size, and that of AV1 may have none. */
const videoFrames: FormatOf<VideoFormat> = new Map([
  ['av01', av1FrameFormat],
  ['vp08', vp8FrameFormat],
  ['vp09', vp9FrameFormat]
])
const audioHeaders: FormatOf<AudioFormat> = new Map([
  ['mp4a', aacFormat],
  ['Opus', opusFormat],
  ['fLaC', flacFormat]
])
const audioFrames: FormatOf<AudioFormat> = new Map([
  ['ac-3', ac3Format],
  ['ec-3', ac3Format],
  ['.mp3', mp3Format]
])

/**
 * The formats that the payload of an audio or video message declares: size, frame rate, profile, level and colours of
 * AVC, HEVC, AV1, VP8 and VP9; rate and channels of AAC, Opus, FLAC, AC-3, E-AC-3, MP3, and of legacy formats whose
 * header has them. There is one for each track that has one in this payload: in sequence headers, in keyframes of AV1,
 * VP8 and VP9, and in frames of audio codecs without sequence headers. The list is empty for any other message, and for
 * truncated or invalid payloads: it throws nothing.
 *
 * @example
 * ```ts
 * for (const config of readCodecConfig(message)) {
 *   if (config.kind === 'video') console.log(config.codec, config.width, config.height, config.hdr)
 *   else console.log(config.codec, config.sampleRate, config.channels)
 * }
 * ```
 */
export function readCodecConfig({ type, payload }: Message): CodecConfig[] {
  if (type === MessageTypeId.Video) {
    const tag = readable(() => readVideoTag(payload, { hasHevcAndAv1: true }))
    return tag === undefined ? [] : videoConfigs(tag)
  }
  const tag = type === MessageTypeId.Audio ? readable(() => readAudioTag(payload)) : undefined
  return tag === undefined ? [] : audioConfigs(tag)
}

/** Undefined for a truncated or invalid config. */
function readable<Tag>(read: () => Tag): Tag | undefined {
  try {
    return read()
  } catch {
    return undefined
  }
}

function videoConfigs(tag: VideoTag): VideoConfig[] {
  switch (tag.form) {
    case 'command':
      return []
    case 'legacy':
      return videoConfig(videoFourCc(tag.codecId) ?? '', 0, tag, tag.frameType)
    case 'enhanced':
      return videoConfig(tag.fourCc, 0, tag, tag.frameType)
    default:
      return tag.tracks.flatMap(track => videoConfig(track.fourCc, track.trackId, track, tag.frameType))
  }
}

function videoConfig(fourCc: string, trackId: number, packet: VideoPacket, frameType: number): VideoConfig[] {
  const { packetType, data } = packet
  const isFrame = packetType === VideoPacketType.CodedFrames || packetType === VideoPacketType.CodedFramesX
  const isHeader = packetType === VideoPacketType.SequenceStart
  if (!isHeader && !(isFrame && frameType === VideoFrameType.Keyframe)) return []
  const format = (isHeader ? videoHeaders : videoFrames).get(fourCc)?.(data)
  if (format === undefined) return []
  const hdr = hdrOf(format.color?.transferCharacteristics)
  const named = { codec: fourCcName(fourCc), ...(isHeader && { codecString: codecString(fourCc, data) }) }
  return [{ kind: 'video', trackId, ...named, ...format, ...(hdr && { hdr }) }]
}

/** The transfer function of HDR, by the transfer characteristics of H.273; undefined for others. */
export const hdrOf = (transfer: number | undefined): VideoConfig['hdr'] =>
  transfer === 16 ? 'PQ' : transfer === 18 ? 'HLG' : undefined

function audioConfigs(tag: AudioTag): AudioConfig[] {
  switch (tag.form) {
    case 'silence':
      return []
    case 'legacy':
      return legacyAudioConfig(tag)
    case 'enhanced':
      return audioConfig(tag.fourCc, 0, tag)
    default:
      return tag.tracks.flatMap(track => audioConfig(track.fourCc, track.trackId, track))
  }
}

function audioConfig(fourCc: string, trackId: number, packet: AudioPacket): AudioConfig[] {
  if (packet.packetType === AudioPacketType.MultichannelConfig) return []
  const { packetType, data } = packet
  const formats = packetType === AudioPacketType.SequenceStart ? audioHeaders : audioFrames
  const format = packetType <= AudioPacketType.CodedFrames ? formats.get(fourCc)?.(data) : undefined
  if (format === undefined) return []
  return [{ kind: 'audio', trackId, codec: fourCcName(fourCc), codecString: codecString(fourCc, data), ...format }]
}

/** The FourCCs of the legacy audio formats that have one. */
const legacySounds: ReadonlyMap<number, string> = new Map([
  [SoundFormat.Aac, 'mp4a'],
  [SoundFormat.Mp3, '.mp3'],
  [SoundFormat.Mp3At8Khz, '.mp3']
])

/** Hertz, by the two bits of the rate. */
const SOUND_RATES = [5512, 11_025, 22_050, 44_100]

function legacyAudioConfig(tag: LegacyAudioTag): AudioConfig[] {
  const format = legacyFormat(tag)
  if (format === undefined) return []
  const fourCc = legacySounds.get(tag.soundFormat)
  const named = {
    codec: soundFormatName(tag.soundFormat),
    ...(fourCc && { codecString: codecString(fourCc, tag.data) })
  }
  return [{ kind: 'audio', trackId: 0, ...named, ...format }]
}

/** FLV 10.1, E.4.2.1: for some codecs the bits of the rate and of the channels mean nothing. */
function legacyFormat({
  soundFormat,
  soundRate,
  soundType,
  packetType,
  data
}: LegacyAudioTag): AudioFormat | undefined {
  const bits = { sampleRate: SOUND_RATES[soundRate], channels: soundType }
  switch (soundFormat) {
    case SoundFormat.Aac:
      return packetType === AudioPacketType.SequenceStart ? aacFormat(data) : undefined
    case SoundFormat.Mp3:
      return mp3Format(data) ?? bits
    case SoundFormat.LinearPcmPlatformEndian:
    case SoundFormat.LinearPcmLittleEndian:
    case SoundFormat.Adpcm:
    case SoundFormat.Nellymoser:
      return bits
    case SoundFormat.Nellymoser8Khz:
      return { sampleRate: 8000, channels: 1 }
    case SoundFormat.Nellymoser16Khz:
    case SoundFormat.Speex:
      return { sampleRate: 16_000, channels: 1 }
    case SoundFormat.Mp3At8Khz:
    case SoundFormat.G711ALaw:
    case SoundFormat.G711MuLaw:
      return { sampleRate: 8000, channels: soundType }
    default:
      return undefined
  }
}
