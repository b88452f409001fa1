import type { Message } from '../message/message.ts'
import { Stage } from '../stream/stage.ts'
import { Entrances } from './entrances.ts'
import { isMetadata, isSequenceHeader, MediaState } from './media-state.ts'

export interface StartAtOptions {
  /** Bytes of payload it holds at most: 16 MiB. A group of pictures that is longer is left out. */
  maxBytes?: number
}

/**
 * Begins a stream at a time, in milliseconds: at the last keyframe that is not later, or else the last audio where there is no
 * video, with metadata and sequence headers ahead. Timestamps stay as they are. It holds one group of pictures at a time.
 */
export class StartAt extends Stage<Message, Message> {
  readonly #ms: number
  readonly #maxBytes: number
  readonly #state = new MediaState()
  readonly #entrances = new Entrances()
  #begun = false
  /** What came since the last place to begin. */
  #group: Message[] = []
  #bytes = 0

  /** @throws RangeError for a time that is no number. */
  constructor(ms: number, { maxBytes = 16 * 1024 * 1024 }: StartAtOptions = {}) {
    super({ layer: 'startAt' })
    if (!Number.isFinite(ms)) throw new RangeError(`the time to start at must be a number, not ${ms}`)
    this.#ms = ms
    this.#maxBytes = maxBytes
    this.#begun = ms <= 0
  }

  protected override turn(message: Message): void | Iterable<Message> {
    if (this.#begun) this.push(message)
    else if (isMetadata(message) || isSequenceHeader(message)) this.#note(message)
    else return this.#hold(message)
  }

  /** A stream that ends before the time still shows its end. */
  protected override last(): void | Iterable<Message> {
    if (!this.#begun && this.#group.length > 0) return this.#begin()
  }

  #note(message: Message): void {
    this.#state.note(message)
    this.#entrances.note(message)
  }

  #hold(message: Message): void | Iterable<Message> {
    const begins = this.#entrances.note(message)
    if (begins && message.timestamp <= this.#ms) this.#forget()
    // what follows a group that was too long is of no use either, up to the next place to begin
    if (!begins && this.#group.length === 0 && this.#entrances.hasVideo) return
    this.#group.push(message)
    this.#bytes += message.payload.length
    if (message.timestamp >= this.#ms) return this.#begin()
    if (this.#bytes > this.#maxBytes) this.#forget()
  }

  #forget(): void {
    this.#group = []
    this.#bytes = 0
  }

  *#begin(): Generator<Message, void> {
    this.#begun = true
    const group = this.#group
    this.#group = []
    for (const state of this.#state.messages()) yield { ...state, timestamp: group[0]!.timestamp }
    yield* group
  }
}

export const startAt = (ms: number, options?: StartAtOptions): StartAt => new StartAt(ms, options)
