import { RandomAccess } from '../media/random-access.ts'
import { audioTrackId, isAudio } from '../media/tags/audio-tag.ts'
import { isVideo, videoTrackId } from '../media/tags/video-tag.ts'
import { checkTrackIds, chooseTracks, type TrackChoice, type TrackIds } from '../media/tracks/choose-tracks.ts'
import type { Message } from '../message/message.ts'
import { MessageBatch } from './message-batch.ts'

/** More than any id of a track. */
const NO_ID = 256

/**
 * What one reader receives, by its choice of tracks. A video track other than the primary one begins at its own keyframe. The primary track
 * of a stream without a track 0 is its lowest one: those of GStreamer 1.28 begin at 1 if their pads are requested by number.
 */
export class ChosenTracks {
  /** Undefined for all. */
  #ids: Required<TrackIds> | undefined
  /** The lowest ids so far, of kinds of which the primary track is chosen; 0 of others. */
  readonly #lowest: { video: number; audio: number }
  /** Another video track: random access points of a stream are those of its primary track. */
  readonly #access: RandomAccess | undefined

  /** @throws RangeError for an id that is not an integer from 0 to 255. */
  constructor(choice: TrackChoice) {
    this.#ids = choice === 'all' ? undefined : checkTrackIds(choice)
    this.#lowest = { video: this.#ids?.video === 0 ? NO_ID : 0, audio: this.#ids?.audio === 0 ? NO_ID : 0 }
    this.#access = this.#ids === undefined || this.#ids.video === 0 ? undefined : new RandomAccess()
  }

  /** The part of a message or a batch that the reader receives; undefined for none. */
  of(message: Message): Message | undefined
  of(batch: MessageBatch): MessageBatch | undefined
  of(item: Message | MessageBatch): Message | MessageBatch | undefined
  of(item: Message | MessageBatch): Message | MessageBatch | undefined {
    if (this.#ids === undefined) return item
    if (this.#lowest.video > 0 || this.#lowest.audio > 0)
      this.#ids = this.#idsFrom(item instanceof MessageBatch ? item.messages : [item], this.#ids)
    if (!(item instanceof MessageBatch)) {
      const chosen = chooseTracks(item, this.#ids)
      return chosen !== undefined && this.#passes(chosen) ? chosen : undefined
    }
    const chosen = item.choosing(this.#ids)
    if (chosen === undefined || this.#access === undefined || this.#access.isOpen) return chosen
    return chosen.with(chosen.messages.filter(message => this.#passes(message)))
  }

  /** The ids from these messages on. Sequence headers precede frames, so none of another track has been sent. */
  #idsFrom(messages: readonly Message[], ids: Required<TrackIds>): Required<TrackIds> {
    let found = ids
    for (const message of messages) {
      const kind = isVideo(message) ? 'video' : isAudio(message) ? 'audio' : undefined
      if (kind === undefined || message.payload.length === 0) continue
      const id = kind === 'video' ? videoTrackId(message.payload) : audioTrackId(message.payload)
      if (id >= this.#lowest[kind]) continue
      this.#lowest[kind] = id
      if (id !== found[kind]) found = { ...found, [kind]: id }
    }
    return found
  }

  #passes(message: Message): boolean {
    this.#access?.note(message)
    return this.#access?.passes(message) ?? true
  }
}
