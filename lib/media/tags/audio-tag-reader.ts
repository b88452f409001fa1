import { ByteReader } from '../../bytes/byte-reader.ts'
import { AudioPacketType, SoundFormat } from './audio-tag.ts'
import { invalid, readEnhancedStart, readFourCc, readTracks, rest } from './enhanced-tag.ts'
import type { AudioPacket, AudioTag, MultichannelConfig } from './tag-forms.ts'
import { AUDIO_MULTITRACK } from './tag-header.ts'

/**
 * Reads an audio payload whole (FLV 10.1, E.4.2; Enhanced RTMP v2, "Enhanced Audio"). Buffers are views of the payload.
 * Codecs that are not known are read too, and so are reserved packet types. Bytes behind a MultichannelConfig are
 * ignored.
 *
 * @throws ProtocolError of layer `'media'`: `ERR_RTMP_TRUNCATED` if the payload ends inside a field, `ERR_RTMP_TAG` for a
 *   packet type or channel order that cannot be there, or more than 256 tracks or ModEx.
 *
 * @example
 * ```ts
 * const tag = readAudioTag(message.payload)
 * if (tag.form === 'enhanced' && tag.packetType === AudioPacketType.CodedFrames) console.log(tag.fourCc, tag.data)
 * ```
 */
export function readAudioTag(payload: Buffer): AudioTag {
  if (payload.length === 0) return { form: 'silence' }
  const soundFormat = payload[0]! >> 4
  return soundFormat === SoundFormat.ExHeader ? enhanced(payload) : legacy(payload, soundFormat)
}

function legacy(payload: Buffer, soundFormat: number): AudioTag {
  const reader = new ByteReader(payload, 'media')
  const bits = reader.u8()
  const packetType = soundFormat === SoundFormat.Aac ? reader.u8() : AudioPacketType.CodedFrames
  if (packetType !== AudioPacketType.SequenceStart && packetType !== AudioPacketType.CodedFrames)
    throw invalid(1, `packet type ${packetType}`)
  return {
    form: 'legacy',
    soundFormat,
    soundRate: (bits >> 2) & 3,
    soundSize: (bits & 2) === 0 ? 8 : 16,
    soundType: (bits & 1) === 0 ? 1 : 2,
    packetType,
    data: rest(reader)
  }
}

function enhanced(payload: Buffer): AudioTag {
  const { modEx, packetType, reader } = readEnhancedStart(payload)
  if (packetType === AUDIO_MULTITRACK)
    return { form: 'multitrack', modEx, ...readTracks(reader, AUDIO_MULTITRACK, packet) }
  const fourCc = readFourCc(reader)
  return { form: 'enhanced', modEx, fourCc, ...packet(packetType, fourCc, reader) }
}

type OtherPacketType = Exclude<AudioPacket['packetType'], typeof AudioPacketType.MultichannelConfig>

function packet(packetType: number, _fourCc: string, reader: ByteReader): AudioPacket {
  if (packetType === AudioPacketType.MultichannelConfig) return { packetType, ...multichannelConfig(reader) }
  return { packetType: packetType as OtherPacketType, data: rest(reader) }
}

/** Enhanced RTMP v2, "AudioChannelOrder". */
export const ChannelOrder = { Unspecified: 0, Native: 1, Custom: 2 } as const

function multichannelConfig(reader: ByteReader): MultichannelConfig {
  const channelOrder = reader.u8()
  const channelCount = reader.u8()
  switch (channelOrder) {
    case ChannelOrder.Unspecified:
      return { channelOrder, channelCount }
    case ChannelOrder.Native:
      return { channelOrder, channelCount, channelFlags: reader.u32() }
    case ChannelOrder.Custom:
      return { channelOrder, channelCount, channelMapping: [...reader.view(channelCount)] }
    default:
      throw invalid(reader.offset - 2, `channel order ${channelOrder}`)
  }
}
