import { type Message, MessageTypeId } from '../../message/message.ts'
import {
  AUDIO_MULTITRACK,
  enhancedPacketType,
  isMultitrack,
  lowestTrackId,
  readEnhancedHeader,
  type TagHeader,
  trackIds
} from './tag-header.ts'

/** The sound formats of an AudioTag (FLV 10.1, E.4.2.1). 9 announces the header of Enhanced RTMP, whose codec is a FourCC. */
export const SoundFormat = {
  LinearPcmPlatformEndian: 0,
  Adpcm: 1,
  Mp3: 2,
  LinearPcmLittleEndian: 3,
  Nellymoser16Khz: 4,
  Nellymoser8Khz: 5,
  Nellymoser: 6,
  G711ALaw: 7,
  G711MuLaw: 8,
  ExHeader: 9,
  Aac: 10,
  Speex: 11,
  Mp3At8Khz: 14,
  DeviceSpecific: 15
} as const

/** 4 bits: those that are not listed pass like the rest. */
export type SoundFormat = number

/** Bytes of the AAC header, before the decoder configuration. */
const HEADER_LENGTH = 2

/**
 * The packet types of an AudioTag (Enhanced RTMP v2, "AudioPacketType"). Multitrack and ModEx are none of them: what they announce is
 * read instead. Legacy AAC has the first two.
 */
export const AudioPacketType = { SequenceStart: 0, CodedFrames: 1, SequenceEnd: 2, MultichannelConfig: 4 } as const

/** 4 bits: those that are not listed pass like the rest. */
export type AudioPacketType = number

/** The header of an audio payload. */
export interface AudioTagHeader extends TagHeader {
  /** The codec; 9 for the Enhanced header, which has a FourCC. */
  readonly soundFormat: SoundFormat
  /** Enhanced: behind ModEx and Multitrack. Legacy: 0 an AAC sequence header, else 1. */
  readonly packetType: AudioPacketType
}

/**
 * Reads the header of an audio payload; undefined if the payload ends inside it. An empty payload means silence.
 * readAudioTag reads all of it.
 *
 * @example
 * ```ts
 * if (readAudioTagHeader(message.payload)?.soundFormat === SoundFormat.Aac) console.log('AAC')
 * ```
 */
export function readAudioTagHeader(payload: Buffer): AudioTagHeader | undefined {
  const packetType = packetTypeOf(payload)
  if (packetType < 0) return undefined
  const soundFormat = payload[0]! >> 4
  const enhanced = soundFormat === SoundFormat.ExHeader ? readEnhancedHeader(payload, AUDIO_MULTITRACK) : undefined
  return enhanced === undefined
    ? { enhanced: false, packetType, trackId: 0, multitrack: false, fourCcAt: 0, soundFormat }
    : { ...enhanced, soundFormat }
}

/** The packet type, for any codec; -1 if the payload ends before it. */
function packetTypeOf(payload: Buffer): number {
  if (payload.length === 0) return -1
  const soundFormat = payload[0]! >> 4
  if (soundFormat === SoundFormat.ExHeader) return enhancedPacketType(payload, AUDIO_MULTITRACK)
  if (soundFormat !== SoundFormat.Aac) return AudioPacketType.CodedFrames
  return payload.length < 2 ? -1 : payload[1]!
}

/** Whether a message is audio (type 8). */
export const isAudio = (message: Message): boolean => message.type === MessageTypeId.Audio

/** Whether an audio payload has the ids of its tracks. */
export const isMultitrackAudio = (payload: Buffer): boolean =>
  payload.length > 0 && payload[0]! >> 4 === SoundFormat.ExHeader && isMultitrack(payload, AUDIO_MULTITRACK)

/** The track of an audio payload, the lowest of several; 0 if it has none. */
export const audioTrackId = (payload: Buffer): number =>
  payload.length > 0 && payload[0]! >> 4 === SoundFormat.ExHeader ? lowestTrackId(payload, AUDIO_MULTITRACK) : 0

/** The tracks of an audio payload, each once. */
export const audioTrackIds = (payload: Buffer): ReadonlySet<number> =>
  payload.length > 0 && payload[0]! >> 4 === SoundFormat.ExHeader ? trackIds(payload, AUDIO_MULTITRACK) : ONLY_TRACK

const ONLY_TRACK: ReadonlySet<number> = new Set([0])

/** What an audio payload sets of a decoder's state; undefined for a frame, and for what sets none. */
export function audioStateKind(payload: Buffer): 'header' | 'channels' | undefined {
  const packetType = packetTypeOf(payload)
  if (packetType < 0 || packetType === AudioPacketType.CodedFrames) return undefined
  const isExHeader = payload[0]! >> 4 === SoundFormat.ExHeader
  // an AAC sequence header without a configuration sets nothing; some Enhanced codecs have none
  if (!isExHeader && payload.length <= HEADER_LENGTH) return undefined
  if (packetType === AudioPacketType.SequenceStart) return 'header'
  return isExHeader && packetType === AudioPacketType.MultichannelConfig ? 'channels' : undefined
}

/** The names of the parts of a decoder's state that this payload sets, one for each track; none for a frame. */
export function audioStates(payload: Buffer): string[] {
  const kind = audioStateKind(payload)
  if (kind === undefined) return []
  return [...audioTrackIds(payload)].map(id => `audio ${kind} ${id}`)
}
