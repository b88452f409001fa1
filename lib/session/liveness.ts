import type { Clock } from '../clock.ts'
import type { Limits } from '../limits.ts'
import type { LifeSigns } from '../wire.ts'

/**
 * What a peer is there to give: `'media'`, if it publishes here or plays to us; `'answers'` to pings and Acknowledgements, as far as it has
 * given any; the same as `'prompt answers'`, if we publish to it; `'nothing'`, if it is a player that has paused: VLC reads nothing then.
 */
export type Due = 'media' | 'answers' | 'prompt answers' | 'nothing'

/** How many times `pingMs` it may be silent. */
const intervals: Readonly<Record<Due, number>> = {
  media: 2,
  // VLC reads as its buffer empties, every 29 s at 27 kbit/s, and answers then
  answers: 2,
  // a server reads what comes when it comes, and until it is known to be gone live media is lost
  'prompt answers': 1,
  nothing: Number.POSITIVE_INFINITY
}

/** What a Liveness asks of its connection, and tells it. */
export interface Watched {
  signs(): LifeSigns
  due(): Due
  /** Sends a ping. */
  ask(): void
  /** The peer is gone. */
  gone(): void
}

/** A look that comes later than this, in milliseconds, says that the process has slept, and not the peer. */
const LATE_MS = 1000
/** The longest that a timer of Node waits. */
const LONGEST_MS = 2 ** 31 - 1

/**
 * When a silent peer is asked whether it is there, and when it is taken for gone.
 *
 * - One that is there to send media may be silent for two intervals of `pingMs`, as nginx-rtmp has it, and one that plays as well. One
 *   that we publish to may be for one. After half of that time it is asked by a ping.
 * - Who is not there to send media is only held to what it has shown: a peer that has never answered a ping nor kept acknowledging stays,
 *   for there are programs that never answer a server, and platforms that never answer an encoder. TCP keepalive and `stallMs` are for
 *   those.
 * - `idleMs` without a byte ends any.
 */
export class Liveness {
  readonly #clock: Clock
  readonly #pingMs: number
  readonly #idleMs: number
  readonly #peer: Watched
  #hasAnswered = false
  /** Silence is not counted from before. */
  #excusedAt: number
  #askedAt = Number.NEGATIVE_INFINITY
  #stopTimer: () => void

  /** Watches from now on. */
  constructor(clock: Clock, { pingMs, idleMs }: Pick<Limits, 'pingMs' | 'idleMs'>, peer: Watched) {
    this.#clock = clock
    this.#pingMs = pingMs
    this.#idleMs = idleMs
    this.#peer = peer
    this.#excusedAt = clock.now()
    this.#stopTimer = this.#lookIn(Math.min(pingMs / 2, idleMs))
  }

  /** The peer has answered a ping: from now on it is expected to. */
  answered(): void {
    this.#hasAnswered = true
  }

  /** Asks now, so that it is known early whether the peer answers. */
  ask(): void {
    this.#askedAt = this.#clock.now()
    this.#peer.ask()
  }

  stop(): void {
    this.#stopTimer()
  }

  #lookIn(ms: number): () => void {
    const waitMs = Math.min(ms, LONGEST_MS)
    const dueAt = this.#clock.now() + waitMs
    return this.#clock.after(waitMs, () => this.#look(dueAt))
  }

  #look(dueAt: number): void {
    const now = this.#clock.now()
    const { heardAt, isHeldBack, owesAcknowledgement } = this.#peer.signs()
    if (isHeldBack || now - dueAt > LATE_MS) this.#excusedAt = now
    const silentMs = now - Math.max(heardAt, this.#excusedAt)
    const due = this.#peer.due()
    const hasShown = this.#hasAnswered || owesAcknowledgement
    const patienceMs = intervals[due] * this.#pingMs
    if (silentMs >= this.#idleMs || (silentMs >= patienceMs && (due === 'media' || hasShown))) {
      this.#peer.gone()
      return
    }
    if (Math.min(silentMs, now - this.#askedAt) >= patienceMs / 2) this.ask()
    const stepMs = this.#pingMs / 2
    const nextMs = stepMs - (silentMs % stepMs)
    const idleLeftMs = this.#idleMs - silentMs
    this.#stopTimer = this.#lookIn(Math.min(nextMs, idleLeftMs))
  }
}
