import { type Clock, systemClock } from '../clock.ts'
import { Refused } from '../errors.ts'
import { isMedia, isMetadata, isState, MediaState, stateAt } from '../media/media-state.ts'
import { RandomAccess } from '../media/random-access.ts'
import { type Repair, TimestampMender } from '../media/timestamp-mender.ts'
import { checkRepair, type TimestampRepairOptions } from '../media/timestamp-repair.ts'
import { isVideo } from '../media/video-tag.ts'
import type { MemoryBudget } from '../memory-budget.ts'
import { unwrapped } from '../message/data.ts'
import { MESSAGE_COST, type Message } from '../message/message.ts'
import { liveMetadata } from '../message/metadata.ts'
import { TypedEmitter, type WritableOf } from '../stream/typed.ts'
import {
  BatchCursor,
  type LiveCursor,
  type LiveReader,
  type LiveSource,
  MessageCursor,
  type StartFrom
} from './live-cursor.ts'
import { LiveInput } from './live-input.ts'
import { type LiveStreamStats, noCounts } from './live-stats.ts'
import { MessageBatch } from './message-batch.ts'
import { MessageRing, type MessageRingOptions } from './message-ring.ts'
import { PinnedBytes } from './pinned-bytes.ts'

/** Options of LiveStream. */
export interface LiveStreamOptions extends MessageRingOptions, Pick<TimestampRepairOptions, 'maxJumpMs' | 'mend'> {
  /**
   * How long a message may wait for others to go out with: `'frame'` (the default) lets audio ride with the next video frame,
   * 40 ms at most; a number of milliseconds gathers all that comes in so long; 0 waits for nothing. What comes in one turn of the event
   * loop goes out together in any case: so a process that is behind, and reads several frames at once, writes them at once.
   */
  mergeMs?: 'frame' | number
  /** Milliseconds that players are kept when the publisher has gone, for it to come back: 5000. */
  holdMs?: number
  /** The clock it measures time by: the system's. */
  clock?: Clock
  /** Bytes that its ring may hold together with whatever else has the same budget. */
  budget?: MemoryBudget
}

/** Options of `live.input()`. */
export interface InputOptions {
  /** Take over from whoever publishes. Without it a second publisher is refused, unless the first has been silent for 10 s. */
  takeover?: boolean
}

/** Options of `live.player()`. */
export interface CursorOptions {
  /** Milliseconds it may lag behind before it jumps to the newest keyframe: 5000. */
  maxLagMs?: number
}

/** Options of `live.subscribe()`. */
export interface SubscribeOptions extends CursorOptions {
  /**
   * Where it begins: `'keyframe'` (the default) at the newest random access point that the stream holds, so up to `maxMs` ago;
   * `'next'` at the next one, with nothing ahead of it, as a switch from one stream to another wants it; `'now'` with the next
   * message, where video waits for its keyframe and audio does not.
   */
  from?: StartFrom
  /** Let the publisher wait for this reader: it misses nothing, and it is the one reader that can slow its source. */
  wait?: boolean
}

/** Audio waits for the next video frame so long at most. */
const FRAME_MS = 40
/** A batch that takes so many bytes, as its ring counts them, is sent, whatever it waits for. */
const BATCH_COST = 1024 * 1024
const SILENT_MS = 10_000

/** A batch that is being gathered. */
interface Due {
  readonly messages: Message[]
  readonly timestamp: number
  cost: number
  tells: Message[] | undefined
  readonly state: readonly Message[] | undefined
}

/** Events of LiveStream. */
export interface LiveStreamEvents {
  /** Timestamps had a discontinuity; a wrap of the publisher's clock is none. */
  repair: [repair: Repair]
  /** Neither publisher nor reader is left: the moment to forget it. */
  idle: []
  /** What was published is over: its publisher has been gone for `holdMs`, or `end()` was called. */
  over: []
  /** The last reader has left. */
  unread: []
  /** A publisher has come. */
  publish: []
  /** The publisher has gone, and none has taken over. */
  unpublish: []
}

