import { type Clock, systemClock } from '../clock.ts'
import type { Message } from '../message/message.ts'
import { Stage } from '../stream/stage.ts'

/** Options of Pace. */
export interface PaceOptions {
  /** Milliseconds that messages may be early, for players that fill a buffer: 0. */
  aheadMs?: number
  /** The clock to use; the system's by default. */
  clock?: Clock
}

/** A longer gap, in milliseconds, is not a pause to wait for but a changed clock. */
const JUMP_MS = 10_000

/**
 * Passes messages in real time, by their timestamps: a file becomes a live stream. The first passes at once. If
 * timestamps go back, or jump ahead by more than ten seconds, it continues without a wait.
 */
export class Pace extends Stage<Message, Message> {
  readonly #aheadMs: number
  readonly #clock: Clock
  /** The time at which timestamp 0 is due, and the last timestamp. */
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
    // audio and video are not in exact order: only a long step back is a jump
    if (this.#epoch === undefined || (jumps && Math.abs(step) > JUMP_MS)) this.#epoch = this.#clock.now() - timestamp
    return this.#epoch + timestamp - this.#aheadMs
  }
}

/**
 * A Pace: Messages in real time, by their timestamps.
 * @throws RangeError for a time below 0.
 */
export const pace = (options?: PaceOptions): Pace => new Pace(options)
