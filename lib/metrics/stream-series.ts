import type { LiveStream, LiveStreamStats, LiveStreams } from '../index.ts'

/** The numbers of LiveStreamStats that can be summed: readers and bytes of the ring are of this moment, the others only grow. */
const SUMMED = [
  'bytesIn',
  'bytesOut',
  'messagesIn',
  'messagesOut',
  'repairs',
  'droppedInput',
  'droppedLag',
  'droppedOverflow',
  'droppedKeyframe',
  'readers',
  'ringBytes'
] as const

/** The numbers of one stream, or of several together. */
export type StreamSum = Record<(typeof SUMMED)[number], number>

/** A stream with series of its own. */
export interface OwnStream extends LiveStreamStats {
  /** Of the reader that lags most. */
  readonly lagMs: number
}

/** The streams at one moment. */
export interface StreamsScrape {
  readonly published: number
  readonly waiting: number
  /** All streams together, those that are gone too. */
  readonly all: StreamSum
  /** The streams with series of their own, by path. */
  readonly own: ReadonlyMap<string, OwnStream>
  /** The others together, those that are gone too; undefined if there was none. */
  readonly rest: StreamSum | undefined
}

/** Characters of a path in a label: a peer may choose a name of 64 KB. */
const MAX_PATH = 256

/**
 * Decides which streams have series of their own, so that no peer can make more than `maxStreams` of them. A stream gets them when it is
 * first published, and keeps them until it is removed. One for which there was no room stays with the rest, even if there is room later.
 * So no counter goes back, neither of the rest nor of all: what removed streams have counted stays in both.
 */
export class StreamSeries {
  readonly #streams: LiveStreams
  readonly #maxStreams: number
  readonly #own = new Set<LiveStream>()
  /** Streams that were published when there was no room. */
  readonly #late = new WeakSet<LiveStream>()
  /** What a stream had counted when it was removed: one that is joined again is added to the table again, and counts on. */
  readonly #counted = new WeakMap<LiveStream, StreamSum>()
  readonly #gone = nothing()
  #goneOfRest: StreamSum | undefined
  readonly #publish = (path: string, live: LiveStream): void => this.#name(path, live)
  readonly #remove = (_: string, live: LiveStream): void => this.#retire(live)

  constructor(streams: LiveStreams, maxStreams: number) {
    this.#streams = streams
    this.#maxStreams = maxStreams
    for (const [path, live] of streams) if (live.isLive) this.#name(path, live)
    streams.on('publish', this.#publish).on('remove', this.#remove)
  }

  stop(): void {
    this.#streams.off('publish', this.#publish).off('remove', this.#remove)
  }

  read(): StreamsScrape {
    const own = new Map<string, OwnStream>()
    const all = { ...this.#gone }
    let rest = this.#goneOfRest && { ...this.#goneOfRest }
    let published = 0
    for (const [path, live] of this.#streams) {
      const stats = live.stats()
      const news = this.#news(live, stats)
      published += stats.publishers
      add(all, news)
      if (this.#own.has(live)) own.set(path, { ...stats, lagMs: greatestLag(live) })
      else rest = add(rest ?? nothing(), news)
    }
    return { published, waiting: this.#streams.size - published, all, own, rest }
  }

  #name(path: string, live: LiveStream): void {
    if (this.#own.has(live) || this.#late.has(live)) return
    // the empty path is that of the rest
    const fits = this.#own.size < this.#maxStreams && path !== '' && path.length <= MAX_PATH
    const place = fits ? this.#own : this.#late
    place.add(live)
  }

  #retire(live: LiveStream): void {
    const stats = live.stats()
    const none = { readers: 0, ringBytes: 0 }
    const news = { ...this.#news(live, stats), ...none }
    add(this.#gone, news)
    if (!this.#own.delete(live)) this.#goneOfRest = add(this.#goneOfRest ?? nothing(), news)
    this.#counted.set(live, { ...summed(stats), ...none })
  }

  /** What a stream has counted since it was removed, if it was. */
  #news(live: LiveStream, stats: LiveStreamStats): StreamSum {
    const news = summed(stats)
    const counted = this.#counted.get(live)
    if (counted !== undefined) for (const name of SUMMED) news[name] -= counted[name]
    return news
  }
}

/** The numbers of one stream that can be summed. */
export const summed = (stats: LiveStreamStats): StreamSum => ({
  bytesIn: stats.bytesIn,
  bytesOut: stats.bytesOut,
  messagesIn: stats.messagesIn,
  messagesOut: stats.messagesOut,
  repairs: stats.repairs,
  droppedInput: stats.drops.input,
  droppedLag: stats.drops.lag,
  droppedOverflow: stats.drops.overflow,
  droppedKeyframe: stats.drops.keyframe,
  readers: stats.readers,
  ringBytes: stats.ring.bytes
})

const greatestLag = (live: LiveStream): number =>
  live.readerStats().reduce((most, { lagMs }) => Math.max(most, lagMs), 0)

const nothing = (): StreamSum => Object.fromEntries(SUMMED.map(name => [name, 0])) as StreamSum

function add(sum: StreamSum, more: StreamSum): StreamSum {
  for (const name of SUMMED) sum[name] += more[name]
  return sum
}
