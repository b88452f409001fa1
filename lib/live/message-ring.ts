import { isState } from '../media/media-state.ts'
import { isVideo } from '../media/tags/video-tag.ts'
import { MESSAGE_COST, type Message } from '../message/message.ts'
import type { MessageBatch } from './message-batch.ts'

/** Options of MessageRing and LiveStream. */
export interface MessageRingOptions {
  /** Bytes it may hold, 256 for each message included: 16 MiB. The memory they pin may be twice that plus 1 MiB. */
  maxBytes?: number
  /** Milliseconds of media it may hold, by timestamps: 20,000. */
  maxMs?: number
}

/** A batch and its place in the stream. */
export interface RingEntry {
  /** The batch. */
  readonly batch: MessageBatch
  /**
   * The batch without video, for readers whose video waits for a keyframe; undefined if nothing is left. Shared by all
   * of them.
   */
  readonly withoutVideo: MessageBatch | undefined
  /** The metadata and sequence headers that a decoder needs before it, if it is a random access point. */
  readonly state: readonly Message[] | undefined
  /** What a reader receives of it that has the stream from the batch with this number on; undefined for nothing. Shared by all of them. */
  from(number: number): MessageBatch | undefined
  /** Which of its messages are state. */
  readonly tells: readonly Message[] | undefined
  /** Number of messages of the stream before it. */
  readonly before: number
  /** Bytes of payload of the stream before it. */
  readonly bytesBefore: number
}

class Entry implements RingEntry {
  readonly batch: MessageBatch
  readonly state: RingEntry['state']
  readonly tells: RingEntry['tells']
  readonly before: number
  readonly bytesBefore: number
  readonly #origins: ReadonlyMap<Message, number> | undefined
  /** The lowest of them. */
  readonly #origin: number
  #withoutVideo: MessageBatch | undefined | 'unasked' = 'unasked'
  /** By the number of messages that are left: whoever starts later receives a part of what others do. */
  #parts: Map<number, MessageBatch | undefined> | undefined

  constructor(
    batch: MessageBatch,
    state: RingEntry['state'],
    tells: RingEntry['tells'],
    origins: ReadonlyMap<Message, number> | undefined,
    before: number,
    bytesBefore: number
  ) {
    this.batch = batch
    this.state = state
    this.tells = tells
    this.#origins = origins
    this.#origin = origins === undefined ? Number.POSITIVE_INFINITY : Math.min(...origins.values())
    this.before = before
    this.bytesBefore = bytesBefore
  }

  get withoutVideo(): MessageBatch | undefined {
    if (this.#withoutVideo === 'unasked') this.#withoutVideo = withoutVideo(this.batch)
    return this.#withoutVideo
  }

  from(number: number): MessageBatch | undefined {
    if (number <= this.#origin) return this.batch
    const left = this.batch.messages.filter(message => (this.#origins?.get(message) ?? number) >= number)
    this.#parts ??= new Map()
    if (!this.#parts.has(left.length)) this.#parts.set(left.length, this.batch.with(left))
    return this.#parts.get(left.length)
  }

  /** Releases the bytes that were encoded for level readers. */
  forget(): void {
    this.batch.forget()
    for (const part of this.#parts?.values() ?? []) part?.forget()
    if (this.#withoutVideo !== 'unasked') this.#withoutVideo?.forget()
  }
}

function withoutVideo(batch: MessageBatch): MessageBatch | undefined {
  return batch.with(batch.messages.filter(message => !isVideo(message) || isState(message)))
}

/** Batches it may hold. 20 s at 60 frames per second are 1200. */
const MAX_BATCHES = 4096

/** A reader that is at most this many batches behind is level with the others. */
const LEVEL = 4

/**
 * The batches of a live stream from the last random access point on, and older ones that a reader still needs, within
 * its bounds. Batches are numbered from 0 on. Pure: each reader keeps the number of its next batch.
 *
 * @example
 * ```ts
 * const ring = new MessageRing({ maxMs: 10_000 })
 * ring.push(new MessageBatch(messages), undefined, undefined)
 * console.log(ring.at(ring.next - 1)?.batch.messages)
 * ```
 */
export class MessageRing {
  /** Bytes it may hold, 256 for each message included. */
  readonly maxBytes: number
  /** Milliseconds of media it may hold. */
  readonly maxMs: number
  #entries: Entry[] = []
  #first = 0
  #entrance: number | undefined
  /** Number of messages added so far. */
  #count = 0
  /** Bytes of payload added so far. */
  #bytesIn = 0
  #bytes = 0
  #cost = 0
  #timestamp = 0

  constructor({ maxBytes = 16 * 1024 * 1024, maxMs = 20_000 }: MessageRingOptions = {}) {
    this.maxBytes = maxBytes
    this.maxMs = maxMs
  }

  /** The number of the oldest batch it holds. */
  get first(): number {
    return this.#first
  }

  /** The number that the next batch will have. */
  get next(): number {
    return this.#first + this.#entries.length
  }

  /** The newest random access point; undefined if it holds none. */
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

  /** Bytes of payload from the batch with this number on, which is held or the next. */
  bytesFrom(number: number): number {
    return this.#bytesIn - (this.#entry(number)?.bytesBefore ?? this.#bytesIn)
  }

  /** Bytes it holds, the objects included. */
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

  /** The average number of messages per batch; 0 while it is empty. */
  get messagesPerBatch(): number {
    return this.#entries.length === 0 ? 0 : this.messages / this.#entries.length
  }

  /** The batch with this number; undefined if the ring does not hold it. */
  at(number: number): RingEntry | undefined {
    return this.#entry(number)
  }

  #entry(number: number): Entry | undefined {
    return this.#entries[number - this.#first]
  }

  /**
   * Adds a batch, and drops the oldest ones beyond the bounds.
   * @param origins where there are several video tracks: for each frame, the number of the batch with the keyframe that
   *   it depends on. A stream of one track needs none, because every reader starts at its keyframe
   */
  push(
    batch: MessageBatch,
    state: RingEntry['state'],
    tells: RingEntry['tells'],
    origins?: ReadonlyMap<Message, number>
  ): void {
    if (state !== undefined) {
      // no reader starts before this one from now on, so bytes are not encoded again and again for older batches; those
      // before the last random access point were released then. Without video every message is a random access point
      for (let at = this.#entrance ?? this.#first; at < this.next; at++) this.#entry(at)?.forget()
      this.#entrance = this.next
    }
    this.#entries.push(new Entry(batch, state, tells, origins, this.#count, this.#bytesIn))
    this.#count += batch.messages.length
    this.#bytesIn += batch.byteLength
    this.#timestamp = batch.timestamp
    // level readers have written it by now; the bytes are encoded once more if a reader starts in this group or lags
    this.#entry(this.next - LEVEL)?.forget()
    this.#bytes += batch.byteLength
    this.#cost += cost(batch)
    let beyond = 0
    let left = this.#cost
    for (const { batch: oldest } of this.#entries) {
      const ms = (batch.timestamp - oldest.timestamp) | 0
      if (left <= this.maxBytes && ms <= this.maxMs && this.#entries.length - beyond <= MAX_BATCHES) break
      left -= cost(oldest)
      beyond++
    }
    this.#drop(Math.min(beyond, this.#entries.length - 1))
  }

  /** Drops the batches before both the random access point and `wanted`. */
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
