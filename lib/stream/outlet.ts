/**
 * What a stage makes of one item: nothing to wait for (the boolean is what `push` said, and nobody asks), a promise to wait
 * for, or a source of output that can be stopped.
 */
export type Turned<Out> = void | boolean | Promise<unknown> | Iterable<Out>

/**
 * Draws output from an iterable at the pace of whoever reads: it stops as soon as `push` says false, and goes on when asked.
 * So 64 KB of one-byte chunks do not become 65,000 objects at once.
 */
export class Outlet<Out> {
  readonly #push: (item: Out) => boolean
  #source: Iterator<Out> | undefined
  #done: ((error?: unknown) => void) | undefined
  /** Whether `resume` is at work, and was asked for again meanwhile: a reader may read within our push. */
  #drawing = false
  #asked = false

  constructor(push: (item: Out) => boolean) {
    this.#push = push
  }

  /** Whether there is output that waits to be drawn. */
  get waits(): boolean {
    return this.#source !== undefined
  }

  /** Draws all of `items`, now or later, and then calls `done`, with the error if the source throws. */
  draw(items: Iterable<Out>, done: (error?: unknown) => void): void {
    this.#source = items[Symbol.iterator]()
    this.#done = done
    this.resume()
  }

  resume(): void {
    this.#asked = true
    if (this.#drawing) return
    this.#drawing = true
    while (this.#asked && this.#source !== undefined) this.#next(this.#source)
    this.#drawing = false
  }

  #next(source: Iterator<Out>): void {
    let next: IteratorResult<Out>
    try {
      next = source.next()
    } catch (error) {
      this.#finish(error)
      return
    }
    if (next.done) {
      this.#finish()
      return
    }
    this.#asked = false
    if (this.#push(next.value)) this.#asked = true
  }

  /** Lets the source go. */
  close(): void {
    this.#source?.return?.()
    this.#source = undefined
    this.#done = undefined
  }

  #finish(error?: unknown): void {
    const done = this.#done
    this.#source = undefined
    this.#done = undefined
    done?.(error)
  }
}
