import type { Gap } from '../media/keyframe-gate.ts'
import { isMetadata, stateAt } from '../media/media-state.ts'
import type { TrackChoice } from '../media/tracks/choose-tracks.ts'
import type { Message } from '../message/message.ts'
import { DirectReadable, type Fed, sourceOf } from '../stream/direct.ts'
import type { ReadableEvents, ReadableOf } from '../stream/typed.ts'
import { ChosenTracks } from './chosen-tracks.ts'
import { type LiveReaderStats, noReaderCounts, type ReaderCounts } from './live-stats.ts'
import type { MessageBatch } from './message-batch.ts'
import type { MessageRing, RingEntry } from './message-ring.ts'

/** Where a reader starts: see SubscribeOptions. */
export type StartFrom = 'keyframe' | 'next' | 'now'

/** What a cursor needs from its stream. */
export interface LiveSource {
  readonly ring: MessageRing
  /** The state of the stream, for a reader that starts after the last batch. */
  state(): readonly Message[]
  /** Milliseconds, by the stream's clock. */
  now(): number
  /** A number for a new cursor. */
  number(): number
  /** Called when a cursor is destroyed. */
  parted(cursor: LiveCursor): void
}

/** Events of a reader of a LiveStream, beside those of a Readable. */
export interface LiveReaderEvents {
  /** It has lagged too far, and goes on at the newest keyframe. */
  gap: [gap: Gap]
}

/** A reader of a LiveStream: of `live.player()` or `live.subscribe()`. */
export type LiveReader<Item> = ReadableOf<Item, ReadableEvents<Item> & LiveReaderEvents> & {
  /** Its current numbers: see LiveReaderStats. */
  stats(): LiveReaderStats
}

export interface LiveCursorOptions {
  maxLagMs: number
  from: StartFrom
  label?: unknown
  /** Called when it has read something. */
  moved?: () => void
}

/**
 * One reader of a live stream: the number of the batch it reads next. It holds no data, and only its own reader can
 * delay it. It starts at a random access point that the ring holds. If there is none, it starts after the last batch,
 * and its video waits for the next keyframe (see RandomAccess).
 */
export abstract class LiveCursor<Item extends Message | MessageBatch = Message | MessageBatch> extends DirectReadable<
  Item,
  LiveReaderEvents
