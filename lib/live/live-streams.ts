import { Refused } from '../errors.ts'
import type { Repair } from '../media/timestamp-mender.ts'
import type { Message } from '../message/message.ts'
import { TypedEmitter, type WritableOf } from '../stream/typed.ts'
import type { LiveReader } from './live-cursor.ts'
import type { LiveStreamStats } from './live-stats.ts'
import {
  type CursorOptions,
  type InputOptions,
  LiveStream,
  type LiveStreamOptions,
  type SubscribeOptions
} from './live-stream.ts'
import type { MessageBatch } from './message-batch.ts'

/** Options of LiveStreams; those of LiveStream apply to every stream it creates. */
export interface LiveStreamsOptions extends LiveStreamOptions {
  /** The maximum number of streams: 10,000. */
  maxStreams?: number
  /**
   * The number of streams without a publisher up to which `play` creates new ones: 1000. It bounds the cost of guessed
   * names.
   */
  maxWaiting?: number
}

/** Options of `lives.play()`. */
export interface LivePlayOptions extends CursorOptions {
  /** For a stream that is not published: `'wait'` (the default) for a publisher, or `'refuse'`. */
  missing?: 'wait' | 'refuse'
}

/** An entry of `lives.list()`. */
export interface ListedStream extends LiveStreamStats {
  /** Its path: `live/film`. */
  readonly path: string
}

/** Events of LiveStreams. */
export interface LiveStreamsEvents {
  /** A stream was added to the table. */
  add: [path: string, live: LiveStream]
  /** A stream was removed from the table. */
  remove: [path: string, live: LiveStream]
  /** A publisher has started. */
  publish: [path: string, live: LiveStream]
  /** A publisher has ended, and no other replaced it. */
  unpublish: [path: string, live: LiveStream]
  /** A discontinuity in the timestamps of a stream: see Repair. */
  repair: [path: string, repair: Repair]
}

/** A stream that reports that it is about to be joined. */
class TableStream extends LiveStream {
  readonly #joining: () => void

  constructor(options: LiveStreamOptions, joining: () => void) {
    super(options)
    this.#joining = joining
  }

  override input(options?: InputOptions): WritableOf<Message> {
    this.#joining()
    return super.input(options)
  }

  override player(options?: CursorOptions): LiveReader<MessageBatch> {
    this.#joining()
    return super.player(options)
  }

  override subscribe(options?: SubscribeOptions): LiveReader<Message> {
    this.#joining()
    return super.subscribe(options)
  }
}

/**
 * The table of live streams, by path. A stream is added when it is requested, and removed at the end of a turn of the
 * event loop in which it has neither publisher nor reader; if it is joined after that, it is added again.
 *
 * `publish`, `play`, `list` and `close` are asynchronous, as they must be if streams are spread over several machines.
 * `get`, `find` and the iterator return the LiveStreams of this process.
 *
 * Events: see LiveStreamsEvents.
 */
export class LiveStreams extends TypedEmitter<LiveStreamsEvents> {
  readonly #options: LiveStreamOptions
  readonly #maxStreams: number
  readonly #maxWaiting: number
  readonly #streams = new Map<string, LiveStream>()
  readonly #published = new Set<LiveStream>()
  /** Streams that had neither publisher nor reader at some moment of this turn, by path. */
  readonly #unused = new Map<LiveStream, string>()
  #closed: Promise<void> | undefined
  #emptied: (() => void) | undefined

  /** @throws RangeError for a bound below 1, and what LiveStream throws for its options. */
  constructor({ maxStreams = 10_000, maxWaiting = 1000, ...options }: LiveStreamsOptions = {}) {
    super()
    for (const [name, value] of Object.entries({ maxStreams, maxWaiting })) {
      if (!(value >= 1)) throw new RangeError(`${name} must be a number from 1, not ${value}`)
    }
    // the other options are checked now, not with the first stream
    new LiveStream(options)
    this.#options = options
    this.#maxStreams = maxStreams
    this.#maxWaiting = maxWaiting
  }

  /** Number of streams. */
  get size(): number {
    return this.#streams.size
  }

