import { type Clock, Countdown } from '../clock.ts'
import { RtmpError } from '../errors.ts'
import type { Limits } from '../limits.ts'

/** A peer that has sent so many Acknowledgements is expected to send more. OBS sends one while it connects, and no other. */
const SHOWN = 3

/** The timeouts of a wire after its handshake, and the signs of life of its peer. */
export class WireWatch {
  readonly #clock: Clock
  readonly #limits: Limits
  readonly #destroy: (error?: Error) => void
  #heardAt = 0
  /** Runs while the lower accepts nothing. */
  #stall: Countdown | undefined
  #stopLinger: (() => void) | undefined
  #stopAnswer: (() => void) | undefined
  /** The number of Acknowledgements received, the bytes sent before the last one, and the most bytes sent between two. */
  #acknowledgements = 0
  #acknowledged = 0
  #longestSpan = 0

  /** `destroy` ends the wire. */
  constructor(clock: Clock, limits: Limits, destroy: (error?: Error) => void) {
    this.#clock = clock
    this.#limits = limits
    this.#destroy = destroy
  }

  /** When a byte was last received, or the lower had room again, in milliseconds of the clock. */
  get heardAt(): number {
    return this.#heardAt
  }

  /** Whether the lower accepts nothing. */
  get isStalled(): boolean {
    return this.#stall?.isRunning ?? false
  }

  /** A byte was received. */
  heard(): void {
    this.#heardAt = this.#clock.now()
  }

  /** The lower is full: the wire ends unless it has room again within `limits.stallMs`. */
  filled(): void {
    if (this.#stall?.isRunning) return
    const expired = () => this.#destroy(new RtmpError('ERR_RTMP_STALLED'))
    this.#stall ??= new Countdown(this.#clock, this.#limits.stallMs, { expired })
    this.#stall.begin()
  }

  /** The lower has room again. */
  drained(): void {
    this.heard()
    this.#stall?.pause()
  }

  /** The peer has sent an Acknowledgement, when `sent` bytes were sent in total. */
  acknowledged(sent: number): void {
    this.#longestSpan = Math.max(this.#longestSpan, sent - this.#acknowledged)
    this.#acknowledged = sent
    this.#acknowledgements++
  }

  /** Whether the peer acknowledged regularly, and more than twice the most bytes between two Acknowledgements were sent since the last. */
  owesAcknowledgement(sent: number): boolean {
    return this.#acknowledgements >= SHOWN && sent - this.#acknowledged > 2 * this.#longestSpan
  }

  /** The peer has been asked something: it is ended with an error if `answered` is not called within `limits.handshakeMs`. */
  asked(unanswered: () => Error): void {
    this.#stopAnswer = this.#clock.after(this.#limits.handshakeMs, () => this.#destroy(unanswered()))
  }

  answered(): void {
    this.#stopAnswer?.()
  }

  /** The peer has ended: what is still written has `limits.lingerMs` to reach it. */
  linger(): void {
    this.#stopLinger ??= this.#clock.after(this.#limits.lingerMs, () => this.#destroy())
  }

  /** Stops all timers. */
  stop(): void {
    this.#stopLinger?.()
    this.#stopAnswer?.()
    this.#stall?.stop()
  }
}