> {
  readonly #source: LiveSource
  readonly #ring: MessageRing
  readonly #id: number
  readonly #label: unknown
  readonly #joinedAt: number
  readonly #from: StartFrom
  readonly #maxLagMs: number
  readonly #moved: (() => void) | undefined
  /** Undefined while it waits for a random access point. */
  #next: number | undefined
  /** Whether video passes, and the number of the batch from which on it has all of it. */
  #isOpen = false
  #since = 0
  /** The state a decoder needs, if it does not start at a random access point. */
  #lead: readonly Message[] = []
  /** The number of the batch at which it ends. */
  #end = Number.POSITIVE_INFINITY
  /** The state it has delivered. */
  readonly #told = new WeakSet<Message>()
  #lastTimestamp: number | undefined
  /** Number of messages of the stream before its position. */
  #past: number | undefined
  /** Number of skipped messages not yet reported, and whether the next batch must report them. */
  #missed = 0
  #hasJumped = false
  /** Why it jumped last. */
  #cause: 'lag' | 'overflow' = 'lag'
  /** Its position when video began to wait. */
  #closedAt: number | undefined
  /** Goes on in its place at the next random access point. */
  #successor: LiveCursor | undefined
  /** Whether it waits for the reader whose successor it is. */
  #awaits = false
  #asked = false
  // its own, and not the stream's: a field that all share costs thrice as much where thousands count
  readonly counts: ReaderCounts = noReaderCounts()

  constructor(source: LiveSource, { maxLagMs, from, label, moved }: LiveCursorOptions) {
    super({ objectMode: true, highWaterMark: 4 })
    if (!(maxLagMs > 0)) throw new RangeError(`maxLagMs must be a positive number, not ${maxLagMs}`)
    if (!STARTS.includes(from)) throw new TypeError(`from must be one of ${STARTS.join(', ')}, not ${from}`)
    this.#source = source
    this.#ring = source.ring
    this.#id = source.number()
    this.#label = label
    this.#joinedAt = source.now()
    this.#from = from
    this.#maxLagMs = maxLagMs
    this.#moved = moved
  }

  /** Passes a batch to the reader; false when the reader is full. */
  protected abstract give(batch: MessageBatch): boolean

  /** Passes the rest of the last batch; false when the reader is full again. */
  protected giveRest(): boolean {
    return true
  }

  /** Its current numbers: see LiveReaderStats. */
  stats(): LiveReaderStats {
    const { bytesOut, messagesOut, lag, overflow, keyframe } = this.counts
    const at = Math.max(this.#next ?? this.#ring.next, this.#ring.first)
    const { timestamp } = this.#ring
    const last = this.#lastTimestamp ?? this.#ring.at(at)?.batch.timestamp ?? timestamp
    return {
      id: this.#id,
      label: this.#label,
      lagMs: at === this.#ring.next ? 0 : Math.max(0, (timestamp - last) | 0),
      maxLagMs: this.#maxLagMs,
      waitingBytes: this.#ring.bytesFrom(at),
      bytesOut,
      messagesOut,
      drops: { lag, overflow, keyframe },
      sinceMs: this.#source.now() - this.#joinedAt
    }
  }

  /** Whether it has delivered anything. */
  get hasBegun(): boolean {
    return this.#past !== undefined || (this.#next !== undefined && this.#next < this.#ring.next)
  }

  /** The number of the oldest batch it may still read. */
  get wanted(): number {
    const { entrance, next } = this.#ring
    if (this.#next === undefined || this.#next === next) return next
    return this.#lags(this.#next) ? (entrance ?? next) : this.#next
  }

  /** Whether there is a batch that its reader has not requested yet. */
  get isBehind(): boolean {
    return !this.#asked && this.hasBegun
  }

  /** Chooses its start position. */
  begin(from: StartFrom = this.#from): void {
    if (from === 'keyframe') this.#goOn()
    if (from === 'now') this.#goOnBehindAll()
  }

  override _read(): void {
    this.#asked = true
    this.advance()
    this.#moved?.()
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    if (!this.#isOver && this.#successor !== undefined) this.#successor.#goOnAlone()
    this.#source.parted(this)
    done(error)
  }

  /**
   * Ends this cursor before the next random access point that it has not read. `to` starts there, with the metadata and sequence headers, so
   * that the two together read each message once. If this cursor is destroyed first, `to` starts where its own option `from` says.
   */
  handOver(to: LiveCursor): void {
    to.#awaits = true
    to.#next = undefined
    to.#lead = []
    this.#successor = to
  }

  #yieldTo(to: LiveCursor): void {
    this.#successor = undefined
    this.#end = this.#next!
    to.#awaits = false
    to.#next = this.#next
    to.#past = this.#past
    to.#lastTimestamp = this.#lastTimestamp
    to.#isOpen = this.#isOpen
    to.#since = this.#next!
    to.advance()
  }

  #goOnAlone(): void {
    this.#awaits = false
    this.begin()
    this.advance()
  }

  /** Ends it after the batches that exist now. */
  finish(): void {
    this.#end = Math.min(this.#end, this.#ring.next)
    this.advance()
  }

  /** Passes batches while the reader requests them. */
  advance(): void {
    if (this.#next === undefined && !this.#awaits) this.#lookForStart()
    if (this.#asked) this.#asked = this.giveRest()
    while (this.#asked && !this.#isOver) {
      const batch = this.#step()
      if (batch === undefined) break
      this.#lastTimestamp = batch.timestamp
      this.counts.bytesOut += batch.byteLength
      this.counts.messagesOut += batch.messages.length
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

  /** `from: 'next'`: whether the latest batch is a random access point. */
  #lookForStart(): void {
    const { entrance, next } = this.#ring
    if (entrance !== undefined && entrance === next - 1) this.#next = entrance
  }

  /**
   * The position to continue at may be gone for either reason: the ring does not wait for a reader that lags too far.
   */
  #jump(): void {
    const { timestamp } = this.#ring
    const lag = (timestamp - (this.#lastTimestamp ?? timestamp)) | 0
    this.#cause = lag > this.#maxLagMs ? 'lag' : 'overflow'
    this.#goOn()
  }

  #goOn(): void {
    const { entrance } = this.#ring
    if (entrance === undefined) this.#goOnBehindAll()
    else this.#next = this.#since = entrance
  }

  #goOnBehindAll(): void {
    this.#next = this.#ring.next
    this.#isOpen = false
    this.#closedAt = this.#lastTimestamp
    this.#hasJumped = this.#past !== undefined
    this.#lead = this.#source.state()
  }

  #step(): MessageBatch | undefined {
    if (this.#next === undefined) return undefined
    if (this.#lags(this.#next)) this.#jump()
    for (let entry = this.#ring.at(this.#next); entry !== undefined; entry = this.#ring.at(this.#next)) {
      const begins = entry.state !== undefined
      if (begins && this.#successor !== undefined) {
        this.#yieldTo(this.#successor)
        return undefined
      }
      if (begins && !this.#isOpen) this.#since = this.#next
      const batch = begins || this.#isOpen ? entry.from(this.#since) : entry.withoutVideo
      const jumped = entry.before - (this.#past ?? entry.before)
      this.#missed += jumped
      if (jumped > 0) this.counts[this.#cause] += jumped
      this.#past = entry.before
      if (batch !== undefined) {
        if (this.#missed > 0 && (begins || this.#hasJumped)) this.#tellGap(entry)
        const news = this.#news(entry.state ?? this.#lead, batch)
        if (news !== undefined) return news
      }
      if (begins) this.#isOpen = true
      this.#pass(entry, batch)
      if (batch !== undefined) return batch
    }
    return undefined
  }

  /** The state that a decoder needs before this batch and has not received. */
  #news(state: readonly Message[], batch: MessageBatch): MessageBatch | undefined {
    if (state.length === 0) return undefined
    const news = state.filter(message => !this.#told.has(message))
    this.#lead = []
    if (news.length === 0) return undefined
    for (const message of news) this.#told.add(message)
    const { timestamp } = batch.messages.find(message => !isMetadata(message)) ?? batch
    return batch.with(news.map(message => stateAt(message, timestamp)))
  }

  /** Advances past a batch, of which it delivers all or a part. */
  #pass({ batch: { messages }, tells, before }: RingEntry, given: MessageBatch | undefined): void {
    this.#next!++
    this.#past = before + messages.length
    const left = messages.length - (given?.messages.length ?? 0)
    // what another track has before its keyframe is no gap
    if (!this.#isOpen) this.#missed += left
    if (left > 0) this.counts.keyframe += left
    if (tells !== undefined && given !== undefined) for (const message of tells) this.#told.add(message)
  }

  /**
   * Whether the ring has dropped its position, or it lags by more than `maxLagMs` and a newer random access point
   * exists.
   */
  #lags(at: number): boolean {
    const { first, next, entrance } = this.#ring
    if (at < first) return true
    if (entrance === undefined || entrance <= at) return false
    const newest = this.#ring.at(next - 1)!.batch.timestamp
    return ((newest - this.#ring.at(at)!.batch.timestamp) | 0) > this.#maxLagMs
  }

  /** Emits `'gap'` for skipped messages, of a stream or of video that it had started. */
  #tellGap({ batch: { timestamp } }: RingEntry): void {
    const since = this.#isOpen ? this.#lastTimestamp : this.#closedAt
    if (since !== undefined) this.emit('gap', { messages: this.#missed, ms: (timestamp - since) >>> 0 })
    this.#missed = 0
    this.#hasJumped = false
  }
}

const STARTS: readonly StartFrom[] = ['keyframe', 'next', 'now']

/** Yields whole batches. */
export class BatchCursor extends LiveCursor<MessageBatch> {
  protected override give(batch: MessageBatch): boolean {
    return this.push(batch)
  }
}

/** Yields the messages of batches. */
export class MessageCursor extends LiveCursor<Message> {
  readonly #tracks: ChosenTracks
  #messages: readonly Message[] = []
  #given = 0

  constructor(source: LiveSource, options: LiveCursorOptions, tracks: TrackChoice) {
    super(source, options)
    this.#tracks = new ChosenTracks(tracks)
  }

  protected override give(batch: MessageBatch): boolean {
    this.#messages = this.#tracks.of(batch)?.messages ?? []
    this.#given = 0
    return this.giveRest()
  }

  protected override giveRest(): boolean {
    while (this.#given < this.#messages.length) if (!this.push(this.#messages[this.#given++]!)) return false
    this.#messages = []
    this.#given = 0
    return true
  }
}

/** Lets one reader of a LiveStream take the place of another at the next random access point: see LiveCursor.handOver. */
export function handOver(from: LiveReader<MessageBatch>, to: LiveReader<MessageBatch>): void {
  if (from instanceof LiveCursor && to instanceof LiveCursor) from.handOver(to)
}

/** Whether a reader of a LiveStream has delivered anything, or could. */
export const hasBegun = (reader: LiveReader<MessageBatch>): boolean => reader instanceof LiveCursor && reader.hasBegun

/** Ends the reader of a LiveStream that is piped into `to`, through stages too; false if its source is none. */
export function finishReader(to: Fed): boolean {
  const source = sourceOf(to)
  if (source instanceof LiveCursor) source.finish()
  return source instanceof LiveCursor
}
