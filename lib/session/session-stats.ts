import type { WireCounters } from '../wire.ts'

/**
 * The result of `session.stats()`: its current numbers. Bytes and messages are totals since the session began. The wire counts what it
 * carries; without a Wire they are 0.
 */
export interface SessionStats extends WireCounters {
  /** Items queued before the wire. */
  readonly waiting: number
  /** Message streams that publish, in either direction. */
  readonly publishing: number
  /** Message streams that play. */
  readonly playing: number
  /** Dropped messages of media without a granted publish or play. */
  readonly strayMessages: number
  /** Dropped messages: of types that the session does not handle, and unknown user control events, without a listener. */
  readonly unknownMessages: number
  /** Milliseconds since the session was created. */
  readonly uptimeMs: number
}

export const NO_COUNTERS: WireCounters = { bytesIn: 0, bytesOut: 0, messagesIn: 0, messagesOut: 0 }
