import { isState } from '../media/media-state.ts'
import { isVideo } from '../media/video-tag.ts'
import { MESSAGE_COST, type Message } from '../message/message.ts'
import { MessageBatch } from './message-batch.ts'

/** Options of MessageRing and LiveStream. */
export interface MessageRingOptions {
  /** Bytes it holds at most, 256 for each message included: 16 MiB. What they pin in memory may be twice that, and 1 MiB. */
  maxBytes?: number
  /** Milliseconds, by timestamps, it holds at most: 20,000. */
  maxMs?: number
}

/** A batch and what it is in its stream. */
export interface RingEntry {
  /** The batch. */
  readonly batch: MessageBatch
  /** The batch without video, for readers whose video waits for a keyframe; undefined where nothing is left. One for all of them. */
  readonly withoutVideo: MessageBatch | undefined
  /** What a decoder needs ahead of it, if it is a place to begin: metadata and sequence headers. */
  readonly state: readonly Message[] | undefined
  /** Which of its own messages are such state. */
  readonly tells: readonly Message[] | undefined
  /** How many messages of the stream came before it. */
  readonly before: number
}

class Entry implements RingEntry {
  readonly batch: MessageBatch
  readonly state: RingEntry['state']
  readonly tells: RingEntry['tells']
  readonly before: number
  #withoutVideo: MessageBatch | undefined | 'unasked' = 'unasked'

  constructor(batch: MessageBatch, state: RingEntry['state'], tells: RingEntry['tells'], before: number) {
    this.batch = batch
    this.state = state
    this.tells = tells
    this.before = before
  }

  get withoutVideo(): MessageBatch | undefined {
    if (this.#withoutVideo === 'unasked') this.#withoutVideo = withoutVideo(this.batch)
    return this.#withoutVideo
  }

  /** Lets go of the bytes that were made for level readers. */
  forget(): void {
    this.batch.forget()
    if (this.#withoutVideo !== 'unasked') this.#withoutVideo?.forget()
  }
}

function withoutVideo(batch: MessageBatch): MessageBatch | undefined {
  const left = batch.messages.filter(message => !isVideo(message) || isState(message))
  if (left.length === batch.messages.length) return batch
  return left.length === 0 ? undefined : new MessageBatch(left, batch.timestamp)
}

/** Batches it holds at most. In 20 s of 60 frames a second there are 1200. */
const MAX_BATCHES = 4096

/** A reader that is no more than this many batches behind is level with the others. */
const LEVEL = 4

/**
 * The batches of a live stream from the last place to begin on, and of what came before as much as somebody still wants, within
 * its bounds. Batches are numbered from 0, without end. Pure: whoever reads keeps the number of what it wants next.
 */
export class MessageRing {
  readonly #maxBytes: number
  readonly #maxMs: number
  #entries: Entry[] = []
  #first = 0
  #entrance: number | undefined
  /** All that have come, in messages. */
  #count = 0
  #bytes = 0
  #cost = 0
  #timestamp = 0

  constructor({ maxBytes = 16 * 1024 * 1024, maxMs = 20_000 }: MessageRingOptions = {}) {
    this.#maxBytes = maxBytes
    this.#maxMs = maxMs
  }

  /** The number of the oldest batch it holds. */
  get first(): number {
    return this.#first
  }

  /** The number that the next batch will have. */
  get next(): number {
    return this.#first + this.#entries.length
  }

  /** The newest place to begin; undefined while it holds none. */
  get entrance(): number | undefined {
    return this.#entrance
  }

  /** Milliseconds: the timestamp of the batch that came last, 0 before the first. */
  get timestamp(): number {
    return this.#timestamp
  }

  /** Bytes of payload it holds. */
  get byteLength(): number {
    return this.#bytes
  }

  /** Bytes it takes, the objects that hold them included. */
  get heldBytes(): number {
    return this.#cost
  }

  /** Messages it holds. */
  get messages(): number {
    return this.#count - (this.#entries[0]?.before ?? this.#count)
  }

  /** Milliseconds, by timestamps, from its oldest batch to its newest. */
  get ms(): number {
    const oldest = this.#entries[0]
    return oldest === undefined ? 0 : Math.max(0, (this.#timestamp - oldest.batch.timestamp) | 0)
  }

  /** How many messages went out together, on average of what it holds; 0 while it holds none. */
  get messagesPerBatch(): number {
    return this.#entries.length === 0 ? 0 : this.messages / this.#entries.length
  }

  /** The batch of this number; undefined where the ring does not hold it. */
  at(number: number): RingEntry | undefined {
    return this.#entry(number)
  }

  #entry(number: number): Entry | undefined {
    return this.#entries[number - this.#first]
  }

  /** Adds a batch, and drops from the other end what is beyond the bounds. */
  push(batch: MessageBatch, state: RingEntry['state'], tells: RingEntry['tells']): void {
    if (state !== undefined) {
      // from now on nobody begins before this one, so no bytes are made again and again for what lies there; what lies before the
      // last place to begin was told so then, and without video every message is one
      for (let at = this.#entrance ?? this.#first; at < this.next; at++) this.#entry(at)?.forget()
      this.#entrance = this.next
    }
    this.#entries.push(new Entry(batch, state, tells, this.#count))
    this.#count += batch.messages.length
    this.#timestamp = batch.timestamp
    // who is level has written it by now; the bytes are made again, once, if somebody begins in this group or lags
    this.#entry(this.next - LEVEL)?.forget()
    this.#bytes += batch.byteLength
    this.#cost += cost(batch)
    let beyond = 0
    let left = this.#cost
    for (const { batch: oldest } of this.#entries) {
      const ms = (batch.timestamp - oldest.timestamp) | 0
      if (left <= this.#maxBytes && ms <= this.#maxMs && this.#entries.length - beyond <= MAX_BATCHES) break
      left -= cost(oldest)
      beyond++
    }
    this.#drop(Math.min(beyond, this.#entries.length - 1))
  }

  /** Drops what comes before both the place to begin and `wanted`. */
  trim(wanted: number): void {
    this.#drop(Math.max(0, Math.min(wanted, this.#entrance ?? wanted, this.next) - this.#first))
  }

  #drop(count: number): void {
    if (count === 0) return
    for (const { batch } of this.#entries.splice(0, count)) {
      this.#bytes -= batch.byteLength
      this.#cost -= cost(batch)
    }
    this.#first += count
    if (this.#entrance !== undefined && this.#entrance < this.#first) this.#entrance = undefined
  }
}

const cost = ({ byteLength, messages }: MessageBatch): number => byteLength + MESSAGE_COST * messages.length
