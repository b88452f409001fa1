import type { Clock } from '../clock.ts'
import { RtmpError } from '../errors.ts'

interface Waiting<Answer> {
  resolve(answer: Answer): void
  reject(reason: Error): void
}

/** The requests sent to the peer that are not answered yet: each has a key and a timeout. */
export class Answers<Key, Answer> {
  readonly #clock: Clock
  readonly #timeoutMs: number
  readonly #waiting = new Map<Key, Waiting<Answer>>()

  constructor(clock: Clock, timeoutMs: number) {
    this.#clock = clock
    this.#timeoutMs = timeoutMs
  }

  /** Number of unanswered requests. */
  get size(): number {
    return this.#waiting.size
  }

  /**
   * Waits for the answer to `asked`. An earlier wait with the same key is rejected: it is superseded.
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

  /** Resolves the wait with this key. */
  settle(key: Key, answer: Answer): void {
    this.#take(key)?.resolve(answer)
  }

  refuse(key: Key, reason: Error): void {
    this.#take(key)?.reject(reason)
  }

  /** Rejects every wait with `reason`. */
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
