/** The lifetime of a message. Without any of these options the message is reliable. */
export interface OutgoingMessageOptions {
  /** Milliseconds within which its first fragment must be sent. */
  readonly startWithinMs?: number
  /** Milliseconds within which its last fragment must be sent for the last time. */
  readonly finishWithinMs?: number
  /** Whether it depends on the message before it and is abandoned with that, as a video frame is up to the next keyframe. */
  readonly isDependent?: boolean
}

/** Messages that each depend on the one before. */
interface Chain {
  /** The number of the first abandoned message; all after it are abandoned too. */
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

  /** Abandons it and the messages that depend on it: what has not arrived is not sent again. */
  abandon(): void {
    this.#chain.abandonedFrom = Math.min(this.#chain.abandonedFrom, this.sequenceNumber)
  }

  /** Abandons it if it is late. */
  expire(now: number): void {
    if (now >= this.#finishBy || (!this.isStarted && now >= this.#startBy)) this.abandon()
  }
}
