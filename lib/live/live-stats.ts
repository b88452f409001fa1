import type { AudioStats, VideoStats } from '../media/track-counts.ts'

/** What a LiveStream counts as items pass. The numbers only grow. */
export interface LiveCounts {
  bytesIn: number
  messagesIn: number
  repairs: number
  /** Messages ahead of the first keyframe. */
  input: number
  /** Of readers that have left; those that are there count for themselves. */
  readonly left: ReaderCounts
}

/** What a reader counts as batches pass. */
export interface ReaderCounts {
  bytesOut: number
  messagesOut: number
  lag: number
  overflow: number
  keyframe: number
}

export const noCounts = (): LiveCounts => ({
  bytesIn: 0,
  messagesIn: 0,
  repairs: 0,
  input: 0,
  left: noReaderCounts()
})

export const noReaderCounts = (): ReaderCounts => ({ bytesOut: 0, messagesOut: 0, lag: 0, overflow: 0, keyframe: 0 })

export function addCounts(sum: ReaderCounts, counts: ReaderCounts): void {
  sum.bytesOut += counts.bytesOut
  sum.messagesOut += counts.messagesOut
  sum.lag += counts.lag
  sum.overflow += counts.overflow
  sum.keyframe += counts.keyframe
}

/** The result of `reader.stats()`, of a reader of a LiveStream: its current numbers. Bytes and messages are totals since it joined. */
export interface LiveReaderStats {
  /** Its number among the readers of its stream, from 1 on. */
  readonly id: number
  /** The `label` it was given. */
  readonly label: unknown
  /** Milliseconds, by timestamps, from the batch it was given last to the newest; 0 if it was given all. */
  readonly lagMs: number
  /** Milliseconds it may lag before it skips to the newest keyframe; Infinity for a reader with `wait`. */
  readonly maxLagMs: number
  /** Bytes of payload in the ring that it has not been given yet. */
  readonly waitingBytes: number
  /** Bytes of payload that it was given. */
  readonly bytesOut: number
  /** Messages that it was given. */
  readonly messagesOut: number
  /** Messages that it has missed, by cause. */
  readonly drops: {
    /** It lagged by more than its `maxLagMs`. */
    readonly lag: number
    /** It lagged by less, where the ring had reached `maxBytes` or `maxMs`. */
    readonly overflow: number
    /** Video, while it waited for a keyframe. */
    readonly keyframe: number
  }
  /** Milliseconds since it joined. */
  readonly sinceMs: number
}

/** What `live.stats()` gives: numbers of this moment. Those of bytes, messages and repairs are totals since it was made. */
export interface LiveStreamStats {
  /** Publishers there are: 0 or 1. */
  readonly publishers: number
  /** Readers there are: players, recorders and others. */
  readonly readers: number
  /** Bytes of payload that its publishers have sent. */
  readonly bytesIn: number
  /** Messages that its publishers have sent. */
  readonly messagesIn: number
  /** Bytes of payload that its readers were given, all readers together. */
  readonly bytesOut: number
  /** Messages that its readers were given, all readers together. */
  readonly messagesOut: number
  /** Messages that were dropped, by cause. Of readers: a message that two readers have missed is counted twice. */
  readonly drops: {
    /** Sent by a publisher ahead of the first keyframe. */
    readonly input: number
    /** Missed by readers that lagged by more than their `maxLagMs`. */
    readonly lag: number
    /** Missed by readers that lagged by less, where the ring had reached `maxBytes` or `maxMs`. */
    readonly overflow: number
    /** Video that readers were not given while they waited for a keyframe. */
    readonly keyframe: number
  }
  /** What its ring holds. */
  readonly ring: {
    /** Bytes of payload. */
    readonly bytes: number
    /** Messages. */
    readonly messages: number
    /** Milliseconds, by timestamps, from its oldest batch to its newest. */
    readonly ms: number
    /** Bytes it may hold, 256 for each message included. */
    readonly maxBytes: number
    /** Milliseconds it may hold. */
    readonly maxMs: number
  }
  /** Its video; null while its publisher has sent none. */
  readonly video: VideoStats | null
  /** Its audio; null while its publisher has sent none. */
  readonly audio: AudioStats | null
  /** Discontinuities of timestamps: how often `'repair'` was emitted. */
  readonly repairs: number
  /** Milliseconds since it was made. */
  readonly uptimeMs: number
  /** Milliseconds since its publisher came; 0 without one. */
  readonly publishedMs: number
}
