/** Where time matters it is handed in, so that a test can be its own clock. */
export interface Clock {
  /** Milliseconds since some fixed moment, never going back. */
  now(): number
  /** Calls `run` once in `ms` milliseconds, unless the function it returns is called before. */
  after(ms: number, run: () => void): () => void
}

export const systemClock: Clock = {
  now: () => performance.now(),
  after(ms, run) {
    const timer = setTimeout(run, ms)
    return () => clearTimeout(timer)
  }
}
