const FIRST_INTERVAL_MS = 1000
const MAX_INTERVAL_MS = 60_000
const BACKOFF = Math.SQRT2

/** When the receiver of a flow that has no room is asked again (RFC 7016, 3.6.2.9.1). */
export class Probing {
  #at = Number.POSITIVE_INFINITY
  #interval = FIRST_INTERVAL_MS

  /** When the next probe falls due; Infinity while the receiver has room. */
  get at(): number {
    return this.#at
  }

  /** The receiver has no room. `erto` is the retransmission timeout. */
  begin(now: number, erto: number): void {
    if (this.#at === Number.POSITIVE_INFINITY) this.#at = now + Math.max(this.#interval, erto)
  }

  end(): void {
    this.#at = Number.POSITIVE_INFINITY
    this.#interval = FIRST_INTERVAL_MS
  }

  isDue(now: number): boolean {
    if (now < this.#at) return false
    this.#interval = Math.min(this.#interval * BACKOFF, MAX_INTERVAL_MS)
    this.#at = now + this.#interval
    return true
  }
}
