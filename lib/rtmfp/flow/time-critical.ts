/** Milliseconds for which time critical data has an effect (RFC 7016, 3.5.2.1). */
const KNOWN_MS = 800

export const isRecent = (at: number, now: number): boolean => now - at < KNOWN_MS

/**
 * The time critical data of all sessions of an endpoint (RFC 7016, 3.5.2.1). While one sends it, the windows of the others grow slower. While
 * one receives it, the others tell their peers.
 */
export class TimeCriticalData {
  #sentAt = Number.NEGATIVE_INFINITY
  /** When it was last received, in which session, and when in any other session. */
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
