import type { Clock } from '../clock.ts'
import type { Limits } from '../limits.ts'
import type { LifeSigns } from '../wire.ts'

/**
 * What is expected of a peer: `'media'` if it publishes, or is the source of a play; `'answers'` to pings and
 * Acknowledgements, if it has given any before; `'prompt answers'`, the same from the destination of a publish;
 * `'nothing'` from a player that has paused, because VLC reads nothing then.
 */
export type Due = 'media' | 'answers' | 'prompt answers' | 'nothing'

/** How many times `pingMs` a peer may be silent. */
const intervals: Readonly<Record<Due, number>> = {
  media: 2,
  // VLC reads when its buffer runs low, every 29 s at 27 kbit/s, and answers then
  answers: 2,
  // a server reads continuously, and live media is lost until the failure is noticed
  'prompt answers': 1,
  nothing: Number.POSITIVE_INFINITY
}

/** What Liveness needs from its connection. */
export interface Watched {
  signs(): LifeSigns
  due(): Due
  /** Sends a ping. */
  ask(): void
  /** The peer has timed out. */
  gone(): void
}

/**
 * A check that runs later than this, in milliseconds, means that the process was suspended, not that the peer is
 * silent.
 */
const LATE_MS = 1000
/** The longest timeout of a Node timer, in milliseconds. */
const LONGEST_MS = 2 ** 31 - 1

/**
 * Decides when a silent peer is pinged, and when it has timed out.
 *
 * - A peer that should send media may be silent for two intervals of `pingMs`, as in nginx-rtmp, and so may a player.
 *   The destination of a publish may be silent for one. A ping is sent after half of that time.
 * - A peer that need not send media times out only if it has answered a ping, or has acknowledged regularly, before:
 *   some programs never answer a server, and some platforms never answer an encoder. TCP keepalive and `stallMs` cover
 *   those.
 * - `idleMs` without a byte ends any connection.
 */
export class Liveness {
  readonly #clock: Clock
  readonly #pingMs: number
  readonly #idleMs: number
  readonly #peer: Watched
  #hasAnswered = false
  /** The start of the silence that counts. */
  #excusedAt: number
  #askedAt = Number.NEGATIVE_INFINITY
  #stopTimer: () => void

  /** Starts watching. */
  constructor(clock: Clock, { pingMs, idleMs }: Pick<Limits, 'pingMs' | 'idleMs'>, peer: Watched) {
    this.#clock = clock
    this.#pingMs = pingMs
    this.#idleMs = idleMs
    this.#peer = peer
    this.#excusedAt = clock.now()
    this.#stopTimer = this.#lookIn(Math.min(pingMs / 2, idleMs))
  }

  /** The peer has answered a ping: from now on it must. */
  answered(): void {
    this.#hasAnswered = true
  }

  /** Pings now, to learn early whether the peer answers. */
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
