import { type Message, MessageTypeId } from '../message/message.ts'
import { readEnhancedHeader, type TagHeader } from './tag-header.ts'

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
const MULTITRACK = 5
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
export interface AudioTag extends TagHeader {
  /** The codec; 9 for the Enhanced header, which has a FourCC. */
  readonly soundFormat: SoundFormat
  /** Enhanced: behind ModEx and Multitrack. Legacy: 0 an AAC sequence header, else 1. */
  readonly packetType: AudioPacketType
}

/** Reads the header of an audio payload; undefined if the payload ends inside it. An empty payload means silence. */
export function readAudioTag(payload: Buffer): AudioTag | undefined {
  const first = payload[0]
  if (first === undefined) return undefined
  const soundFormat = first >> 4
  if (soundFormat === SoundFormat.ExHeader) {
    const header = readEnhancedHeader(payload, MULTITRACK)
    return header && { ...header, soundFormat }
  }
  const packetType = soundFormat === SoundFormat.Aac ? payload[1] : AudioPacketType.CodedFrames
  if (packetType === undefined) return undefined
  return { enhanced: false, packetType, trackId: 0, multitrack: false, fourCcAt: 0, soundFormat }
}

/** Whether a message is audio (type 8). */
export const isAudio = (message: Message): boolean => message.type === MessageTypeId.Audio

/** The name of the part of a decoder's state that this payload sets; undefined if it sets none, as a frame. */
export function audioState(payload: Buffer): string | undefined {
  const tag = readAudioTag(payload)
  // an AAC sequence header without a configuration sets nothing; some Enhanced codecs have none
  if (tag === undefined || (!tag.enhanced && payload.length <= HEADER_LENGTH)) return undefined
  if (tag.packetType === AudioPacketType.SequenceStart) return `audio ${tag.trackId}`
  return tag.enhanced && tag.packetType === AudioPacketType.MultichannelConfig
    ? `audio channels ${tag.trackId}`
    : undefined
}
