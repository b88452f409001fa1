import { type Clock, systemClock } from '../clock.ts'
import type { Message } from '../message/message.ts'
import { Stage } from '../stream/stage.ts'

/** Options of Pace. */
export interface PaceOptions {
  /** Milliseconds it lets messages go ahead of their time, for players that fill a buffer: 0. */
  aheadMs?: number
  /** The clock it measures time by: the system's. */
  clock?: Clock
}

/** Further than this between two messages is no pause to be waited out, but a clock that was set. */
const JUMP_MS = 10_000

/**
 * Lets messages through in real time, by their timestamps: a file becomes a live stream. The first goes at once. Where timestamps
 * jump, back or ahead by more than ten seconds, it goes on from there without a wait.
 */
export class Pace extends Stage<Message, Message> {
  readonly #aheadMs: number
  readonly #clock: Clock
  /** When a message of timestamp 0 is due, and the last timestamp. */
  #epoch: number | undefined
  #last = 0
  #stopTimer: (() => void) | undefined

  /** @throws RangeError for a time below 0. */
  constructor({ aheadMs = 0, clock = systemClock }: PaceOptions = {}) {
    super({ layer: 'pace' })
    if (!(aheadMs >= 0)) throw new RangeError(`aheadMs must be 0 or more, not ${aheadMs}`)
    this.#aheadMs = aheadMs
    this.#clock = clock
  }

  protected override turn(message: Message): boolean | Promise<unknown> {
    const ms = this.#due(message) - this.#clock.now()
    if (ms <= 0) return this.push(message)
    return new Promise<void>(resolve => {
      this.#stopTimer = this.#clock.after(ms, () => {
        this.push(message)
        resolve()
      })
    })
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    this.#stopTimer?.()
    super._destroy(error, done)
  }

  #due({ timestamp }: Message): number {
    const step = (timestamp - this.#last) | 0
    const jumps = step < 0 || step > JUMP_MS
    this.#last = timestamp
    // audio and video do not come in exact order: a step back is only taken for a jump when it is a long one
    if (this.#epoch === undefined || (jumps && Math.abs(step) > JUMP_MS)) this.#epoch = this.#clock.now() - timestamp
    return this.#epoch + timestamp - this.#aheadMs
  }
}

/**
 * A Pace: Messages in real time, by their timestamps.
 * @throws RangeError for a time below 0.
 */
export const pace = (options?: PaceOptions): Pace => new Pace(options)
