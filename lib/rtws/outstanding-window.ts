/** The least and the most bytes after which the peer is asked to acknowledge. */
const MIN_ACK_WINDOW_BYTES = 2800
const MAX_ACK_WINDOW_BYTES = 11_200
const MIN_WINDOW_BYTES = 65_536
/** Milliseconds of data that may queue on the path, beyond the shortest recent round trip. */
const ADDED_DELAY_MS = 50
const HISTORY_MS = 150_000
const SHORTEST_MS = 0.1

/**
 * Bytes that may be sent and not acknowledged. TCP would accept any number, and what it has accepted cannot be abandoned. So the window is what
 * the path carries in its shortest round trip and 50 ms. Times are in ms.
 */
export class OutstandingWindow {
  #windowBytes = MIN_WINDOW_BYTES
  #sentBytes = 0
  #acknowledgedBytes = 0
  #ackWindowBytes = MIN_ACK_WINDOW_BYTES
  /** The current measurement of a round trip: when it began, and how much has to be acknowledged. */
  #measured: { readonly at: number; readonly sentBytes: number } | undefined
  /** The bytes sent when the last measurement ended. */
  #previousBytes = 0
  /** The shortest round trips of the current period and of the one before. */
  #shortest = Number.POSITIVE_INFINITY
  #shortestBefore = Number.POSITIVE_INFINITY
  #historyAt = Number.NEGATIVE_INFINITY

  get bytes(): number {
    return this.#windowBytes
  }

  get outstandingBytes(): number {
    return this.#sentBytes - this.#acknowledgedBytes
  }

  get isOpen(): boolean {
    return this.outstandingBytes < this.#windowBytes
  }

  /** The bytes after which the peer is asked to acknowledge. */
  get ackWindowBytes(): number {
    return this.#ackWindowBytes
  }

  sent(bytes: number, now: number): void {
    this.#sentBytes += bytes
    if (this.#measured !== undefined) return
    this.#measured = { at: now, sentBytes: this.#sentBytes }
    const quarter = Math.floor(this.outstandingBytes / 4)
    this.#ackWindowBytes = Math.min(Math.max(quarter, MIN_ACK_WINDOW_BYTES), MAX_ACK_WINDOW_BYTES)
  }

  acknowledged(bytes: number, now: number): void {
    this.#acknowledgedBytes += bytes
    if (this.#measured === undefined || this.#acknowledgedBytes < this.#measured.sentBytes) return
    const roundTrip = Math.max(now - this.#measured.at, SHORTEST_MS)
    const bytesSent = this.#sentBytes - this.#previousBytes
    this.#measured = undefined
    this.#previousBytes = this.#sentBytes
    this.#note(roundTrip, now)
    // an application that sends little does not show what the path can carry
    if (bytesSent < MIN_WINDOW_BYTES - MIN_ACK_WINDOW_BYTES) return
    const carried = (bytesSent / roundTrip) * (Math.min(this.#shortest, this.#shortestBefore) + ADDED_DELAY_MS)
    this.#windowBytes = Math.max(MIN_WINDOW_BYTES, carried)
    if (this.#windowBytes > MIN_WINDOW_BYTES) return
    // the path may have become longer
    this.#shortest = roundTrip
    this.#shortestBefore = roundTrip
  }

  /** So many bytes will not be acknowledged. */
  forgotten(bytes: number): void {
    this.#acknowledgedBytes += bytes
  }

  #note(roundTrip: number, now: number): void {
    if (now - this.#historyAt > HISTORY_MS) {
      this.#historyAt = now
      this.#shortestBefore = this.#shortest
      this.#shortest = roundTrip
    } else this.#shortest = Math.min(this.#shortest, roundTrip)
  }
}
