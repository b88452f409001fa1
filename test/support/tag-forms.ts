import {
  type AudioTag,
  isVideo,
  type Message,
  type MultitrackAudioTag,
  MultitrackType,
  type MultitrackVideoTag,
  readAudioTag,
  readVideoTag,
  VideoPacketType,
  type VideoTag,
  writeAudioTag,
  writeVideoTag
} from 'rtmpipe'

export type Tag = VideoTag | AudioTag

/** A tag by its tracks, whatever its form was. */
export type Tracks = MultitrackVideoTag | MultitrackAudioTag

const { CodedFrames, CodedFramesX } = VideoPacketType

export const readTag = (message: Message): Tag =>
  isVideo(message) ? readVideoTag(message.payload) : readAudioTag(message.payload)

/** The message with this tag for its payload. */
export const withTag = (message: Message, tag: Tag): Message => ({
  ...message,
  payload: isVideo(message) ? writeVideoTag(tag as VideoTag) : writeAudioTag(tag as AudioTag)
})

/** Those of a payload of media, of AVC and AAC where it has no FourCC. */
export function tracksOf(message: Message): Tracks {
  const tag = readTag(message)
  if (tag.form === 'multitrack') return tag
  if (tag.form === 'command' || tag.form === 'silence') throw new TypeError(`a ${tag.form} has no tracks`)
  const fourCc = tag.form === 'enhanced' ? tag.fourCc : isVideo(message) ? 'avc1' : 'mp4a'
  const tracks = [{ ...tag, trackId: 0, fourCc }]
  return { modEx: [], ...tag, form: 'multitrack', multitrackType: MultitrackType.OneTrack, tracks } as Tracks
}

/** The only track of a tag: without its id, if that is 0. */
export function single(tag: Tracks): Tag {
  const track = tag.tracks[0]!
  return track.trackId === 0 ? ({ ...tag, ...track, form: 'enhanced' } as Tag) : tag
}

/** Each track of video that is CodedFramesX as CodedFrames. */
export const timed = (tag: Tracks): Tracks =>
  withTracks(tag, track =>
    'frameType' in tag && track.packetType === CodedFramesX
      ? { ...track, packetType: CodedFrames, compositionTime: 0 }
      : track
  )

/** Each track of video whose composition time is 0 as CodedFramesX. */
export const untimed = (tag: Tracks): Tracks =>
  withTracks(tag, track =>
    'compositionTime' in track && track.compositionTime === 0 ? { ...track, packetType: CodedFramesX } : track
  )

const withTracks = (tag: Tracks, made: (track: Tracks['tracks'][number]) => object): Tracks =>
  ({ ...tag, tracks: tag.tracks.map(made) }) as Tracks

/** Frames of one kind and one time in one payload, of one codec where it must be, and each other packet in one of its own. */
export function joined(messages: readonly Message[], multitrackType: 1 | 2): Message[] {
  const payloads = new Map<string, readonly [Message, Tracks]>()
  for (const [at, message] of messages.entries()) {
    const tag = timed(tracksOf(message))
    const { packetType, fourCc } = tag.tracks[0]!
    const frameType = 'frameType' in tag && tag.frameType
    const codec = multitrackType === MultitrackType.ManyTracks && fourCc
    const key = packetType === CodedFrames ? [message.type, message.timestamp, frameType, codec].join() : `${at}`
    const [first, { tracks }] = payloads.get(key) ?? [message, { tracks: [] }]
    payloads.set(key, [first, { ...tag, multitrackType, tracks: [...tracks, ...tag.tracks] } as Tracks])
  }
  return [...payloads.values()].map(([message, tag]) => withTag(message, tag))
}