  /** Each path and its stream, the oldest first. */
  [Symbol.iterator](): IterableIterator<[string, LiveStream]> {
    return this.#streams.entries()
  }

  /** The stream of this path, if it exists. */
  find(path: string): LiveStream | undefined {
    return this.#streams.get(path)
  }

  /**
   * The stream of this path, created if needed.
   * @throws Refused `NetStream.Failed` if the table is full or closed.
   */
  get(path: string): LiveStream {
    return this.#get(path, 'NetStream.Failed')
  }

  /**
   * Publishes at this path. Resolves with a Writable of Messages, that of `live.input()`.
   * @throws Refused `NetStream.Publish.BadName` while there is another publisher, `NetStream.Publish.Denied` if the
   *   table is full or closed.
   */
  async publish(path: string, options?: InputOptions): Promise<WritableOf<Message>> {
    return this.#get(path, 'NetStream.Publish.Denied').input(options)
  }

  /**
   * Plays the stream of this path. Resolves with a Readable of MessageBatches, that of `live.player()`.
   * @throws Refused `NetStream.Play.StreamNotFound` if the stream is not published and the play must not wait, or too
   *   many streams wait already; `NetStream.Play.Failed` if the table is full or closed.
   */
  async play(path: string, { missing = 'wait', ...options }: LivePlayOptions = {}): Promise<LiveReader<MessageBatch>> {
    const live = this.#streams.get(path)
    const isOneMore = live === undefined && this.#streams.size - this.#published.size >= this.#maxWaiting
    if (!live?.isLive && (missing === 'refuse' || isOneMore)) {
      throw new Refused('NetStream.Play.StreamNotFound', 'stream is not published')
    }
    return this.#get(path, 'NetStream.Play.Failed').player(options)
  }

  /** All streams, with their statistics. */
  async list(): Promise<ListedStream[]> {
    return [...this.#streams].map(([path, live]) => ({ path, ...live.stats() }))
  }

  /**
   * Ends every publisher, and every reader after what it has still to read; later requests are refused. Settles once
   * the table is empty.
   */
  close(): Promise<void> {
    this.#closed ??= new Promise(resolve => {
      this.#emptied = resolve
      if (this.size === 0) resolve()
      for (const live of [...this.#streams.values()]) live.close()
    })
    return this.#closed
  }

  /** As close(): `await using lives = new LiveStreams()`. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  #get(path: string, status: string): LiveStream {
    const found = this.#streams.get(path)
    if (found !== undefined && this.#closed === undefined) return found
    const live: LiveStream = new TableStream(this.#options, () => this.#enter(path, live, 'NetStream.Failed'))
    live
      .on('publish', () => {
        this.#published.add(live)
        this.emit('publish', path, live)
      })
      .on('unpublish', () => {
        this.#published.delete(live)
        this.emit('unpublish', path, live)
      })
      .on('idle', () => this.#disuse(path, live))
      .on('repair', (repair: Repair) => this.emit('repair', path, repair))
    this.#enter(path, live, status)
    return live
  }

  /** Adds a stream at its path, unless it is there. */
  #enter(path: string, live: LiveStream, status: string): void {
    if (this.#closed !== undefined) throw new Refused(status, 'the server is closing')
    const found = this.#streams.get(path)
    if (found === live) return
    if (found !== undefined) throw new Refused(status, 'this stream was removed, and another one has its path')
    if (this.size >= this.#maxStreams) throw new Refused(status, 'there are too many streams')
    this.#streams.set(path, live)
    this.#disuse(path, live)
    this.emit('add', path, live)
  }

  /** It has neither publisher nor reader: unless that changes in this turn, it is removed. */
  #disuse(path: string, live: LiveStream): void {
    if (this.#unused.size === 0) setImmediate(() => this.#tidy())
    this.#unused.set(live, path)
  }

  #tidy(): void {
    const unused = [...this.#unused]
    this.#unused.clear()
    for (const [live, path] of unused) if (live.isIdle && this.#streams.get(path) === live) this.#remove(path, live)
  }

  #remove(path: string, live: LiveStream): void {
    this.#streams.delete(path)
    this.emit('remove', path, live)
    if (this.size === 0) this.#emptied?.()
  }
}
