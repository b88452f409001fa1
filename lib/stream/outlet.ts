import type { Readable } from 'node:stream'
import { gather, handOver } from './direct.ts'

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
  readonly #to: Readable
  readonly #full: () => void
  #source: Iterator<Out> | undefined
  #done: ((error?: unknown) => void) | undefined
  /** Whether `resume` is at work, and was asked for again meanwhile: a reader may read within our push. */
  #drawing = false
  #asked = false

  /** Pushes into `to`; `full` is told when that wants no more. */
  constructor(to: Readable, full: () => void = () => {}) {
    this.#to = to
    this.#full = full
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
    while (this.#asked && this.#source !== undefined) this.#drawRun(this.#source)
    this.#drawing = false
  }

  /** Draws until the source is at its end or the reader has had enough. */
  #drawRun(source: Iterator<Out>): void {
    const gathers = gather(this.#to)
    let end: { error?: unknown } | undefined
    while (end === undefined && this.#asked && this.#source === source) end = this.#drawOne(source)
    if (gathers) {
      this.#asked = false
      if (handOver(this.#to)) this.#asked = true
      else this.#full()
    }
    if (end !== undefined) this.#finish(end.error)
  }

  /** Draws one and pushes it; tells when there is none, and the error if that is why. */
  #drawOne(source: Iterator<Out>): { error?: unknown } | undefined {
    let next: IteratorResult<Out>
    try {
      next = source.next()
    } catch (error) {
      return { error }
    }
    if (next.done) return {}
    this.#asked = false
    if (this.#to.push(next.value)) this.#asked = true
    else this.#full()
    return undefined
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
