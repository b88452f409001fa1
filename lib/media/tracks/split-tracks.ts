import type { Message } from '../../message/message.ts'
import { Stage } from '../../stream/stage.ts'
import type { ReadableOf } from '../../stream/typed.ts'
import { isSequenceHeader, MediaState, stateAt } from '../media-state.ts'
import { audioTrackIds, isAudio } from '../tags/audio-tag.ts'
import { isKeyframe, isVideo, videoTrackIds } from '../tags/video-tag.ts'
import { checkTrackIds, chooseTracks, type TrackIds } from './choose-tracks.ts'
import { MetadataTracks } from './metadata-tracks.ts'
import { describedTrack, type TrackDescription } from './track-description.ts'
import { TrackStream } from './track-stream.ts'

/** Options of SplitTracks. */
export type SplitTracksOptions =
  | {
      /** A stream for each video track. */
      readonly by?: 'video'
      /** The audio track that each stream has, 0 to 255: 0. */
      readonly audio?: number
    }
  | {
      /** A stream for each audio track. */
      readonly by: 'audio'
      /** The video track that each stream has, 0 to 255: 0. */
      readonly video?: number
    }

/** A track, and a stream that has it. */
export interface SplitTrack extends TrackDescription {
  /** The id of the track; the primary one has 0. */
  readonly trackId: number
  /** Messages without Multitrack: metadata and sequence headers, and from a keyframe on all of the stream. */
  readonly stream: ReadableOf<Message>
}

/**
 * Divides a stream with several tracks (Enhanced RTMP v2, "Multitrack"), that of a publish or of `live.subscribe({ tracks: 'all' })`,
 * into streams of one video and one audio track, which play everywhere: see chooseTracks. A track is given when it begins, which
 * is at its first keyframe. One of audio begins at a keyframe of the video that it has, after its sequence header or a first sound; if
 * there has been no video, at its sound.
 *
 * A stream that is not read applies backpressure to the source, and so to the other streams: read each, pipe it into a LiveStream,
 * which never waits, or destroy it, which stops nothing else. All end with the source. If that fails they are destroyed without
 * an error, which the SplitTracks has.
 */
export class SplitTracks extends Stage<Message, SplitTrack> {
  readonly #by: 'video' | 'audio'
  readonly #common: Required<TrackIds>
  readonly #state = new MediaState()
  readonly #metadata = new MetadataTracks()
  readonly #streams = new Map<number, TrackStream>()
  /** Audio tracks that have not begun, and the last message of each: some codecs have no sequence header. */
  readonly #waiting = new Map<number, Message>()
  #hasVideo = false

  /** @throws RangeError for an id that is not an integer from 0 to 255, TypeError for another `by`. */
  constructor({ by = 'video', ...common }: SplitTracksOptions = {}) {
    super({ layer: 'splitTracks' })
    if (by !== 'video' && by !== 'audio') throw new TypeError(`by must be 'video' or 'audio', not ${by}`)
    this.#by = by
    this.#common = checkTrackIds(common)
  }

  protected override turn(given: Message): void | Promise<void> {
    const message = this.#metadata.attributed(given)
    this.#state.note(message)
    for (const id of this.#beginning(message)) if (!this.#streams.has(id)) this.#begin(id, message)
    const waits = [...this.#streams.values()].flatMap(stream => stream.deliver(message) ?? [])
    if (waits.length > 0) return Promise.all(waits).then(() => {})
  }

  protected override last(): void {
    for (const stream of this.#streams.values()) stream.push(null)
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    for (const stream of this.#streams.values()) stream.destroy()
    super._destroy(error, done)
  }

  /** The tracks that can begin with this message. */
  #beginning(message: Message): Iterable<number> {
    if (this.#by === 'video') return isKeyframe(message) ? videoTrackIds(message.payload) : []
    if (isAudio(message)) return this.#hear(message)
    if (!isVideo(message) || !videoTrackIds(message.payload).has(this.#common.video)) return []
    this.#hasVideo = true
    return isKeyframe(message) ? this.#waiting.keys() : []
  }

  #hear(message: Message): Iterable<number> {
    const ids = audioTrackIds(message.payload)
    for (const id of ids) if (!this.#streams.has(id)) this.#waiting.set(id, message)
    return this.#hasVideo || isSequenceHeader(message) ? [] : ids
  }

  #begin(trackId: number, message: Message): void {
    const ids = { ...this.#common, [this.#by]: trackId }
    if (chooseTracks(message, ids) === undefined) return
    const stream = new TrackStream(ids)
    this.#streams.set(trackId, stream)
    const state = this.#state.messages()
    for (const each of state) void stream.deliver(stateAt(each, message.timestamp))
    const told = [...state, this.#waiting.get(trackId) ?? message].flatMap(each => chooseTracks(each, ids) ?? [])
    this.#waiting.delete(trackId)
    this.push({ trackId, ...describedTrack(this.#by, told), stream })
  }
}

/**
 * A SplitTracks.
 * @throws RangeError for an id that is not an integer from 0 to 255, TypeError for another `by`.
 *
 * @example
 * ```ts
 * const split = splitTracks()
 * pipeline(publish.accept(), split, report)
 * for await (const { stream, height } of split) pipeline(stream, await lives.publish(`${publish.path}_${height}p`), report)
 * ```
 */
export const splitTracks = (options?: SplitTracksOptions): SplitTracks => new SplitTracks(options)
