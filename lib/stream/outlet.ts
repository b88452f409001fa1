import type { Readable } from 'node:stream'

/**
 * What `turn` returns: nothing (or the boolean that `push` returned, which is ignored), a promise that the next item waits for, or an
 * iterable of output that is drawn with backpressure.
 */
export type Turned<Out> = void | boolean | Promise<unknown> | Iterable<Out>

/**
 * Draws items from an iterable and pushes them, with backpressure: it stops as soon as `push` returns false, and continues when the
 * reader asks for more. So 64 KB of one-byte chunks do not become 65,000 objects at once.
 */
export class Outlet<Out> {
  readonly #to: Readable
  readonly #done: (error?: unknown) => void
  readonly #full: () => void
  #source: Iterator<Out> | undefined
  /** Whether `draw` is running, and whether more is wanted: a reader may read within our push. */
  #isDrawing = false
  #isWanted = false

  /** Pushes into `to`. `done` is called when `resume` has drawn the last item, or with the error; `full` when the reader wants no more. */
  constructor(to: Readable, done: (error?: unknown) => void, full: () => void = () => {}) {
    this.#to = to
    this.#done = done
    this.#full = full
  }

  /** Whether there are items to be drawn. */
  get waits(): boolean {
    return this.#source !== undefined
  }

  /**
   * Draws items until the reader wants no more. True if all were drawn; else `resume` draws the rest.
   * @throws what the iterable throws.
   */
  draw(items?: Iterable<Out>): boolean {
    if (items !== undefined) this.#source = items[Symbol.iterator]()
    const source = this.#source
    this.#isDrawing = true
    this.#isWanted = true
    let isOver = true
    try {
      while (this.#isWanted && this.#source === source && source !== undefined) {
        const next = source.next()
        if (next.done) return true
        this.#isWanted = false
        if (this.#to.push(next.value)) this.#isWanted = true
        else this.#full()
      }
      isOver = false
      return false
    } finally {
      this.#isDrawing = false
      if (isOver) this.#source = undefined
    }
  }

  /** The reader wants more. */
  resume(): void {
    this.#isWanted = true
    if (this.#isDrawing || this.#source === undefined) return
    let isOver: boolean
    try {
      isOver = this.draw()
    } catch (error) {
      this.#done(error)
      return
    }
    if (isOver) this.#done()
  }

  /** Stops, and closes the iterable. */
  close(): void {
    this.#source?.return?.()
    this.#source = undefined
  }
}
