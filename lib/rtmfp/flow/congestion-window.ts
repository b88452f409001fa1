/** The result of the acknowledgements in one packet, in bytes. */
export interface AcknowledgedBytes {
  /** Bytes in flight before these acknowledgements. */
  readonly outstanding: number
  readonly acknowledged: number
  readonly lost: number
  /** Whether fragments that were sent before acknowledged ones are still missing. */
  readonly hasGaps: boolean
}

/** Time critical data in this and other sessions, which changes how the window grows (RFC 7016, appendix A.1). */
export interface TimeCriticalState {
  /** Whether this session has sent time critical data recently: its window is cut less. */
  readonly isTimeCritical: boolean
  /** Whether no session is known to send or receive time critical data: then the window grows as that of TCP does, otherwise slower. */
  readonly mayGrowFast: boolean
}

/** The segment size by which the window is computed. */
const SENDER_MSS = 1460
const INITIAL_BYTES = 3 * SENDER_MSS
/** A larger window is cut by an eighth and not by a half, if it may grow fast. */
const FAST_PATH_BYTES = 67_200

/** How many bytes of user data a session may have in flight (RFC 7016, appendix A.2). */
export class CongestionWindow {
  #bytes = INITIAL_BYTES
  #threshold = Number.POSITIVE_INFINITY
  #accumulated = 0
  /** Bytes that were in flight at the last cut, and are neither acknowledged nor lost yet. Their losses belong to the same congestion. */
  #draining = 0

  get bytes(): number {
    return this.#bytes
  }

  /** Whether another packet may be sent, with so many bytes in flight. */
  allows(outstanding: number): boolean {
    return outstanding < this.#bytes
  }

  acknowledged(told: AcknowledgedBytes, state: TimeCriticalState): void {
    const { outstanding, acknowledged, lost, hasGaps } = told
    this.#draining = Math.max(0, this.#draining - acknowledged - lost)
    if (this.#draining > 0) return
    if (lost > 0) this.#cut(outstanding, outstanding - acknowledged - lost, state)
    else if (!hasGaps && outstanding >= this.#bytes) this.#grow(acknowledged, state)
  }

  /** The retransmission timeout has passed without an acknowledgement (RFC 7016, 3.6.2.6); `isLost` if something was in flight. */
  timedOut(isLost: boolean): void {
    this.#threshold = Math.max(this.#threshold, (this.#bytes * 3) / 4)
    this.#accumulated = 0
    this.#draining = 0
    this.#bytes = isLost ? SENDER_MSS : INITIAL_BYTES
  }

  #cut(outstanding: number, remaining: number, { isTimeCritical, mayGrowFast }: TimeCriticalState): void {
    const gently = isTimeCritical || (outstanding > FAST_PATH_BYTES && mayGrowFast)
    // by the bytes in flight, not by the window: a window that was not filled is no measure of the path
    this.#bytes = Math.max(Math.min(outstanding, this.#bytes) * (gently ? 7 / 8 : 1 / 2), INITIAL_BYTES)
    this.#threshold = this.#bytes
    this.#accumulated = 0
    this.#draining = remaining
  }

  #grow(acknowledged: number, { isTimeCritical, mayGrowFast }: TimeCriticalState): void {
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
