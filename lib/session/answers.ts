import type { Clock } from '../clock.ts'
import { RtmpError } from '../errors.ts'

interface Waiting<Answer> {
  resolve(answer: Answer): void
  reject(reason: Error): void
}

/** What was asked of the peer and is not answered yet: each by its key, and each with its time. */
export class Answers<Key, Answer> {
  readonly #clock: Clock
  readonly #timeoutMs: number
  readonly #waiting = new Map<Key, Waiting<Answer>>()

  constructor(clock: Clock, timeoutMs: number) {
    this.#clock = clock
    this.#timeoutMs = timeoutMs
  }

  /** How many answers are still to come. */
  get size(): number {
    return this.#waiting.size
  }

  /**
   * Waits for the answer to `asked`. Whoever waited by this key before has been asked anew.
   * @throws RtmpError `ERR_RTMP_ANSWER_TIMEOUT`.
   */
  wait(key: Key, asked: string): Promise<Answer> {
    this.refuse(key, new RtmpError('ERR_RTMP_ANSWER_TIMEOUT', `${asked}, superseded by a later ${asked}`))
    return new Promise((resolve, reject) => {
      const stop = this.#clock.after(this.#timeoutMs, () => this.refuse(key, this.#late(asked)))
      this.#waiting.set(key, {
        resolve(answer) {
          stop()
          resolve(answer)
        },
        reject(reason) {
          stop()
          reject(reason)
        }
      })
    })
  }

  /** The answer has come. */
  settle(key: Key, answer: Answer): void {
    this.#take(key)?.resolve(answer)
  }

  refuse(key: Key, reason: Error): void {
    this.#take(key)?.reject(reason)
  }

  /** None will come any more. */
  abandon(reason: Error): void {
    for (const key of [...this.#waiting.keys()]) this.refuse(key, reason)
  }

  #take(key: Key): Waiting<Answer> | undefined {
    const waiting = this.#waiting.get(key)
    this.#waiting.delete(key)
    return waiting
  }

  #late(asked: string): RtmpError {
    return new RtmpError('ERR_RTMP_ANSWER_TIMEOUT', `${asked}, ${this.#timeoutMs} ms`)
  }
}
