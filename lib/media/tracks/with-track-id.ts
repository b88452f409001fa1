import type { Message } from '../../message/message.ts'
import { isAudio } from '../tags/audio-tag.ts'
import { readAudioTag } from '../tags/audio-tag-reader.ts'
import { writeAudioTag } from '../tags/audio-tag-writer.ts'
import { soundFourCc, videoFourCc } from '../tags/codec.ts'
import { checkRange, unlessInvalid } from '../tags/enhanced-tag.ts'
import type { AudioPacket, AudioTag, VideoPacket, VideoTag } from '../tags/tag-forms.ts'
import { MultitrackType } from '../tags/tag-header.ts'
import { isVideo, VideoPacketType } from '../tags/video-tag.ts'
import { hasCompositionTime, readVideoTag } from '../tags/video-tag-reader.ts'
import { writeVideoTag } from '../tags/video-tag-writer.ts'

/** FFmpeg 8.1 reads no more than the first track of a SequenceStart with several. */
const multitrackType = MultitrackType.OneTrack

/**
 * An audio or video message of one track as one of the track with this id, in a Multitrack packet (OneTrack). It is the inverse of
 * chooseTracks: legacy AVC, AAC and MP3 become `avc1`, `mp4a` and `.mp3`.
 *
 * Undefined for what a track cannot have: other messages, a legacy codec without a FourCC, a command frame, an empty payload, a
 * Multitrack packet of several tracks, and a payload that cannot be read.
 *
 * @throws RangeError for an id that is not an integer from 0 to 255.
 *
 * @example
 * ```ts
 * const german = stage<Message, Message>((message, push) => {
 *   const track = withTrackId(message, 1)
 *   if (track !== undefined) push(track)
 * })
 * ```
 */
export function withTrackId(message: Message, trackId: number): Message | undefined {
  checkRange('track id', trackId, 0, 0xff)
  const { payload } = message
  const moved = unlessInvalid(() => {
    if (isVideo(message)) return movedVideo(readVideoTag(payload, { hasHevcAndAv1: true }), trackId)
    return isAudio(message) ? movedAudio(readAudioTag(payload), trackId) : undefined
  })
  return moved && { ...message, payload: moved }
}

function movedVideo(tag: VideoTag, trackId: number): Buffer | undefined {
  const packet = videoPacket(tag)
  if (packet === undefined || tag.form === 'command') return undefined
  const modEx = tag.form === 'legacy' ? [] : tag.modEx
  const tracks = [{ ...packet, trackId }]
  return writeVideoTag({ form: 'multitrack', frameType: tag.frameType, modEx, multitrackType, tracks })
}

function videoPacket(tag: VideoTag): ({ fourCc: string } & VideoPacket) | undefined {
  if (tag.form === 'command') return undefined
  if (tag.form === 'multitrack') return onlyOf(tag.tracks)
  if (tag.form === 'enhanced') return tag
  const fourCc = videoFourCc(tag.codecId)
  if (fourCc === undefined) return undefined
  // a legacy tag has a composition time whatever its codec
  const isTimeless = tag.packetType === VideoPacketType.CodedFrames && !hasCompositionTime(fourCc)
  return { ...tag, fourCc, ...(isTimeless && { compositionTime: 0 }) }
}

function movedAudio(tag: AudioTag, trackId: number): Buffer | undefined {
  const packet = audioPacket(tag)
  if (packet === undefined || tag.form === 'silence') return undefined
  const modEx = tag.form === 'legacy' ? [] : tag.modEx
  return writeAudioTag({ form: 'multitrack', modEx, multitrackType, tracks: [{ ...packet, trackId }] })
}

function audioPacket(tag: AudioTag): ({ fourCc: string } & AudioPacket) | undefined {
  if (tag.form === 'silence') return undefined
  if (tag.form === 'multitrack') return onlyOf(tag.tracks)
  if (tag.form === 'enhanced') return tag
  const fourCc = soundFourCc(tag.soundFormat)
  return fourCc === undefined ? undefined : { ...tag, fourCc }
}

const onlyOf = <Track>(tracks: readonly Track[]): Track | undefined => (tracks.length === 1 ? tracks[0] : undefined)
