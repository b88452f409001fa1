import { type Clock, systemClock } from '../clock.ts'
import { Refused } from '../errors.ts'
import { isMedia, isMetadata, isState, MediaState, stateAt } from '../media/media-state.ts'
import { RandomAccess } from '../media/random-access.ts'
import { isKeyframePayload, isVideo, videoTrackId, videoTrackIds } from '../media/tags/video-tag.ts'
import { type Repair, TimestampMender } from '../media/timestamp-mender.ts'
import { checkRepair, type TimestampRepairOptions } from '../media/timestamp-repair.ts'
import { TrackCounts } from '../media/track-counts.ts'
import { PRIMARY, type TrackChoice } from '../media/tracks/choose-tracks.ts'
import { MetadataTracks } from '../media/tracks/metadata-tracks.ts'
import { PrimaryTracks } from '../media/tracks/primary-tracks.ts'
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
import { addCounts, type LiveReaderStats, type LiveStreamStats, noCounts } from './live-stats.ts'
import { MessageBatch } from './message-batch.ts'
import { MessageRing, type MessageRingOptions } from './message-ring.ts'
import { PinnedBytes } from './pinned-bytes.ts'

/** Options of LiveStream. */
export interface LiveStreamOptions extends MessageRingOptions, Pick<TimestampRepairOptions, 'maxJumpMs' | 'mend'> {
  /**
   * How long a message may wait for others to be sent with: `'frame'` (the default) sends audio with the next video
   * frame, 40 ms later at most; a number collects for that many milliseconds; 0 does not wait. Messages that arrive in
   * one turn of the event loop are always sent together: a process that lags reads several frames at once, and writes
   * them at once.
   */
  mergeMs?: 'frame' | number
  /** Milliseconds that players stay after the publisher has disconnected, for it to reconnect: 5000. */
  holdMs?: number
  /** The clock to use; the system's by default. */
  clock?: Clock
  /** A budget that bounds its ring together with everything else that uses it. */
  budget?: MemoryBudget
}

/** Options of `live.input()`. */
export interface InputOptions {
  /**
   * Replace the current publisher. Without it a second publisher is refused, unless the first has been silent for 10 s.
   */
  takeover?: boolean
}

/** Options of `live.player()`. */
export interface CursorOptions {
  /** Milliseconds it may lag before it skips to the newest keyframe: 5000. */
  maxLagMs?: number
  /** Anything by which its application recognizes it in `live.readerStats()`. */
  label?: unknown
}

/** Options of `live.subscribe()`. */
export interface SubscribeOptions extends CursorOptions {
  /**
   * Where it starts: `'keyframe'` (the default) at the newest random access point that the stream holds, so up to
   * `maxMs` ago; `'next'` at the next one, with nothing before it, to switch from one stream to another; `'now'` with
   * the next message, with video from its next keyframe on.
   */
  from?: StartFrom
  /**
   * Apply backpressure to the publisher for this reader: it misses nothing, and only such a reader can slow the source.
   */
  wait?: boolean
  /**
   * The tracks it reads: the primary ones, as a stream without Multitrack, or another of each kind. `'all'` is for a reader that knows
   * Multitrack.
   */
  tracks?: TrackChoice
}

/** Milliseconds that audio waits for the next video frame at most. */
const FRAME_MS = 40
/** A batch of this many bytes, as its ring counts them, is sent without waiting. */
const BATCH_COST = 1024 * 1024
const SILENT_MS = 10_000

