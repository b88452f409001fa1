/** What a LiveStream counts as items pass, one object for it and all its readers: its numbers only grow. */
export interface LiveCounts {
  bytesIn: number
  messagesIn: number
  /** Of readers that have left; those that are there count for themselves. */
  bytesOut: number
  messagesOut: number
  repairs: number
  readonly drops: { input: number; lag: number; overflow: number; keyframe: number }
}

export const noCounts = (): LiveCounts => ({
  bytesIn: 0,
  messagesIn: 0,
  bytesOut: 0,
  messagesOut: 0,
  repairs: 0,
  drops: { input: 0, lag: 0, overflow: 0, keyframe: 0 }
})

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
  }
  /** Discontinuities of timestamps: how often `'repair'` was emitted. */
  readonly repairs: number
  /** Milliseconds since it was made. */
  readonly uptimeMs: number
  /** Milliseconds since its publisher came; 0 without one. */
  readonly publishedMs: number
}
