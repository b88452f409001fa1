import { type Clock, systemClock } from './clock.ts'
import { RtmpError } from './errors.ts'

/** What counts towards a budget. */
export interface BudgetHolder {
  /** Bytes it holds at this moment. */
  readonly heldBytes: number
  /** Whether it is a viewer: viewers are ended first. */
  readonly isViewer?: boolean
  /** Ends it; what has no end is counted, and stays. */
  shed?(error: RtmpError): void
}

/** Options of MemoryBudget. */
export interface MemoryBudgetOptions {
  /** Milliseconds between two looks: 1000. What comes in meanwhile may exceed the budget. */
  lookMs?: number
  /** The clock it measures time by: the system's. */
  clock?: Clock
}

/** Looks do not keep a process alive. */
const quietClock: Clock = {
  ...systemClock,
  after(ms, run) {
    const timer = setTimeout(run, ms).unref()
    return () => clearTimeout(timer)
  }
}

/**
 * Bytes that all servers and live streams of a process may hold together: `createServer({ budget })`, `new LiveStream({ budget })`.
 * It counts what is held for peers: messages that are not whole yet, rings, and what waits for players that are slow. Nothing is
 * counted as messages pass: it looks every `lookMs`. When it finds more, it ends the newest players, and then the newest of all others,
 * with `ERR_RTMP_BUDGET`, until the rest fits; who holds nothing is spared, for its end would free nothing.
 */
export class MemoryBudget {
  /** Bytes that all may hold together. */
  readonly bytes: number
  readonly #lookMs: number
  readonly #clock: Clock
  /** The oldest first. */
  readonly #holders = new Set<BudgetHolder>()
  #stop: (() => void) | undefined

  /** @throws RangeError for what is no positive number. */
  constructor(bytes: number, { lookMs = 1000, clock = quietClock }: MemoryBudgetOptions = {}) {
    if (!(bytes > 0)) throw new RangeError(`bytes must be a positive number, not ${bytes}`)
    if (!(lookMs > 0)) throw new RangeError(`lookMs must be a positive number, not ${lookMs}`)
    this.bytes = bytes
    this.#lookMs = lookMs
    this.#clock = clock
  }

  /** Bytes that are held now. */
  get heldBytes(): number {
    let held = 0
    for (const holder of this.#holders) held += holder.heldBytes
    return held
  }

  /** Counts it from now on, as the newest; once it is in, again makes no difference. */
  add(holder: BudgetHolder): void {
    this.#holders.add(holder)
    this.#stop ??= this.#clock.after(this.#lookMs, () => this.#look())
  }

  /** Counts it no more. */
  remove(holder: BudgetHolder): void {
    this.#holders.delete(holder)
    if (this.#holders.size > 0) return
    this.#stop?.()
    this.#stop = undefined
  }

  #look(): void {
    let beyond = this.heldBytes - this.bytes
    if (beyond > 0) for (const isViewer of [true, false]) beyond -= this.#shed(beyond, isViewer)
    this.#stop = this.#holders.size > 0 ? this.#clock.after(this.#lookMs, () => this.#look()) : undefined
  }

  /** Ends viewers, or the others, until so much is free; what they held. */
  #shed(beyond: number, isViewer: boolean): number {
    let freed = 0
    for (const holder of [...this.#holders].reverse()) {
      if (freed >= beyond) break
      const { heldBytes } = holder
      if (holder.shed === undefined || (holder.isViewer ?? false) !== isViewer || heldBytes === 0) continue
      freed += heldBytes
      holder.shed(new RtmpError('ERR_RTMP_BUDGET'))
    }
    return freed
  }
}
