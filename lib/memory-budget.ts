import { type Clock, systemClock } from './clock.ts'
import { RtmpError } from './errors.ts'

/** An object whose memory counts towards a budget. */
export interface BudgetHolder {
  /** Bytes it holds now. */
  readonly heldBytes: number
  /** Whether it is a player: players are disconnected first. */
  readonly isViewer?: boolean
  /** Disconnects it. An object without this method is counted and stays. */
  shed?(error: RtmpError): void
}

/** Options of MemoryBudget. */
export interface MemoryBudgetOptions {
  /** Milliseconds between two checks: 1000. Data received in between may exceed the budget. */
  lookMs?: number
  /** The clock to use; the system's by default. */
  clock?: Clock
}

/** A clock whose timers do not keep a process alive. */
const quietClock: Clock = {
  ...systemClock,
  after(ms, run) {
    const timer = setTimeout(run, ms).unref()
    return () => clearTimeout(timer)
  }
}

/**
 * A bound on the bytes that all servers and live streams of a process hold: `createServer({ budget })`,
 * `new LiveStream({ budget })`. It counts unfinished messages, rings, and data queued for slow players. Nothing is
 * counted per message: it checks every `lookMs`. If the budget is exceeded, the newest players are disconnected with
 * `ERR_RTMP_BUDGET`, then the newest of the other peers, until the rest fits. A peer that holds nothing stays, because
 * disconnecting it would free nothing.
 */
export class MemoryBudget {
  /** The budget in bytes. */
  readonly bytes: number
  readonly #lookMs: number
  readonly #clock: Clock
  /** Holders, the oldest first. */
  readonly #holders = new Set<BudgetHolder>()
  #stop: (() => void) | undefined

  /** @throws RangeError for a number that is not positive. */
  constructor(bytes: number, { lookMs = 1000, clock = quietClock }: MemoryBudgetOptions = {}) {
    if (!(bytes > 0)) throw new RangeError(`bytes must be a positive number, not ${bytes}`)
    if (!(lookMs > 0)) throw new RangeError(`lookMs must be a positive number, not ${lookMs}`)
    this.bytes = bytes
    this.#lookMs = lookMs
    this.#clock = clock
  }

  /** Bytes held now. */
  get heldBytes(): number {
    let held = 0
    for (const holder of this.#holders) held += holder.heldBytes
    return held
  }

  /** Adds a holder, as the newest; adding it again changes nothing. */
  add(holder: BudgetHolder): void {
    this.#holders.add(holder)
    this.#stop ??= this.#clock.after(this.#lookMs, () => this.#look())
  }

  /** Removes a holder. */
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

  /** Disconnects players, or the others, until this much is free; returns the bytes they held. */
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
