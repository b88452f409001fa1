/** Data packets that may be sent at once after an acknowledgement or a timeout (RFC 7016, 3.5.2.3). */
const MAX_BURST = 6

/**
 * When a session may send its next data packet (RFC 7016, 3.5.2.3). What the window allows beyond a burst is spread over the round trip:
 * rtmfp-cpp acknowledges a burst once, so it would otherwise get one burst per round trip, however large the window is.
 */
export class Pacing {
  #burst = MAX_BURST
  #nextAt = Number.POSITIVE_INFINITY

  /** When the next packet may be sent; a time in the past if now. */
  get nextAt(): number {
    return this.#burst > 0 ? Number.NEGATIVE_INFINITY : this.#nextAt
  }

  /** After an acknowledgement or a timeout: the next burst may be sent. */
  renew(): void {
    this.#burst = MAX_BURST
  }

  /** A packet was sent. `intervalMs` is the round trip, divided by the packets that the window has room for; Infinity if it is not known. */
  sent(now: number, intervalMs: number): void {
    if (this.#burst > 0) {
      if (--this.#burst === 0) this.#nextAt = now + intervalMs
      return
    }
    // after a late timer, the packets that are overdue may follow at once, up to a burst
    this.#nextAt = Math.max(this.#nextAt, now - MAX_BURST * intervalMs) + intervalMs
  }
}
