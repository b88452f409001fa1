import type { Message } from '../message/message.ts'
import { Stage } from '../stream/stage.ts'
import { isState, MediaState, stateAt } from './media-state.ts'
import { RandomAccess } from './random-access.ts'

/** Options of StartAt. */
export interface StartAtOptions {
  /** Bytes of payload it holds at most: 16 MiB. A longer group of pictures is skipped. */
  maxBytes?: number
}

/**
 * Starts a stream at a time in milliseconds: at the last keyframe at or before it, or without video at the last audio,
 * preceded by metadata and sequence headers. If it holds neither, it starts at the time itself with audio and data, and
 * with video at its next keyframe. Timestamps stay unchanged. It holds one group of pictures at a time.
 */
export class StartAt extends Stage<Message, Message> {
  readonly #ms: number
  readonly #maxBytes: number
  readonly #state = new MediaState()
  readonly #access: RandomAccess
  #begun = false
  /** The messages since the last random access point, and the state before them. */
  #group: Message[] = []
  #lead: readonly Message[] = []
  #bytes = 0

  /** @throws RangeError for a time that is not a number. */
  constructor(ms: number, { maxBytes = 16 * 1024 * 1024 }: StartAtOptions = {}) {
    super({ layer: 'startAt' })
    if (!Number.isFinite(ms)) throw new RangeError(`ms must be a finite number, not ${ms}`)
    this.#ms = ms
    this.#maxBytes = maxBytes
    this.#begun = ms <= 0
    this.#access = new RandomAccess(this.#begun)
  }

  protected override turn(message: Message): void | Iterable<Message> {
    const begins = this.#access.note(message)
    if (!this.#begun) return isState(message) ? this.#holdState(message) : this.#hold(message, begins)
    if (this.#access.passes(message)) this.push(message)
  }

  /** A stream that ends before the time still yields its end. */
  protected override last(): void | Iterable<Message> {
    if (!this.#begun && this.#group.length > 0) return this.#begin()
  }

  /** It precedes what follows it: a frame before it may need what it replaces. */
  #holdState(message: Message): void {
    this.#state.note(message)
    if (this.#group.length === 0) return
    this.#add(message)
    this.#bound()
  }

  #hold(message: Message, begins: boolean): void | Iterable<Message> {
    const isDue = message.timestamp >= this.#ms
    if (begins && message.timestamp <= this.#ms) {
      this.#forget()
      // other tracks begin in this group too, at their own keyframes
      this.#access.note(message)
    }
    // the rest of a group that was too long is useless until the next random access point, or the time
    const isHeld = begins || this.#group.length > 0 || isDue
    if (!isHeld || !this.#access.passes(message)) return
    if (this.#group.length === 0) this.#lead = this.#state.messages()
    this.#add(message)
    if (isDue) return this.#begin()
    this.#bound()
  }

  #bound(): void {
    if (this.#bytes > this.#maxBytes) this.#forget()
  }

  #add(message: Message): void {
    this.#group.push(message)
    this.#bytes += message.payload.length
  }

  #forget(): void {
    this.#group = []
    this.#bytes = 0
    this.#access.close()
  }

  *#begin(): Generator<Message, void> {
    this.#begun = true
    const group = this.#group
    this.#group = []
    for (const state of this.#lead) yield stateAt(state, group[0]!.timestamp)
    yield* group
  }
}

/** A StartAt: Messages from the last keyframe at or before `ms`. */
export const startAt = (ms: number, options?: StartAtOptions): StartAt => new StartAt(ms, options)
