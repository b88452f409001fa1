/** What the acknowledgements of one packet told, in bytes. */
export interface AcknowledgedBytes {
  /** In flight ahead of them. */
  readonly outstanding: number
  readonly acknowledged: number
  readonly lost: number
  /** Whether fragments that were sent ahead of acknowledged ones are still missing. */
  readonly hasGaps: boolean
}

/** Who else needs the path (RFC 7016, appendix A.1). */
export interface Urgency {
  /** Whether this session has sent time critical data lately: it gives way less. */
  readonly isTimeCritical: boolean
  /** Whether no time critical data is known of anywhere: then it grows as TCP does, else slower. */
  readonly mayGrowFast: boolean
}

/** The bytes of a segment that the window is reckoned in. */
const SENDER_MSS = 1460
const INITIAL_BYTES = 3 * SENDER_MSS
/** Beyond it, a window of a fast path is cut by an eighth and not by a half. */
const FAST_PATH_BYTES = 67_200

/** How many bytes of user data a session may have in flight (RFC 7016, appendix A.2). */
export class CongestionWindow {
  #bytes = INITIAL_BYTES
  #threshold = Number.POSITIVE_INFINITY
  #accumulated = 0
  /** Bytes that were in flight at the last cut, and are neither acknowledged nor lost yet: they tell of the same congestion. */
  #draining = 0

  get bytes(): number {
    return this.#bytes
  }

  /** Whether another packet may be sent, with so many bytes in flight. */
  allows(outstanding: number): boolean {
    return outstanding < this.#bytes
  }

  acknowledged(told: AcknowledgedBytes, urgency: Urgency): void {
    const { outstanding, acknowledged, lost, hasGaps } = told
    this.#draining = Math.max(0, this.#draining - acknowledged - lost)
    if (this.#draining > 0) return
    if (lost > 0) this.#cut(outstanding, outstanding - acknowledged - lost, urgency)
    else if (!hasGaps && outstanding >= this.#bytes) this.#grow(acknowledged, urgency)
  }

  /** Nothing was acknowledged for the retransmission timeout (RFC 7016, 3.6.2.6); `isLost` if something was in flight. */
  timedOut(isLost: boolean): void {
    this.#threshold = Math.max(this.#threshold, (this.#bytes * 3) / 4)
    this.#accumulated = 0
    this.#draining = 0
    this.#bytes = isLost ? SENDER_MSS : INITIAL_BYTES
  }

  #cut(outstanding: number, remaining: number, { isTimeCritical, mayGrowFast }: Urgency): void {
    const gently = isTimeCritical || (outstanding > FAST_PATH_BYTES && mayGrowFast)
    // what was in flight and not what was allowed: a window that was not filled has proven nothing
    this.#bytes = Math.max(Math.min(outstanding, this.#bytes) * (gently ? 7 / 8 : 1 / 2), INITIAL_BYTES)
    this.#threshold = this.#bytes
    this.#accumulated = 0
    this.#draining = remaining
  }

  #grow(acknowledged: number, { isTimeCritical, mayGrowFast }: Urgency): void {
    const isStarting = this.#bytes < this.#threshold
    let increase = 0
    if (isStarting && mayGrowFast) increase = acknowledged
    else if (isStarting && isTimeCritical) increase = Math.ceil(acknowledged / 4)
    else {
      const most = isTimeCritical && !mayGrowFast ? 2400 : 4800
      const step = Math.min(Math.max(this.#bytes / 16, 64), most)
      this.#accumulated += acknowledged
      const steps = Math.floor(this.#accumulated / step)
      this.#accumulated -= steps * step
      increase = steps * (mayGrowFast ? 48 : 24)
    }
    this.#bytes = Math.max(this.#bytes + Math.min(increase, SENDER_MSS), INITIAL_BYTES)
  }
}
