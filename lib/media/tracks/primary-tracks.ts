import type { Message } from '../../message/message.ts'
import { between } from '../serial.ts'
import { audioTrackId, isAudio } from '../tags/audio-tag.ts'
import { isVideo, videoTrackId } from '../tags/video-tag.ts'
import { PRIMARY, type TrackIds } from './choose-tracks.ts'

/** Milliseconds for which a track 0 may be missing before another one takes its place. */
const LATE_MS = 2000
/** More than any id. */
const NONE = 256

/**
 * Which tracks of a stream are the primary ones: those with id 0, or the lowest ones if those do not come. GStreamer 1.28 numbers its
 * tracks from 1 on if their pads are requested by number.
 */
export class PrimaryTracks {
  #ids: Required<TrackIds> = PRIMARY
  /** The lowest ids so far. */
  readonly #lowest = { video: NONE, audio: NONE }
  #begunAt: number | undefined

  /** Observes each message, in order. */
  note(message: Message): void {
    if (message.payload.length === 0) return
    if (isVideo(message)) {
      if (this.#lowest.video > 0) this.#lowest.video = Math.min(this.#lowest.video, videoTrackId(message.payload))
    } else if (this.#lowest.audio > 0 && isAudio(message))
      this.#lowest.audio = Math.min(this.#lowest.audio, audioTrackId(message.payload))
  }

  /** The tracks from a random access point on, which is at this time in milliseconds; the same object while they stay the same. */
  from(timestamp: number): Required<TrackIds> {
    this.#begunAt ??= timestamp
    const isLate = between(this.#begunAt, timestamp) >= LATE_MS
    const video = this.#idOf('video', isLate)
    const audio = this.#idOf('audio', isLate)
    if (video !== this.#ids.video || audio !== this.#ids.audio) this.#ids = { video, audio }
    return this.#ids
  }

  #idOf(kind: 'video' | 'audio', isLate: boolean): number {
    const lowest = this.#lowest[kind]
    return lowest === 0 || (isLate && lowest !== NONE) ? lowest : this.#ids[kind]
  }
}
