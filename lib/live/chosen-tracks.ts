import { RandomAccess } from '../media/random-access.ts'
import { checkTrackIds, chooseTracks, type TrackChoice, type TrackIds } from '../media/tracks/choose-tracks.ts'
import type { Message } from '../message/message.ts'
import { MessageBatch } from './message-batch.ts'

/** What one reader receives, by its choice of tracks. A video track other than the primary one begins at its own keyframe. */
export class ChosenTracks {
  /** Undefined for all. */
  readonly #ids: Required<TrackIds> | undefined
  /** Another video track: random access points of a stream are those of its primary track. */
  readonly #access: RandomAccess | undefined

  /** @throws RangeError for an id that is not an integer from 0 to 255. */
  constructor(choice: TrackChoice) {
    this.#ids = choice === 'all' ? undefined : checkTrackIds(choice)
    this.#access = this.#ids === undefined || this.#ids.video === 0 ? undefined : new RandomAccess()
  }

  /** The part of a message or a batch that the reader receives; undefined for none. */
  of(message: Message): Message | undefined
  of(batch: MessageBatch): MessageBatch | undefined
  of(item: Message | MessageBatch): Message | MessageBatch | undefined
  of(item: Message | MessageBatch): Message | MessageBatch | undefined {
    if (this.#ids === undefined) return item
    if (!(item instanceof MessageBatch)) {
      const chosen = chooseTracks(item, this.#ids)
      return chosen !== undefined && this.#passes(chosen) ? chosen : undefined
    }
    const chosen = item.choosing(this.#ids)
    if (chosen === undefined || this.#access === undefined || this.#access.isOpen) return chosen
    return chosen.with(chosen.messages.filter(message => this.#passes(message)))
  }

  #passes(message: Message): boolean {
    this.#access?.note(message)
    return this.#access?.passes(message) ?? true
  }
}
