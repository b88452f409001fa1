/** Where time matters it is handed in, so that a test can be its own clock. */
export interface Clock {
  /** Milliseconds since some fixed moment, never going back. */
  now(): number
  /** Calls `run` once in `ms` milliseconds, unless the function it returns is called before. */
  after(ms: number, run: () => void): () => void
}

/** The clock of the process: `performance.now()` and `setTimeout`. */
export const systemClock: Clock = {
  now: () => performance.now(),
  after(ms, run) {
    const timer = setTimeout(run, ms)
    return () => clearTimeout(timer)
  }
}

/** What becomes of a Countdown when it is due. */
export interface CountdownEnd {
  /** The time is over. */
  expired(): void
  /** Whether the time has not counted so far: then it begins anew. */
  isExcused?(): boolean
}

/**
 * A time that may be put off a thousand times a second at no cost: there is one timer, and only when that is due is it seen how
 * much time is left.
 */
export class Countdown {
  readonly #clock: Clock
  readonly #ms: number
  readonly #end: CountdownEnd
  #since: number | undefined
  #stopTimer: (() => void) | undefined

  constructor(clock: Clock, ms: number, end: CountdownEnd) {
    this.#clock = clock
    this.#ms = ms
    this.#end = end
  }

  /** Whether it counts. */
  get isRunning(): boolean {
    return this.#since !== undefined
  }

  /** Counts from now on, and anew if it did already. */
  begin(): void {
    this.#since = this.#clock.now()
    this.#stopTimer ??= this.#clock.after(this.#ms, () => this.#look())
  }

  /** Does not count until it begins again; its timer is left to see that. */
  pause(): void {
    this.#since = undefined
  }

  /** Ends it, and its timer. */
  stop(): void {
    this.#since = undefined
    this.#stopTimer?.()
    this.#stopTimer = undefined
  }

  #look(): void {
    this.#stopTimer = undefined
    if (this.#since === undefined) return
    const now = this.#clock.now()
    if (this.#end.isExcused?.()) this.#since = now
    const left = this.#since + this.#ms - now
    if (left <= 0) this.#end.expired()
    else this.#stopTimer = this.#clock.after(left, () => this.#look())
  }
}
