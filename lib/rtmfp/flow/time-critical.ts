/** How long time critical data is known of (RFC 7016, 3.5.2.1). */
const KNOWN_MS = 800

export const isRecent = (at: number, now: number): boolean => now - at < KNOWN_MS

/**
 * The time critical data of all sessions of an endpoint (RFC 7016, 3.5.2.1): other sessions grow slower beside what is sent, and tell
 * their peers of what is received.
 */
export class TimeCriticalData {
  #sentAt = Number.NEGATIVE_INFINITY
  /** When it last came, from which session, and when from any other. */
  #receivedAt = Number.NEGATIVE_INFINITY
  #receiver: object | undefined
  #othersAt = Number.NEGATIVE_INFINITY

  sent(now: number): void {
    this.#sentAt = now
  }

  received(session: object, now: number): void {
    if (session !== this.#receiver) this.#othersAt = this.#receivedAt
    this.#receiver = session
    this.#receivedAt = now
  }

  /** Whether any session sends it. */
  isSent(now: number): boolean {
    return isRecent(this.#sentAt, now)
  }

  /** Whether a session other than this one receives it. */
  isReceivedBeside(session: object, now: number): boolean {
    return isRecent(session === this.#receiver ? this.#othersAt : this.#receivedAt, now)
  }
}
