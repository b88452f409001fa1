/** The clock that code receives wherever time matters, so that a test can use its own. */
export interface Clock {
  /** Milliseconds since a fixed moment, monotonic. */
  now(): number
  /** Calls `run` once after `ms` milliseconds, unless the returned function is called before. */
  after(ms: number, run: () => void): () => void
}

/**
 * The clock of the process: `performance.now()` and `setTimeout`.
 *
 * @example
 * ```ts
 * const stop = systemClock.after(1000, () => console.log('a second later'))
 * stop()
 * ```
 */
export const systemClock: Clock = {
  now: () => performance.now(),
  after(ms, run) {
    const timer = setTimeout(run, ms)
    return () => clearTimeout(timer)
  }
}

/** The callbacks of a Countdown. */
export interface CountdownEnd {
  /** The time has elapsed. */
  expired(): void
  /** Whether the time has not counted so far: then it restarts. */
  isExcused?(): boolean
}

/**
 * A timeout that can be postponed a thousand times per second at no cost: there is one timer, and the time left is
 * checked only when it fires.
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

  /** Whether it is running. */
  get isRunning(): boolean {
    return this.#since !== undefined
  }

  /** Starts or restarts it. */
  begin(): void {
    this.#since = this.#clock.now()
    this.#stopTimer ??= this.#clock.after(this.#ms, () => this.#look())
  }

  /** Pauses it until the next start; the timer fires and checks this. */
  pause(): void {
    this.#since = undefined
  }

  /** Stops it and its timer. */
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
