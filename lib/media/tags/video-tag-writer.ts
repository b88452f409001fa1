import { ByteWriter } from '../../bytes/byte-writer.ts'
import { checkPacketType, checkRange, writeEnhancedStart, writeFourCc, writeTracks } from './enhanced-tag.ts'
import type { LegacyVideoTag, VideoPacket, VideoTag } from './tag-forms.ts'
import { MOD_EX, VIDEO_MULTITRACK } from './tag-header.ts'
import { VideoFrameType, VideoPacketType } from './video-tag.ts'
import { hasCompositionTime, hasPackets, TIME_LENGTH, type VideoTagOptions } from './video-tag-reader.ts'

/** The bit of an Enhanced header, in the upper half of the first byte. */
const IS_EX_HEADER = 8
const MAX_TIME = 0x7fffff

/**
 * Writes a video payload, the inverse of readVideoTag. FFmpeg 8.1 reads no more than the first track of a SequenceStart:
 * write a payload for each track, with OneTrack. Of frames it reads all tracks. It reads Metadata in the form 'enhanced'
 * with frame type Command alone; with another frame type it takes it for a frame.
 *
 * @throws RangeError for what the form cannot express: a value out of range, a composition time of a codec that has none.
 *
 * @example
 * ```ts
 * const tag = readVideoTag(message.payload)
 * if (tag.form === 'multitrack') {
 *   // the first track alone, as a player without multitrack expects it
 *   const { trackId, ...packet } = tag.tracks[0]!
 *   const payload = writeVideoTag({ form: 'enhanced', frameType: tag.frameType, modEx: tag.modEx, ...packet })
 *   console.log(trackId, payload)
 * }
 * ```
 */
export function writeVideoTag(tag: VideoTag, options?: VideoTagOptions): Buffer {
  const writer = new ByteWriter(32)
  if (tag.form === 'legacy') legacy(writer, tag, options)
  else if (tag.form === 'command') command(writer, tag)
  else {
    const packetType = tag.form === 'multitrack' ? VIDEO_MULTITRACK : tag.packetType
    checkFrameType(tag.frameType, tag.form === 'multitrack' ? tag.tracks[0]?.packetType : packetType)
    writeEnhancedStart(writer, IS_EX_HEADER | tag.frameType, tag.modEx, packetType)
    if (tag.form === 'multitrack')
      writeTracks(writer, VIDEO_MULTITRACK, tag.multitrackType, tag.tracks, track =>
        body(track, hasCompositionTime(track.fourCc))
      )
    else {
      checkPacketType(packetType, VIDEO_MULTITRACK)
      writeFourCc(writer, tag.fourCc)
      writer.raw(body(tag, hasCompositionTime(tag.fourCc)))
    }
  }
  return writer.done()
}

function legacy(writer: ByteWriter, tag: LegacyVideoTag, options?: VideoTagOptions): void {
  checkFrameType(tag.frameType)
  checkRange('codecId', tag.codecId, 0, 0x0f)
  writer.u8((tag.frameType << 4) | tag.codecId)
  const isPacket = hasPackets(tag.codecId, options)
  checkRange(`packetType of codec ${tag.codecId}`, tag.packetType, isPacket ? 0 : 1, isPacket ? 2 : 1)
  if (isPacket) writer.u8(tag.packetType)
  if (isPacket && tag.packetType !== VideoPacketType.CodedFrames) writer.u24(0)
  writer.raw(body(tag, isPacket))
}

function command(writer: ByteWriter, tag: Extract<VideoTag, { form: 'command' }>): void {
  checkRange('command', tag.command, 0, 0xff)
  if (tag.enhanced) {
    checkRange('packetType of a command', tag.packetType, 0, 0x0f)
    if (tag.packetType === VideoPacketType.Metadata || tag.packetType === MOD_EX)
      throw new RangeError(`a command cannot have packet type ${tag.packetType}`)
    writeEnhancedStart(writer, IS_EX_HEADER | VideoFrameType.Command, tag.modEx, tag.packetType)
  } else {
    checkRange('codecId', tag.codecId, 0, 0x0f)
    writer.u8((VideoFrameType.Command << 4) | tag.codecId)
  }
  writer.u8(tag.command)
}

/** A frame type of 3 bits that is no command, but that of metadata, where it means nothing. */
function checkFrameType(frameType: number, packetType?: number): void {
  checkRange('frameType', frameType, 0, 7)
  if (frameType === VideoFrameType.Command && packetType !== VideoPacketType.Metadata)
    throw new RangeError("a command has the form 'command'")
}

function body(packet: VideoPacket, hasTime: boolean): Buffer {
  if (packet.packetType !== VideoPacketType.CodedFrames) return packet.data
  checkRange('compositionTime', packet.compositionTime, hasTime ? -MAX_TIME - 1 : 0, hasTime ? MAX_TIME : 0)
  if (!hasTime) return packet.data
  const time = Buffer.alloc(TIME_LENGTH)
  time.writeIntBE(packet.compositionTime, 0, TIME_LENGTH)
  return Buffer.concat([time, packet.data])
}
