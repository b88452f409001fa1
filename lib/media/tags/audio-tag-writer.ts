import { ByteWriter } from '../../bytes/byte-writer.ts'
import { AudioPacketType, SoundFormat } from './audio-tag.ts'
import { ChannelOrder } from './audio-tag-reader.ts'
import { checkPacketType, checkRange, writeEnhancedStart, writeFourCc, writeTracks } from './enhanced-tag.ts'
import type { AudioPacket, AudioTag, LegacyAudioTag } from './tag-forms.ts'
import { AUDIO_MULTITRACK } from './tag-header.ts'

const MAX_32_BITS = 0xffffffff

/**
 * Writes an audio payload, the inverse of readAudioTag.
 *
 * @throws RangeError for what the form cannot express.
 *
 * @example
 * ```ts
 * const frame = Buffer.of(0xfc, 0xff, 0xfe)
 * const payload = writeAudioTag({ form: 'enhanced', modEx: [], fourCc: 'Opus', packetType: AudioPacketType.CodedFrames, data: frame })
 * ```
 */
export function writeAudioTag(tag: AudioTag): Buffer {
  const writer = new ByteWriter(32)
  if (tag.form === 'legacy') legacy(writer, tag)
  else if (tag.form === 'multitrack') {
    writeEnhancedStart(writer, SoundFormat.ExHeader, tag.modEx, AUDIO_MULTITRACK)
    writeTracks(writer, AUDIO_MULTITRACK, tag.multitrackType, tag.tracks, body)
  } else if (tag.form === 'enhanced') {
    checkPacketType(tag.packetType, AUDIO_MULTITRACK)
    writeEnhancedStart(writer, SoundFormat.ExHeader, tag.modEx, tag.packetType)
    writeFourCc(writer, tag.fourCc)
    writer.raw(body(tag))
  }
  return writer.done()
}

function legacy(
  writer: ByteWriter,
  { soundFormat, soundRate, soundSize, soundType, packetType, data }: LegacyAudioTag
): void {
  checkRange('soundFormat', soundFormat, 0, 0x0f)
  if (soundFormat === SoundFormat.ExHeader) throw new RangeError("sound format 9 has the form 'enhanced'")
  checkRange('soundRate', soundRate, 0, 3)
  checkRange('soundType', soundType, 1, 2)
  if (soundSize !== 8 && soundSize !== 16) throw new RangeError(`soundSize must be 8 or 16, not ${soundSize}`)
  const isAac = soundFormat === SoundFormat.Aac
  checkRange(`packetType of sound format ${soundFormat}`, packetType, isAac ? 0 : 1, 1)
  writer.u8((soundFormat << 4) | (soundRate << 2) | (soundSize === 16 ? 2 : 0) | (soundType - 1))
  if (isAac) writer.u8(packetType)
  writer.raw(data)
}

function body(packet: AudioPacket): Buffer {
  if (packet.packetType !== AudioPacketType.MultichannelConfig) return packet.data
  checkRange('channelCount', packet.channelCount, 0, 0xff)
  const writer = new ByteWriter(8).u8(packet.channelOrder).u8(packet.channelCount)
  if (packet.channelOrder === ChannelOrder.Native) {
    checkRange('channelFlags', packet.channelFlags, 0, MAX_32_BITS)
    writer.u32(packet.channelFlags)
  } else if (packet.channelOrder === ChannelOrder.Custom) {
    checkRange(
      'number of speakers in channelMapping',
      packet.channelMapping.length,
      packet.channelCount,
      packet.channelCount
    )
    for (const speaker of packet.channelMapping) {
      checkRange('speaker', speaker, 0, 0xff)
      writer.u8(speaker)
    }
  } else checkRange('channelOrder', packet.channelOrder, 0, 2)
  return writer.done()
}