/** A batch that is being collected. */
interface Due {
  readonly messages: Message[]
  readonly timestamp: number
  cost: number
  tells: Message[] | undefined
  readonly state: readonly Message[] | undefined
  origins: Map<Message, number> | undefined
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
 * One live stream: a Writable for its publisher, and any number of readers. It holds one ring of batches, and every
 * reader is a cursor in it. Players have no queues, and a thousand stalled ones cost one ring. Readers start at the
 * newest keyframe, preceded by metadata and sequence headers. If the ring holds none they start with audio and data at
 * once, and with video at its next keyframe. A reader that lags too far skips to the newest keyframe, and `'gap'`
 * reports it (see Gap).
 *
 * Successive publishers form one timeline. As in TimestampRepair no track goes back, and none jumps ahead by more than
 * `maxJumpMs`; audio and video are shifted by one offset. With `mend: false` timestamps stay as received. After each
 * discontinuity metadata and sequence headers precede the next keyframe again.
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
  /** The readers that the publisher waits for. */
  readonly #strict = new Set<LiveCursor>()
  /** The readers that wait for a publisher. */
  readonly #waiting = new WeakSet<LiveCursor>()
  #input: LiveInput | undefined
  readonly #mender: TimestampMender
  readonly #mend: boolean
  readonly #pinned = new PinnedBytes()
  readonly #counts = noCounts()
  readonly #tracks = new TrackCounts()
  /** Readers so far. */
  #joined = 0
  readonly #madeAt: number
  #publishedAt = 0
  #heardAt = 0
  #stopHold: (() => void) | undefined
  /** Of the current or last publisher: its state, where its tracks start, whether any has started. */
  #state = new MediaState()
  #access = new RandomAccess()
  /** By video track, the number of the batch with its latest keyframe. */
  #keyframes = new Map<number, number>()
  #metadataTracks = new MetadataTracks()
  #primaryTracks = new PrimaryTracks()
  /** The primary tracks since the last random access point. */
  #primary = PRIMARY
  #begun = false
  /**
   * The position of the stream, by its repaired clock. The lag of readers is measured by it, not by the timestamps of
   * messages.
   */
  #timestamp = 0
  /** The batch that is being collected. */
  #due: Due | undefined
  /** Whether it is sent at the end of this turn. */
  #isComplete = false
  /** What cursors see of this stream. */
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
      state: () => this.#state.messages(),
      now: () => this.#clock.now(),
      number: () => ++this.#joined,
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

  /** Whether there is a publisher, or one that has gone is expected back: see `holdMs`. */
  get isLive(): boolean {
    return this.isPublished || this.#stopHold !== undefined
  }

  /** Whether it is not live, and nobody reads it. */
  get isIdle(): boolean {
    return !this.isLive && this.#cursors.size === 0
  }

  /** Number of readers. */
  get readers(): number {
    return this.#cursors.size
  }

  /** Bytes of payload it holds. */
  get byteLength(): number {
    return this.#ring.byteLength
  }

  /** Bytes it holds, 256 for each message included. */
  get heldBytes(): number {
    return this.#ring.heldBytes
  }

  /**
   * The average number of messages per batch in the ring, 0 while it is empty. It rises under load, whatever `mergeMs`
   * is.
   */
  get messagesPerBatch(): number {
    return this.#ring.messagesPerBatch
  }

