import type { WireCounters } from '../wire.ts'

/**
 * What `session.stats()` gives: numbers of this moment. Those of bytes and messages are totals since the session began; what passes over
 * the wire is counted by the wire, and 0 where that does not count.
 */
export interface SessionStats extends WireCounters {
  /** Items on their way to the wire, that it has not taken yet. */
  readonly waiting: number
  /** Message streams on which something is published, by either side. */
  readonly publishing: number
  /** Message streams on which something is played. */
  readonly playing: number
  /** Messages of media that were dropped: they came for no publish or play that was granted. */
  readonly strayMessages: number
  /** Messages that were dropped: of types the session has no use for, and user control events of unknown types, with no listener. */
  readonly unknownMessages: number
  /** Milliseconds since it was made. */
  readonly uptimeMs: number
}

export const NO_COUNTERS: WireCounters = { bytesIn: 0, bytesOut: 0, messagesIn: 0, messagesOut: 0 }
