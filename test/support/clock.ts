import type { Clock } from 'rtmpipe'

/** A clock that stands still until it is told to go on. */
export class TestClock implements Clock {
  #now = 0
  readonly #due = new Set<{ at: number; run: () => void }>()

  now(): number {
    return this.#now
  }

  after(ms: number, run: () => void): () => void {
    const entry = { at: this.#now + ms, run }
    this.#due.add(entry)
    return () => this.#due.delete(entry)
  }

  /** How many timers run. */
  get timers(): number {
    return this.#due.size
  }

  /** Goes on by `ms`, and calls what falls due on the way, in order. */
  pass(ms: number): void {
    const until = this.#now + ms
    for (;;) {
      const [next] = [...this.#due].filter(({ at }) => at <= until).sort((a, b) => a.at - b.at)
      if (next === undefined) break
      this.#now = next.at
      this.#due.delete(next)
      next.run()
    }
    this.#now = until
  }
}
