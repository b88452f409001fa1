import type { Message } from '../message/message.ts'
import { TypedWritable } from '../stream/typed.ts'

/** The way into a live stream, for one publisher: it hands on what comes, and holds its peer back while somebody has to be waited for. */
export class LiveInput extends TypedWritable<Message> {
  readonly #take: (message: Message) => void
  readonly #mustWait: () => boolean
  readonly #leave: () => void
  #held: ((error?: Error | null) => void) | undefined

  constructor(take: (message: Message) => void, mustWait: () => boolean, leave: () => void) {
    super({ objectMode: true, highWaterMark: 16 })
    this.#take = take
    this.#mustWait = mustWait
    this.#leave = leave
  }

  /** The fast path of `write`: processes the message in this call if nothing waits and no reader has to catch up. */
  takeNow(message: Message): boolean {
    if (this.#held !== undefined || this.writableLength > 0 || this.writableEnded || this.destroyed) return false
    if (this.#mustWait()) return false
    this.#take(message)
    return true
  }

  override _write(message: Message, _encoding: string, done: (error?: Error | null) => void): void {
    this.#take(message)
    this.#held = done
    this.release()
  }

  override _final(done: (error?: Error | null) => void): void {
    this.#leave()
    done()
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    this.#held = undefined
    this.#leave()
    done(error)
  }

  /** Resumes the publisher, if no reader has to catch up. */
  release(): void {
    if (this.#held === undefined || this.#mustWait()) return
    const done = this.#held
    this.#held = undefined
    done()
  }
}
