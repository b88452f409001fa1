import { type Message, MessageTypeId } from '../message/message.ts'
import { readEnhancedHeader, type TagHeader } from './tag-header.ts'

/** Sound formats (FLV 10.1, E.4.2.1); 9 announces the Enhanced header. */
export const SoundFormat = { Mp3: 2, ExHeader: 9, Aac: 10 } as const
const MULTITRACK = 5
/** Bytes of AAC's header, ahead of the decoder's record. */
const HEADER_LENGTH = 2

/** Enhanced RTMP v2, "AudioPacketType". */
export const AudioPacketType = { SequenceStart: 0, CodedFrames: 1, SequenceEnd: 2, MultichannelConfig: 4 } as const

/** What the first bytes of an audio payload say. */
export interface AudioTag extends TagHeader {
  /** The codec (FLV 10.1, E.4.2.1): 2 MP3, 10 AAC; 9 for the Enhanced header, which has a FourCC. */
  readonly soundFormat: number
}

/** What an audio payload's first bytes say; undefined where it ends in them. An empty payload means silence. */
export function readAudioTag(payload: Buffer): AudioTag | undefined {
  const first = payload[0]
  if (first === undefined) return undefined
  const soundFormat = first >> 4
  if (soundFormat === SoundFormat.ExHeader) {
    const header = readEnhancedHeader(payload, MULTITRACK)
    return header && { ...header, soundFormat }
  }
  const packetType = soundFormat === SoundFormat.Aac ? payload[1] : AudioPacketType.CodedFrames
  return packetType === undefined ? undefined : { enhanced: false, packetType, trackId: 0, soundFormat }
}

/** Whether a message is audio (type 8). */
export const isAudio = (message: Message): boolean => message.type === MessageTypeId.Audio

/** Which part of a decoder's state this payload sets, by name; undefined for one that sets none, such as a frame. */
export function audioState(payload: Buffer): string | undefined {
  const tag = readAudioTag(payload)
  // AAC's without a record sets nothing; of the Enhanced codecs some have none
  if (tag === undefined || (!tag.enhanced && payload.length <= HEADER_LENGTH)) return undefined
  if (tag.packetType === AudioPacketType.SequenceStart) return `audio ${tag.trackId}`
  return tag.enhanced && tag.packetType === AudioPacketType.MultichannelConfig
    ? `audio channels ${tag.trackId}`
    : undefined
}
