import { type Message, MessageTypeId } from '../../message/message.ts'
import { changedMetadata } from '../../message/metadata.ts'
import { mp3Format } from '../config/audio.ts'
import { AudioPacketType, isMultitrackAudio, SoundFormat } from '../tags/audio-tag.ts'
import { readAudioTag } from '../tags/audio-tag-reader.ts'
import { writeAudioTag } from '../tags/audio-tag-writer.ts'
import { checkRange, unlessInvalid } from '../tags/enhanced-tag.ts'
import type { AudioPacket, LegacyVideoPacket, TagTrack, VideoPacket } from '../tags/tag-forms.ts'
import {
  isMultitrackVideo,
  VideoCodecId,
  VideoFrameType,
  VideoPacketType,
  videoStateKind,
  videoTrackIds
} from '../tags/video-tag.ts'
import { readVideoTag } from '../tags/video-tag-reader.ts'
import { writeVideoTag } from '../tags/video-tag-writer.ts'
import { metadataOfTracks } from './track-metadata.ts'

/**
 * One video and one audio track of a stream, by their ids, 0 to 255. 0, the default, is the track that most players should choose. Of a
 * LiveStream in which there has been no track 0 for two seconds it is the lowest one.
 */
export interface TrackIds {
  /** The video track: 0. */
  readonly video?: number
  /** The audio track: 0. */
  readonly audio?: number
}

/** The tracks that a reader receives: all of a stream, in Multitrack packets too, or one of each kind, as a stream without Multitrack. */
export type TrackChoice = 'all' | TrackIds

/** The tracks that a reader without Multitrack receives. */
export const PRIMARY: Required<TrackIds> = { video: 0, audio: 0 }

/**
 * The choice that is stated in the query of a stream: `?videoTrack=1`, `?audioTrack=2`, `?tracks=all`. Undefined for none; ids out of range
 * are ignored.
 */
export function tracksAsked(query: URLSearchParams): TrackChoice | undefined {
  if (query.get('tracks') === 'all') return 'all'
  const [video, audio] = ['videoTrack', 'audioTrack'].map(name => idOf(query.get(name)))
  if (video === undefined && audio === undefined) return undefined
  return { ...PRIMARY, ...(video !== undefined && { video }), ...(audio !== undefined && { audio }) }
}

function idOf(text: string | null): number | undefined {
  return text !== null && /^\d{1,3}$/.test(text) && Number(text) <= 0xff ? Number(text) : undefined
}

/** @throws RangeError for an id that is not an integer from 0 to 255. */
export function checkTrackIds({ video = 0, audio = 0 }: TrackIds): Required<TrackIds> {
  checkRange('video track', video, 0, 0xff)
  checkRange('audio track', audio, 0, 0xff)
  return { video, audio }
}

/**
 * What one video and one audio track have of a message, for a peer that does not know Multitrack; undefined for nothing. Audio and video
 * outside Multitrack is track 0. What Multitrack has of a chosen track becomes a legacy tag of AVC, AAC and MP3, and an Enhanced tag of one
 * track of other codecs. A legacy tag has no ModEx: nanoseconds are dropped. Metadata describes the chosen tracks alone.
 *
 * The message itself is returned where nothing changes, such as any message that is not media; a Multitrack packet that cannot be read
 * is dropped.
 *
 * @example
 * ```ts
 * const second = stage<Message, Message>((message, push) => {
 *   const chosen = chooseTracks(message, { video: 1 })
 *   return chosen && push(chosen)
 * })
 * ```
 */
export function chooseTracks(message: Message, ids: TrackIds = PRIMARY): Message | undefined {
  const { video = 0, audio = 0 } = ids
  const { type, payload } = message
  if (type === MessageTypeId.Video) {
    if (isCommand(payload)) return message
    if (!isMultitrackVideo(payload)) return video === 0 ? message : undefined
    return videoTrackIds(payload).has(video) ? rewritten(message, singleVideo, video) : undefined
  }
  if (type === MessageTypeId.Audio) {
    if (!isMultitrackAudio(payload)) return audio === 0 ? message : undefined
    return rewritten(message, singleAudio, audio)
  }
  return changedMetadata(message, properties => metadataOfTracks(properties, video, audio))
}