/**
 * One live stream: a Writable for its publisher, and a reader for whoever wants it. It keeps one ring of batches, and every
 * reader is a cursor on it; so there is no queue a player, and a thousand that have stalled cost one ring. Readers begin at the
 * newest keyframe with metadata and sequence headers ahead of it. Where the ring holds none they begin with audio and data at once,
 * and with video at its next keyframe. One that lags too far jumps to the newest keyframe, which its `'gap'` tells (see Gap).
 *
 * All publishers that come one after another are one timeline. As by TimestampRepair no track goes back, and none jumps ahead by
 * more than `maxJumpMs`; audio and video are shifted by one offset. With `mend: false` timestamps stay as they come. Behind each
 * discontinuity the next keyframe has metadata and sequence headers ahead of it again.
 *
 * Events: see LiveStreamEvents.
 */
export class LiveStream extends TypedEmitter<LiveStreamEvents> {
  readonly #ring: MessageRing
  readonly #clock: Clock
  readonly #budget: MemoryBudget | undefined
  readonly #mergeMs: 'frame' | number
  readonly #holdMs: number
  readonly #cursors = new Set<LiveCursor>()
  /** Those of them that the publisher waits for. */
  readonly #strict = new Set<LiveCursor>()
  /** Those that came while nobody published, and wait for somebody. */
  readonly #waiting = new WeakSet<LiveCursor>()
  #input: LiveInput | undefined
  readonly #mender: TimestampMender
  readonly #mend: boolean
  readonly #pinned = new PinnedBytes()
  readonly #counts = noCounts()
  readonly #madeAt: number
  #publishedAt = 0
  #heardAt = 0
  #stopHold: (() => void) | undefined
  /** Of the publisher there is, or was last: its state, where its tracks begin, whether any has begun. */
  #state = new MediaState()
  #access = new RandomAccess()
  #begun = false
  /** Where the stream is, by its mended clock: by this readers lag, whatever messages say. */
  #timestamp = 0
  /** The batch that is being gathered. */
  #due: Due | undefined
  /** Whether it is sent once this turn is over. */
  #isComplete = false
  /** What cursors see of it. */
  readonly #source: LiveSource
  readonly #sendComplete = (): void => {
    if (this.#isComplete) this.#send()
  }
  #stopTimer: (() => void) | undefined

