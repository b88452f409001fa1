import { type Acknowledgement, BUFFER_BLOCK_BYTES } from '../wire/acknowledgement.ts'

/** The room that a receiver is assumed to have until it announces it (RFC 7016, 3.6.2.1). */
const INITIAL_BYTES = 65_536
const FIRST_INTERVAL_MS = 1000
const MAX_INTERVAL_MS = 60_000
const BACKOFF = Math.SQRT2

/** What the receiver of a flow last acknowledged and announced, and when to probe one without room (RFC 7016, 3.6.2.4, 3.6.2.9). */
export class ReceiverWindow {
  #bytes = INITIAL_BYTES
  #cumulativeAck = 0
  #probeAt = Number.POSITIVE_INFINITY
  #interval = FIRST_INTERVAL_MS

  /** The receiver has all fragments up to this number, or knows that they will not be sent again. */
  get cumulativeAck(): number {
    return this.#cumulativeAck
  }

  /** When the next probe is due; Infinity while the receiver has room. */
  get probeAt(): number {
    return this.#probeAt
  }

  /** Whether the receiver has room for more than what is in flight. */
  allows(outstandingBytes: number): boolean {
    return outstandingBytes < this.#bytes
  }

  /** Processes an acknowledgement. The room in one that was overtaken is ignored. `erto` is the retransmission timeout. */
  told({ cumulativeAck, bufferBlocksAvailable }: Acknowledgement, now: number, erto: number): void {
    if (cumulativeAck < this.#cumulativeAck) return
    this.#cumulativeAck = cumulativeAck
    this.#bytes = bufferBlocksAvailable * BUFFER_BLOCK_BYTES
    if (bufferBlocksAvailable > 0) this.end()
    else if (this.#probeAt === Number.POSITIVE_INFINITY) this.#probeAt = now + Math.max(this.#interval, erto)
  }

  /** Whether a probe is due now; if so, the next one is scheduled. */
  isProbeDue(now: number): boolean {
    if (now < this.#probeAt) return false
    this.#interval = Math.min(this.#interval * BACKOFF, MAX_INTERVAL_MS)
    this.#probeAt = now + this.#interval
    return true
  }

  /** Ends probing. */
  end(): void {
    this.#probeAt = Number.POSITIVE_INFINITY
    this.#interval = FIRST_INTERVAL_MS
  }
}