  /** Its numbers at this moment: see LiveStreamStats. */
  stats(): LiveStreamStats {
    const sum = { ...this.#counts.left }
    for (const cursor of this.#cursors) addCounts(sum, cursor.counts)
    const { bytesOut, messagesOut, lag, overflow, keyframe } = sum
    const { bytesIn, messagesIn, input, repairs } = this.#counts
    const { byteLength: bytes, messages, ms, maxBytes, maxMs } = this.#ring
    const state = this.#state.messages()
    const now = this.#clock.now()
    return {
      publishers: this.isPublished ? 1 : 0,
      readers: this.readers,
      bytesIn,
      messagesIn,
      bytesOut,
      messagesOut,
      drops: { input, lag, overflow, keyframe },
      ring: { bytes, messages, ms, maxBytes, maxMs },
      video: this.#tracks.video(state),
      audio: this.#tracks.audio(state),
      repairs,
      uptimeMs: now - this.#madeAt,
      publishedMs: this.isPublished ? now - this.#publishedAt : 0
    }
  }

  /** The numbers of each reader, which it gives by its own `stats()` too, in the order in which they joined. */
  readerStats(): LiveReaderStats[] {
    return [...this.#cursors].map(cursor => cursor.stats())
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
    this.#keyframes = new Map()
    this.#metadataTracks = new MetadataTracks()
    this.#primaryTracks = new PrimaryTracks()
    this.#begun = false
    this.#tracks.renew()
    this.emit('publish')
    return input
  }

  /** A Readable of MessageBatches of all tracks, which `play.accept()` accepts whole: the cheapest way to many players. */
  player({ maxLagMs = 5000, label }: CursorOptions = {}): LiveReader<MessageBatch> {
    return this.#join(new BatchCursor(this.#source, { maxLagMs, from: 'keyframe', label }))
  }

  /** A Readable of Messages, for recorders, transcoders and your own stages. */
  subscribe(options: SubscribeOptions = {}): LiveReader<Message> {
    const { maxLagMs = 5000, wait = false, from = 'keyframe', label, tracks = PRIMARY } = options
    if (!wait) return this.#join(new MessageCursor(this.#source, { maxLagMs, from, label }, tracks))
    const moved = () => this.#input?.release()
    const strict = { maxLagMs: Number.POSITIVE_INFINITY, from, label, moved }
    const cursor = new MessageCursor(this.#source, strict, tracks)
    this.#strict.add(cursor)
    return this.#join(cursor)
  }

  /** Ends every reader after what it has still to read. */
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
    // media of an ended publish is not for readers that join now and wait for the next publisher
    cursor.begin(this.isLive ? undefined : 'now')
    this.#cursors.add(cursor)
    this.#budget?.add(this)
    if (!this.isPublished) this.#waiting.add(cursor)
    return cursor
  }

  #part(cursor: LiveCursor): void {
    if (this.#cursors.delete(cursor)) addCounts(this.#counts.left, cursor.counts)
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

  /** Whether the publisher must wait: a reader with `wait` has not read everything. */
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
    this.#primaryTracks.note(plain)
    this.#counts.messagesIn++
    this.#counts.bytesIn += given.payload.length
    if (!this.#access.passes(plain)) {
      this.#counts.input++
      return
    }
    const isKept = isState(plain)
    const message = isKept ? this.#metadataTracks.attributed(plain) : plain
    if (begins || this.#begun) this.#gather(this.#placed(message, waitedMs), isKept, begins)
    // state before the publisher's first frame is delivered with that frame
    else if (isKept) this.#state.note(message)
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
    if (begins && this.#access.hasVideo) {
      this.#send()
      this.#tracks.noteKeyframe(this.#timestamp)
    }
    if (begins) this.#choosePrimary()
    this.#due ??= {
      messages: [],
      timestamp: this.#timestamp,
      cost: 0,
      tells: undefined,
      state: begins ? this.#state.messages() : undefined,
      origins: undefined
    }
    const due = this.#due
    const kept = isKept ? this.#state.note(message) : undefined
    if (kept !== undefined) due.tells = [...(due.tells ?? []), kept]
    const held = this.#pinned.keep(message)
    due.messages.push(held)
    if (!isKept && (begins || this.#access.hasTracks) && isVideo(held)) this.#noteOrigin(due, held)
    due.cost += message.payload.length + MESSAGE_COST
    if (due.cost >= BATCH_COST) this.#send()
    else if (!this.#isComplete) this.#sendLater(message)
  }

  /** Readers need the state of a track that takes the place of another. */
  #choosePrimary(): void {
    const primary = this.#primaryTracks.from(this.#timestamp)
    if (primary === this.#primary) return
    this.#send()
    this.#primary = primary
    this.#state.renew()
  }

  /** A reader that starts after the keyframe of one of several tracks has no use for what depends on it. */
  #noteOrigin(due: Due, message: Message): void {
    const { payload } = message
    const { next } = this.#ring
    if (isKeyframePayload(payload)) for (const id of videoTrackIds(payload)) this.#keyframes.set(id, next)
    if (!this.#access.hasTracks) return
    due.origins ??= new Map()
    due.origins.set(message, this.#keyframes.get(videoTrackId(payload)) ?? next)
  }

  #sendLater(message: Message): void {
    const mergeMs = this.#mergeMs === 'frame' ? FRAME_MS : this.#mergeMs
    const completes = this.#mergeMs === 'frame' && (isVideo(message) || !this.#access.hasVideo)
    if (mergeMs > 0 && !completes) this.#stopTimer ??= this.#clock.after(mergeMs, () => this.#send())
    // a reader with `wait` is asked at once whether there is room for more
    else if (this.#strict.size > 0) this.#send()
    else {
      this.#isComplete = true
      process.nextTick(this.#sendComplete)
    }
  }

  /** Sends the collected batch. */
  #send(): void {
    this.#isComplete = false
    this.#stopTimer?.()
    this.#stopTimer = undefined
    const due = this.#due
    if (due === undefined) return
    this.#due = undefined
    this.#tracks.note(due.messages, due.tells)
    this.#ring.push(new MessageBatch(due.messages, due.timestamp, this.#primary), due.state, due.tells, due.origins)
    let wanted = this.#ring.next
    for (const cursor of this.#cursors) {
      cursor.advance()
      wanted = Math.min(wanted, cursor.wanted)
    }
    this.#ring.trim(wanted)
  }
}