  /** @throws RangeError for a time out of range; TypeError for a choice that is no boolean. */
  constructor(options: LiveStreamOptions = {}) {
    super()
    const { mergeMs = 'frame', holdMs = 5000, clock = systemClock, budget, ...ring } = options
    const { maxJumpMs, mend } = checkRepair(options)
    if (mergeMs !== 'frame' && !(mergeMs >= 0)) {
      throw new RangeError(`mergeMs must be 'frame' or a number of 0 or more, not ${mergeMs}`)
    }
    if (!(holdMs >= 0)) throw new RangeError(`holdMs must be 0 or more, not ${holdMs}`)
    this.#ring = new MessageRing(ring)
    this.#source = {
      ring: this.#ring,
      counts: this.#counts,
      state: () => this.#state.messages(),
      parted: cursor => this.#part(cursor)
    }
    this.#clock = clock
    this.#madeAt = clock.now()
    this.#budget = budget
    this.#mergeMs = mergeMs
    this.#holdMs = holdMs
    this.#mender = new TimestampMender(maxJumpMs, repair => this.#repaired(repair))
    this.#mend = mend
  }

  /** Whether there is a publisher. */
  get isPublished(): boolean {
    return this.#input !== undefined
  }

  /** Whether neither publisher nor reader is there, and no publisher is expected back. */
  get isIdle(): boolean {
    return this.#input === undefined && this.#stopHold === undefined && this.#cursors.size === 0
  }

  /** How many read it. */
  get readers(): number {
    return this.#cursors.size
  }

  /** Bytes of payload it holds. */
  get byteLength(): number {
    return this.#ring.byteLength
  }

  /** Bytes it takes: 256 for each message besides. */
  get heldBytes(): number {
    return this.#ring.heldBytes
  }

  /** How many messages went out together, on average of what it holds, 0 while that is nothing: more under load, whatever `mergeMs` says. */
  get messagesPerBatch(): number {
    return this.#ring.messagesPerBatch
  }

  /** Its numbers at this moment: see LiveStreamStats. */
  stats(): LiveStreamStats {
    const { drops, ...counts } = this.#counts
    const { byteLength: bytes, messages, ms } = this.#ring
    const now = this.#clock.now()
    return {
      publishers: this.isPublished ? 1 : 0,
      readers: this.readers,
      ...counts,
      drops: { ...drops },
      ring: { bytes, messages, ms },
      uptimeMs: now - this.#madeAt,
      publishedMs: this.isPublished ? now - this.#publishedAt : 0
    }
  }

  /**
   * A Writable of Messages for one publisher.
   * @throws Refused `NetStream.Publish.BadName` while there is another.
   */
  input({ takeover = false }: InputOptions = {}): WritableOf<Message> {
    const previous = this.#input
    const isSilent = this.#clock.now() - this.#heardAt >= SILENT_MS
    if (previous !== undefined && !takeover && !isSilent) {
      throw new Refused('NetStream.Publish.BadName', 'stream is already published')
    }
    const input = new LiveInput(
      message => this.#take(message, input),
      () => this.#mustWait(),
      () => this.#leave(input)
    )
    this.#send()
    this.#budget?.add(this)
    this.#input = input
    if (previous !== undefined) this.#mender.interrupt()
    previous?.destroy()
    this.#stopHold?.()
    this.#stopHold = undefined
    this.#heardAt = this.#clock.now()
    this.#publishedAt = this.#heardAt
    this.#state = new MediaState()
    this.#access = new RandomAccess()
    this.#begun = false
    this.emit('publish')
    return input
  }

  /** A Readable of MessageBatches, which `play.accept()` takes whole: the cheapest way to many players. */
  player({ maxLagMs = 5000 }: CursorOptions = {}): LiveReader<MessageBatch> {
    return this.#join(new BatchCursor(this.#source, { maxLagMs, from: 'keyframe' }))
  }

  /** A Readable of Messages, for recorders, transcoders and stages of one's own. */
  subscribe({ maxLagMs = 5000, wait = false, from = 'keyframe' }: SubscribeOptions = {}): LiveReader<Message> {
    if (!wait) return this.#join(new MessageCursor(this.#source, { maxLagMs, from }))
    const moved = () => this.#input?.release()
    const cursor = new MessageCursor(this.#source, { maxLagMs: Number.POSITIVE_INFINITY, from, moved })
    this.#strict.add(cursor)
    return this.#join(cursor)
  }

  /** Ends every reader behind what it is still to read. */
  end(): void {
    this.#send()
    for (const cursor of this.#cursors) cursor.finish()
    this.emit('over')
  }

  /** Ends its publisher, and every reader behind what it is still to read. No publisher is expected back. */
  close(): void {
    this.end()
    this.#input?.destroy()
    this.#stopHold?.()
    this.#stopHold = undefined
    this.#rest()
  }

  #join<Made extends LiveCursor>(cursor: Made): Made {
    if (this.#isComplete) this.#send()
    // what is over is not for readers that join now, and wait for the next publisher
    cursor.begin(this.#input === undefined && this.#stopHold === undefined ? 'now' : undefined)
    this.#cursors.add(cursor)
    this.#budget?.add(this)
    if (!this.isPublished) this.#waiting.add(cursor)
    return cursor
  }

  #part(cursor: LiveCursor): void {
    this.#cursors.delete(cursor)
    if (this.#strict.delete(cursor)) this.#input?.release()
    if (this.#cursors.size === 0) this.emit('unread')
    this.#rest()
  }

  #leave(input: LiveInput): void {
    if (this.#input !== input) return
    this.#send()
    this.#input = undefined
    this.#mender.interrupt()
    this.#stopHold = this.#clock.after(this.#holdMs, () => {
      this.#stopHold = undefined
      for (const cursor of this.#cursors) if (cursor.hasBegun || !this.#waiting.has(cursor)) cursor.finish()
      this.emit('over')
      this.#rest()
    })
    this.emit('unpublish')
  }

  #rest(): void {
    if (!this.isIdle) return
    this.#budget?.remove(this)
    this.emit('idle')
  }

  /** Whether the publisher has to wait: for a reader that must miss nothing, and has not read what there is. */
  #mustWait(): boolean {
    for (const cursor of this.#strict) if (cursor.isBehind) return true
    return false
  }

  #take(given: Message, input: LiveInput): void {
    if (this.#input !== input || !isMedia(given)) return
    const now = this.#clock.now()
    const waitedMs = now - this.#heardAt
    this.#heardAt = now
    const plain = liveMetadata(unwrapped(given))
    const begins = this.#access.note(plain)
    this.#counts.messagesIn++
    this.#counts.bytesIn += given.payload.length
    if (!this.#access.passes(plain)) {
      this.#counts.drops.input++
      return
    }
    const isKept = isState(plain)
    if (begins || this.#begun) this.#gather(this.#placed(plain, waitedMs), isKept, begins)
    // state ahead of the publisher's first moment is told with that
    else if (isKept) this.#state.note(plain)
  }

  #placed(message: Message, waitedMs: number): Message {
    if (isMetadata(message)) return message.timestamp === 0 ? message : stateAt(message, 0)
    const mended = this.#mender.place(message, waitedMs)
    this.#timestamp = mended.timestamp
    return this.#mend ? mended : message
  }

  #repaired(repair: Repair): void {
    if (repair.kind === 'wrap') return
    this.#state.renew()
    this.#counts.repairs++
    this.emit('repair', repair)
  }

  #gather(message: Message, isKept: boolean, begins: boolean): void {
    this.#begun = true
    if (begins && this.#access.hasVideo) this.#send()
    this.#due ??= {
      messages: [],
      timestamp: this.#timestamp,
      cost: 0,
      tells: undefined,
      state: begins ? this.#state.messages() : undefined
    }
    const due = this.#due
    const kept = isKept ? this.#state.note(message) : undefined
    if (kept !== undefined) due.tells = [...(due.tells ?? []), kept]
    due.messages.push(this.#pinned.keep(message))
    due.cost += message.payload.length + MESSAGE_COST
    if (due.cost >= BATCH_COST) this.#send()
    else if (!this.#isComplete) this.#sendLater(message)
  }

  #sendLater(message: Message): void {
    const mergeMs = this.#mergeMs === 'frame' ? FRAME_MS : this.#mergeMs
    const completes = this.#mergeMs === 'frame' && (isVideo(message) || !this.#access.hasVideo)
    if (mergeMs > 0 && !completes) this.#stopTimer ??= this.#clock.after(mergeMs, () => this.#send())
    // who must miss nothing is asked at once whether there is room for more
    else if (this.#strict.size > 0) this.#send()
    else {
      this.#isComplete = true
      process.nextTick(this.#sendComplete)
    }
  }

  /** Sends what was gathered. */
  #send(): void {
    this.#isComplete = false
    this.#stopTimer?.()
    this.#stopTimer = undefined
    const due = this.#due
    if (due === undefined) return
    this.#due = undefined
    this.#ring.push(new MessageBatch(due.messages, due.timestamp), due.state, due.tells)
    let wanted = this.#ring.next
    for (const cursor of this.#cursors) {
      cursor.advance()
      wanted = Math.min(wanted, cursor.wanted)
    }
    this.#ring.trim(wanted)
  }
}
