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
      let at = Number.POSITIVE_INFINITY
      for (const entry of this.#due) at = Math.min(at, entry.at)
      if (at > until) break
      this.#now = at
      for (const entry of [...this.#due]) if (entry.at === at && this.#due.delete(entry)) entry.run()
    }
    this.#now = until
  }
}
