/** What takes its time: it is told how to say that it is over, with the error if it failed. */
export type Later = (settled: (error?: unknown) => void) => void

/**
 * Lets one thing be done at a time. What is taken up while another is at work waits for its end; there is one that waits at
 * most, as of a stream's writes.
 */
export class Turns {
  #isTaken = false
  #next: (() => void) | undefined

  /** Whether something is at work. */
  get isTaken(): boolean {
    return this.#isTaken
  }

  /** Does `work`, now or once it is its turn, and then calls `done`, with the error if it throws or fails later. */
  take<Item>(work: (item: Item) => Later | undefined, item: Item, done: (error?: Error) => void): void {
    if (this.#isTaken) {
      this.#next = () => this.take(work, item, done)
      return
    }
    this.#isTaken = true
    let later: Later | undefined
    try {
      later = work(item)
    } catch (thrown) {
      this.#end(done, asError(thrown))
      return
    }
    if (later === undefined) this.#end(done)
    else later(error => this.#end(done, error === undefined ? undefined : asError(error)))
  }

  /** Forgets what waits. */
  close(): void {
    this.#next = undefined
  }

  #end(done: (error?: Error) => void, error?: Error): void {
    this.#isTaken = false
    done(error)
    const next = this.#next
    this.#next = undefined
    next?.()
  }
}

/** A promise as what takes its time. */
export const promised =
  (promise: PromiseLike<unknown>): Later =>
  settled => {
    promise.then(
      () => settled(),
      error => settled(asError(error))
    )
  }

/** Anything may be thrown, undefined too, and that must not pass for nothing. */
const asError = (thrown: unknown): Error =>
  thrown instanceof Error ? thrown : new Error(thrown === undefined ? 'undefined was thrown' : String(thrown))
