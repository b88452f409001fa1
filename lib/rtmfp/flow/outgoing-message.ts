/** How long a message is worth sending. Without any of these it is reliable. */
export interface OutgoingMessageOptions {
  /** Milliseconds within which its first fragment is to be sent. */
  readonly startWithinMs?: number
  /** Milliseconds within which its last fragment is to be sent, for the last time. */
  readonly finishWithinMs?: number
  /** Whether it is of no use without the message ahead of it, and is abandoned with that: as frames are, up to the next keyframe. */
  readonly isDependent?: boolean
}

/** Messages each of which depends on the one ahead of it. */
interface Chain {
  /** The number of the first that was abandoned, and all behind it with it. */
  abandonedFrom: number
}

/** A message of a sending flow (RFC 7016, 3.6.2.2), which is abandoned when it is late (3.6.2.7). */
export class OutgoingMessage {
  /** The sequence number of its first fragment. */
  readonly sequenceNumber: number
  /** Whether a fragment of it was sent. */
  isStarted = false
  readonly #chain: Chain
  readonly #startBy: number
  readonly #finishBy: number

  constructor(sequenceNumber: number, now: number, options: OutgoingMessageOptions, previous?: OutgoingMessage) {
    const { startWithinMs = Number.POSITIVE_INFINITY, finishWithinMs = Number.POSITIVE_INFINITY } = options
    this.sequenceNumber = sequenceNumber
    this.#startBy = now + startWithinMs
    this.#finishBy = now + finishWithinMs
    const isDependent = options.isDependent && previous !== undefined
    this.#chain = isDependent ? previous.#chain : { abandonedFrom: Number.POSITIVE_INFINITY }
  }

  /** Whether it is never late. */
  get isReliable(): boolean {
    return this.#startBy === Number.POSITIVE_INFINITY && this.#finishBy === Number.POSITIVE_INFINITY
  }

  get isAbandoned(): boolean {
    return this.sequenceNumber >= this.#chain.abandonedFrom
  }

  /** Gives it up, and those that depend on it: what has not arrived will not be sent again. */
  abandon(): void {
    this.#chain.abandonedFrom = Math.min(this.#chain.abandonedFrom, this.sequenceNumber)
  }

  /** Gives it up if it is late. */
  expire(now: number): void {
    if (now >= this.#finishBy || (!this.isStarted && now >= this.#startBy)) this.abandon()
  }
}
