import type { Message } from '../message/message.ts'
import { DirectReadable } from '../stream/direct.ts'
import type { Gap } from './keyframe-gate.ts'
import { MessageBatch } from './message-batch.ts'
import type { MessageRing } from './message-ring.ts'

/**
 * One reader of a live stream: the number of the batch it wants next. It holds nothing of its own, and waits for nobody but its
 * reader.
 */
export abstract class LiveCursor extends DirectReadable {
  readonly #ring: MessageRing
  readonly #maxLagMs: number
  readonly #parted: (cursor: LiveCursor) => void
  readonly #moved: (() => void) | undefined
  #next: number | undefined
  /** Where it ends. */
  #end = Number.POSITIVE_INFINITY
  /** The state it has been told. */
  readonly #told = new WeakSet<Message>()
  #lastTimestamp: number | undefined
  /** How many messages of the stream it has come past. */
  #past: number | undefined
  #asked = false

  constructor(ring: MessageRing, maxLagMs: number, parted: (cursor: LiveCursor) => void, moved?: () => void) {
    super({ objectMode: true, highWaterMark: 4 })
    if (!(maxLagMs > 0)) throw new RangeError(`maxLagMs must be a positive number, not ${maxLagMs}`)
    this.#ring = ring
    this.#maxLagMs = maxLagMs
    this.#parted = parted
    this.#moved = moved
    this.#next = ring.entrance
  }

  /** Gives a batch to the reader; false when it is full. */
  protected abstract give(batch: MessageBatch): boolean

  /** Gives what the reader did not take of the last batch; false when it is full again. */
  protected giveRest(): boolean {
    return true
  }

  /** Whether there has been a place to begin since it is there. */
  get hasBegun(): boolean {
    return this.#next !== undefined
  }

  /** The oldest batch it will still read, as far as can be told. */
  get wanted(): number {
    const { entrance, next } = this.#ring
    if (this.#next === next) return next
    if (this.#next === undefined || this.#lags(this.#next)) return entrance ?? next
    return this.#next
  }

  /** Whether there is something for it that its reader has not asked for yet. */
  get isBehind(): boolean {
    return !this.#asked && this.hasBegun
  }

  override _read(): void {
    this.#asked = true
    this.advance()
    this.#moved?.()
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    this.#parted(this)
    done(error)
  }

  /** Ends it behind what there is now. */
  finish(): void {
    this.#end = Math.min(this.#end, this.#ring.next)
    this.advance()
  }

  /** Gives the reader what there is, for as long as it asks. */
  advance(): void {
    this.#next ??= this.#ring.entrance
    if (this.#asked) this.#asked = this.giveRest()
    while (this.#asked && !this.#isOver) {
      const batch = this.#step()
      if (batch === undefined) break
      this.#lastTimestamp = batch.timestamp
      this.#asked = this.give(batch)
    }
    if (this.#asked && this.#isOver) {
      this.#asked = false
      this.push(null)
    }
  }

  get #isOver(): boolean {
    return (this.#next ?? this.#ring.next) >= this.#end
  }

  #step(): MessageBatch | undefined {
    if (this.#next !== undefined && this.#lags(this.#next)) this.#next = this.#ring.entrance
    const entry = this.#next === undefined ? undefined : this.#ring.at(this.#next)
    if (entry === undefined) return undefined
    const { batch, state, tells, before } = entry
    this.#tellGap(batch, before)
    if (state !== undefined) {
      const news = state.filter(message => !this.#told.has(message))
      for (const message of news) this.#told.add(message)
      if (news.length > 0) return new MessageBatch(news.map(message => ({ ...message, timestamp: batch.timestamp })))
    }
    if (tells !== undefined) for (const message of tells) this.#told.add(message)
    this.#next = this.#next! + 1
    this.#past = before + batch.messages.length
    return batch
  }

  /** Whether it has fallen off the ring's end, or lags more than it may and there is a better place to go on. */
  #lags(at: number): boolean {
    const { first, next, entrance } = this.#ring
    if (at < first) return true
    if (entrance === undefined || entrance <= at) return false
    const newest = this.#ring.at(next - 1)!.batch.timestamp
    return ((newest - this.#ring.at(at)!.batch.timestamp) | 0) > this.#maxLagMs
  }

  /** Tells what lies between this batch and the last one it gave, if anything does. */
  #tellGap({ timestamp }: MessageBatch, before: number): void {
    const messages = before - (this.#past ?? before)
    this.#past = before
    if (messages === 0) return
    const gap: Gap = { messages, ms: (timestamp - this.#lastTimestamp!) >>> 0 }
    this.emit('gap', gap)
  }
}

/** Gives batches whole. */
export class BatchCursor extends LiveCursor {
  protected override give(batch: MessageBatch): boolean {
    return this.push(batch)
  }
}

/** Gives the messages of batches, one by one. */
export class MessageCursor extends LiveCursor {
  #messages: readonly Message[] = []
  #given = 0

  protected override give(batch: MessageBatch): boolean {
    this.#messages = batch.messages
    this.#given = 0
    return this.giveRest()
  }

  protected override giveRest(): boolean {
    while (this.#given < this.#messages.length) if (!this.push(this.#messages[this.#given++])) return false
    this.#messages = []
    this.#given = 0
    return true
  }
}
