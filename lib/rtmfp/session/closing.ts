/** How a session stands (RFC 7016, 3.5): this side asked to close it, or the other did. */
export type SessionState = 'open' | 'near close' | 'far close' | 'closed'

/** Why a session is closed: by this side, by the other, replaced by a later one of its peer, or because nothing was heard. */
export type CloseReason = 'near' | 'far' | 'replaced' | 'timeout'

const CLOSE_INTERVAL_MS = 5000
const NEAR_CLOSE_MS = 90_000
const FAR_CLOSE_MS = 19_000

/** The states of a session from open to closed, with their timeouts (RFC 7016, 3.5.5). */
export class Closing {
  #state: SessionState = 'open'
  #reason: CloseReason | undefined
  /** When the Session Close Request is due, and when the state ends. */
  #sayAt = Number.POSITIVE_INFINITY
  #endAt = Number.POSITIVE_INFINITY

  get state(): SessionState {
    return this.#state
  }

  get reason(): CloseReason | undefined {
    return this.#reason
  }

  /** When `isDue` or `isEnded` changes; Infinity while the session is open, and once it is closed. */
  get nextAt(): number {
    return Math.min(this.#sayAt, this.#endAt)
  }

  /** This side requests the close. */
  near(now: number): void {
    this.#become('near close', 'near', now, now + NEAR_CLOSE_MS)
  }

  /** The other side has requested the close. Repeated requests are still answered. */
  far(now: number): void {
    this.#become('far close', 'far', Number.POSITIVE_INFINITY, now + FAR_CLOSE_MS)
  }

  end(reason: CloseReason): void {
    this.#become('closed', reason, Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY)
  }

  /** Whether the Session Close Request, which is repeated, is due. */
  isDue(now: number): boolean {
    if (now < this.#sayAt) return false
    this.#sayAt = now + CLOSE_INTERVAL_MS
    return true
  }

  isEnded(now: number): boolean {
    return now >= this.#endAt
  }

  #become(state: SessionState, reason: CloseReason, sayAt: number, endAt: number): void {
    this.#state = state
    this.#reason = reason
    this.#sayAt = sayAt
    this.#endAt = endAt
  }
}
