import { type AudioTagHeader, readAudioTagHeader, SoundFormat } from './audio-tag.ts'
import { FOUR_CC_LENGTH } from './tag-header.ts'
import { readVideoTagHeader, VideoCodecId, VideoFrameType, VideoPacketType, type VideoTagHeader } from './video-tag.ts'

/** FLV 10.1, E.4.3.1; 12 and 13 are HEVC and AV1 by convention. */
const videoCodecs: ReadonlyMap<number, string> = new Map([
  [1, 'JPEG'],
  [2, 'Sorenson H.263'],
  [3, 'Screen video'],
  [4, 'On2 VP6'],
  [5, 'On2 VP6 with alpha'],
  [6, 'Screen video version 2'],
  [7, 'AVC'],
  [12, 'HEVC'],
  [13, 'AV1']
])

/** FLV 10.1, E.4.2.1. */
const soundFormats: ReadonlyMap<number, string> = new Map([
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

/** Enhanced RTMP v2, "VideoFourCc" and "AudioFourCc". */
const fourCcs: ReadonlyMap<string, string> = new Map([
  ['avc1', 'AVC'],
  ['hvc1', 'HEVC'],
  ['vvc1', 'VVC'],
  ['av01', 'AV1'],
  ['vp08', 'VP8'],
  ['vp09', 'VP9'],
  ['mp4a', 'AAC'],
  ['fLaC', 'FLAC'],
  ['ac-3', 'AC-3'],
  ['ec-3', 'E-AC-3'],
  ['.mp3', 'MP3']
])

const videoFourCcs: ReadonlyMap<number, string> = new Map([
  [VideoCodecId.Avc, 'avc1'],
  [VideoCodecId.Hevc, 'hvc1'],
  [VideoCodecId.Av1, 'av01']
])

const soundFourCcs: ReadonlyMap<number, string> = new Map([
  [SoundFormat.Aac, 'mp4a'],
  [SoundFormat.Mp3, '.mp3'],
  [SoundFormat.Mp3At8Khz, '.mp3']
])

/**
 * The codec of a video payload by its usual name, the same for legacy and Enhanced: `AVC`, `HEVC`, `AV1`. An unknown FourCC is its own
 * name. Undefined for a payload that ends in its header, and for an Enhanced command frame, which has no codec.
 * @example
 * ```ts
 * if (isVideo(message)) console.log(videoCodec(message.payload)) // 'AVC'
 * ```
 */
export function videoCodec(
  payload: Buffer,
  tag: VideoTagHeader | undefined = readVideoTagHeader(payload)
): string | undefined {
  if (tag === undefined) return undefined
  if (!tag.enhanced) return videoCodecName(payload[0]! & 0x0f)
  if (tag.frameType === VideoFrameType.Command && tag.packetType !== VideoPacketType.Metadata) return undefined
  const code = fourCc(payload, tag)
  return code === undefined ? undefined : fourCcName(code)
}

/**
 * The codec of an audio payload by its usual name: see videoCodec. An empty payload, which means silence, has none.
 * @example
 * ```ts
 * if (isAudio(message)) console.log(audioCodec(message.payload)) // 'AAC'
 * ```
 */
export function audioCodec(
  payload: Buffer,
  tag: AudioTagHeader | undefined = readAudioTagHeader(payload)
): string | undefined {
  if (tag === undefined) return undefined
  if (!tag.enhanced) return soundFormatName(tag.soundFormat)
  const code = fourCc(payload, tag)
  return code === undefined ? undefined : fourCcName(code)
}

/** The FourCC of an Enhanced payload; undefined if the payload ends in it. */
export function fourCc(payload: Buffer, { fourCcAt }: VideoTagHeader | AudioTagHeader): string | undefined {
  const end = fourCcAt + FOUR_CC_LENGTH
  return end > payload.length ? undefined : payload.toString('latin1', fourCcAt, end)
}

/** The usual name of the codec of a FourCC; an unknown one is its own name. */
export const fourCcName = (code: string): string => fourCcs.get(code) ?? code

/** The FourCC of a legacy codec id; undefined for a codec without one. */
export const videoFourCc = (id: number): string | undefined => videoFourCcs.get(id)

/** The FourCC of a sound format; undefined for a codec without one. */
export const soundFourCc = (format: number): string | undefined => soundFourCcs.get(format)

/** Whether Enhanced RTMP lists the FourCC. */
export const isKnownFourCc = (code: string): boolean => fourCcs.has(code) || code === 'Opus'

/** The usual name of the codec of a legacy codec id. */
export const videoCodecName = (id: number): string => videoCodecs.get(id) ?? `codec ${id}`

/** The usual name of the codec of a sound format. */
export const soundFormatName = (format: number): string => soundFormats.get(format) ?? `sound format ${format}`
