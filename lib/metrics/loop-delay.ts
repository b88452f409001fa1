import { type IntervalHistogram, monitorEventLoopDelay } from 'node:perf_hooks'

/** How late timers ran since the last reading, in seconds. */
export interface LoopDelays {
  readonly mean: number
  readonly p99: number
  readonly max: number
}

/** Milliseconds between two looks. */
const LOOK_MS = 10

/** Measures how late the event loop runs its timers. Each reading starts the measurement again. */
export class LoopDelay {
  readonly #histogram: IntervalHistogram = monitorEventLoopDelay({ resolution: LOOK_MS })

  constructor() {
    this.#histogram.enable()
  }

  read(): LoopDelays {
    const { count, mean, max } = this.#histogram
    const p99 = this.#histogram.percentile(99)
    this.#histogram.reset()
    if (count === 0) return { mean: 0, p99: 0, max: 0 }
    return { mean: late(mean), p99: late(p99), max: late(max) }
  }

  stop(): void {
    this.#histogram.disable()
  }
}

/** The histogram holds what lies between two looks, in nanoseconds. */
const late = (nanoseconds: number): number => Math.max(0, nanoseconds / 1e9 - LOOK_MS / 1000)