/** Whether a message is the same for readers without Multitrack, at a glance: of metadata this takes reading it. */
export function isSingleTrack({ type, payload }: Message): boolean {
  if (type === MessageTypeId.Video) return !isMultitrackVideo(payload)
  return type === MessageTypeId.Audio && !isMultitrackAudio(payload)
}

/** The start or the end of a seek, which is of all tracks. */
const isCommand = (payload: Buffer): boolean =>
  payload.length > 0 && ((payload[0]! >> 4) & 7) === VideoFrameType.Command && videoStateKind(payload) !== 'metadata'

function rewritten(
  message: Message,
  single: (payload: Buffer, trackId: number) => Buffer | undefined,
  trackId: number
): Message | undefined {
  const payload = unlessInvalid(() => single(message.payload, trackId))
  return payload && { ...message, payload }
}

function singleVideo(payload: Buffer, trackId: number): Buffer | undefined {
  const tag = readVideoTag(payload)
  if (tag.form !== 'multitrack') return undefined
  const { frameType, modEx } = tag
  const packet = packetOf(tag.tracks, trackId)
  if (packet === undefined) return undefined
  const legacy = packet.fourCc === 'avc1' ? legacyAvc(packet) : undefined
  if (legacy !== undefined) return writeVideoTag({ form: 'legacy', frameType, codecId: VideoCodecId.Avc, ...legacy })
  return writeVideoTag({ form: 'enhanced', frameType, modEx, ...packet })
}

/** Undefined for packets that a legacy tag cannot have. */
function legacyAvc(packet: VideoPacket): LegacyVideoPacket | undefined {
  switch (packet.packetType) {
    case VideoPacketType.CodedFramesX:
      return { packetType: VideoPacketType.CodedFrames, compositionTime: 0, data: packet.data }
    case VideoPacketType.CodedFrames:
      return packet
    case VideoPacketType.SequenceStart:
    case VideoPacketType.SequenceEnd:
      return { packetType: packet.packetType, data: packet.data }
    default:
      return undefined
  }
}

function singleAudio(payload: Buffer, trackId: number): Buffer | undefined {
  const tag = readAudioTag(payload)
  if (tag.form !== 'multitrack') return undefined
  const packet = packetOf(tag.tracks, trackId)
  if (packet === undefined) return undefined
  if (packet.fourCc === 'mp4a' || packet.fourCc === '.mp3') return legacyAudio(packet)
  return writeAudioTag({ form: 'enhanced', modEx: tag.modEx, ...packet })
}

/** Undefined for packets that a legacy tag cannot have. */
function legacyAudio({ fourCc, ...packet }: TagTrack & AudioPacket): Buffer | undefined {
  const { packetType } = packet
  if (packetType !== AudioPacketType.CodedFrames && packetType !== AudioPacketType.SequenceStart) return undefined
  const { data } = packet
  const legacy = { form: 'legacy', soundSize: 16, packetType, data } as const
  if (fourCc === 'mp4a') return writeAudioTag({ ...legacy, soundFormat: SoundFormat.Aac, soundRate: 3, soundType: 2 })
  if (packetType !== AudioPacketType.CodedFrames) return undefined
  const { sampleRate = 44_100, channels } = mp3Format(data) ?? {}
  const soundRate = sampleRate >= 32_000 ? 3 : sampleRate >= 16_000 ? 2 : 1
  const soundFormat = sampleRate === 8000 ? SoundFormat.Mp3At8Khz : SoundFormat.Mp3
  return writeAudioTag({ ...legacy, soundFormat, soundRate, soundType: channels === 1 ? 1 : 2 })
}

/** The packet of a track, without its id. */
function packetOf<Packet extends object>(
  tracks: readonly (TagTrack & Packet)[],
  trackId: number
): (TagTrack & Packet) | undefined {
  return tracks.find(track => track.trackId === trackId)
}
