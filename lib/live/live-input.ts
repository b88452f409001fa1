import type { Message } from '../message/message.ts'
import { TakingWritable } from '../stream/taking.ts'

/**
 * The input of a live stream, for one publisher. It applies backpressure while a reader with `wait` has to catch up.
 */
export class LiveInput extends TakingWritable<Message> {
  readonly #take: (message: Message) => void
  readonly #mustWait: () => boolean
  readonly #leave: () => void
  #isWaiting = false

  constructor(take: (message: Message) => void, mustWait: () => boolean, leave: () => void) {
    super({ objectMode: true, highWaterMark: 16 })
    this.#take = take
    this.#mustWait = mustWait
    this.#leave = leave
  }

  override _take(message: Message): boolean {
    this.#take(message)
    this.#isWaiting = this.#mustWait()
    return !this.#isWaiting
  }

  override _takeEnd(): boolean {
    this.#leave()
    return true
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    this.#leave()
    super._destroy(error, done)
  }

  /** Resumes the publisher, if no reader has to catch up. */
  release(): void {
    if (!this.#isWaiting || this.#mustWait()) return
    this.#isWaiting = false
    this._taken()
  }
}
