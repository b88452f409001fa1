import { type Clock, systemClock } from './clock.ts'
import { RtmpError } from './errors.ts'
import { type Limits, limitsWith } from './limits.ts'
import { callListeners, warnOfFailure } from './listeners.ts'
import type { BudgetHolder, MemoryBudget } from './memory-budget.ts'
import type { CloseReason } from './session/net-connection.ts'
import { type ServerSession, serverSession } from './session/server-session.ts'
import type { SessionStats } from './session/session-stats.ts'
import { loop } from './stream/loop.ts'
import { TypedEmitter } from './stream/typed.ts'
import type { CloseOptions, WireSource } from './transport/wire-server.ts'
import type { Wire, WireCounters } from './wire.ts'

/** Options of SessionHost. */
export interface SessionHostOptions {
  /** Limits of its sessions that differ from the defaults: see Limits. */
  limits?: Partial<Limits>
  /** The clock to use; the system's by default. */
  clock?: Clock
  /** A budget that bounds its sessions together with everything else that uses it. */
  budget?: MemoryBudget
}

/** Events of SessionHost. */
export interface SessionHostEvents {
  /** A session was created for a wire. */
  session: [session: ServerSession]
  /** A session, or a listener of the application to it, has failed. */
  sessionError: [error: NodeJS.ErrnoException, session: ServerSession]
}

/**
 * The result of `host.stats()`: current numbers, over all sessions. Those of bytes, messages, and started and ended
 * sessions are totals since the host was created.
 */
export interface SessionHostStats extends WireCounters {
  /** Current sessions. */
  readonly sessions: number
  /** Sessions that were started. */
  readonly begun: number
  /**
   * Sessions that have ended: by the peer (`left`), by this side (`closed`), and failed ones by the code of their error
   * (`ERR_RTMP_STALLED`, `ERR_RTMP_BUDGET`), or `other` for an error that is not an RtmpError.
   */
  readonly ended: Readonly<Record<string, number>>
  /** Message streams that publish. */
  readonly publishing: number
  /** Message streams that play. */
  readonly playing: number
  /** Number of items queued before the wires. */
  readonly waiting: number
  /** Dropped messages of media without a granted publish or play. */
  readonly strayMessages: number
  /** Dropped messages of types that no session uses, without a listener. */
  readonly unknownMessages: number
  /** Milliseconds since it was created. */
  readonly uptimeMs: number
}

/** The totals, which remain after their sessions have ended. */
const TOTALS = ['bytesIn', 'bytesOut', 'messagesIn', 'messagesOut', 'strayMessages', 'unknownMessages'] as const

/**
 * The sessions of a server, without a port: it receives wires from anywhere, and runs a session in each. `'session'` is
 * emitted with each ServerSession. An error in one session never affects another: `'sessionError'` reports it. Both
 * events are those of Server.
 *
 * @example
 * ```ts
 * const host = new SessionHost()
 * host.on('session', session => session.on('publish', publish => void publish.accept().resume()))
 * host.accept(messageWire(socket, { role: 'server' }), { peer: 'a pipe' })
 * ```
 */
export class SessionHost extends TypedEmitter<SessionHostEvents> {
  readonly #options: Pick<SessionHostOptions, 'limits' | 'clock'>
  readonly #clock: Clock
  readonly #budget: MemoryBudget | undefined
  readonly #sessions = new Set<ServerSession>()
  readonly #madeAt: number
  #begun = 0
  readonly #ended: Record<string, number> = { left: 0, closed: 0 }
  /** The totals of ended sessions. */
  readonly #totals = { bytesIn: 0, bytesOut: 0, messagesIn: 0, messagesOut: 0, strayMessages: 0, unknownMessages: 0 }
  #isClosed = false
  /** Ends the grace period of a closing host. */
  #stopGrace: (() => void) | undefined
  readonly #leaving: (() => void)[] = []

  /** @throws RangeError for a limit out of range, TypeError for an unknown limit. */
  constructor({ budget, limits, clock }: SessionHostOptions = {}) {
    super()
    limitsWith(limits)
    this.#options = { ...(limits && { limits }), ...(clock && { clock }) }
    this.#clock = clock ?? systemClock
    this.#madeAt = this.#clock.now()
    this.#budget = budget
  }

  /** The current sessions. */
  get sessions(): ReadonlySet<ServerSession> {
    return this.#sessions
  }

  /** The statistics of all sessions: see SessionHostStats. Those of one session are its own `stats()`. */
  stats(): SessionHostStats {
    const sum = { ...this.#totals, publishing: 0, playing: 0, waiting: 0 }
    for (const session of this.#sessions) {
      const stats = session.stats()
      addTotals(sum, stats)
      sum.publishing += stats.publishing
      sum.playing += stats.playing
      sum.waiting += stats.waiting
    }
    return {
      sessions: this.#sessions.size,
      begun: this.#begun,
      ended: { ...this.#ended },
      ...sum,
      uptimeMs: this.#clock.now() - this.#madeAt
    }
  }

  /**
   * Adds a wire, which this host ends from now on, and its origin. Returns its session, which `'session'` is emitted
   * with too. A closed host ends the session at once, without an event.
   */
  accept(wire: Wire, source: Partial<WireSource> = {}): ServerSession {
    const session = serverSession({ ...this.#options, ...source, id: ++this.#begun })
    this.#sessions.add(session)
    const holder = this.#budget && held(wire, session)
    if (holder) this.#budget?.add(holder)
    let told: unknown
    session.on('handlerError', error => {
      told = error
      if (session.listenerCount('handlerError') > 1) return
      if (!this.failed(error, session)) warnOfFailure(error)
    })
    loop(wire, session, () => {
      this.#sessions.delete(session)
      addTotals(this.#totals, session.stats())
      const how = howEnded(session.closeReason)
      this.#ended[how] = (this.#ended[how] ?? 0) + 1
      if (holder) this.#budget?.remove(holder)
      const { closeReason } = session
      if (closeReason instanceof Error && closeReason !== told) this.failed(closeReason, session)
      this.#left()
    })
    if (this.#isClosed) session.close()
    else this.begun(session)
    return session
  }

  /**
   * Closes the sessions after the grace period, and every later one at once. Settles when all are closed; another call
   * sets another grace period.
   */
  close({ graceMs = 0 }: CloseOptions = {}): Promise<void> {
    this.#stopGrace?.()
    if (graceMs > 0) this.#stopGrace = this.#clock.after(graceMs, () => this.#end())
    else this.#end()
    return new Promise(resolve => {
      this.#leaving.push(resolve)
      this.#left()
    })
  }

  /** As close(): `await using host = new SessionHost()`. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  /** Emits `'session'`. An exception or a rejection of a listener belongs to the session. */
  protected begun(session: ServerSession): void {
    callListeners(this.rawListeners('session'), this, [session], thrown => session.failedLate(thrown))
  }

  /** Emits `'sessionError'`; whether there is a listener. */
  protected failed(error: Error, session: ServerSession): boolean {
    return this.emit('sessionError', error, session)
  }

  /** Accepts sessions again, for a server that listens again. */
  protected open(): void {
    this.#isClosed = false
  }

  #end(): void {
    this.#isClosed = true
    for (const session of this.#sessions) session.close()
  }

  #left(): void {
    if (this.#leaving.length === 0 || this.#sessions.size > 0) return
    this.#stopGrace?.()
    this.#isClosed = true
    for (const resolve of this.#leaving.splice(0)) resolve()
  }
}

function addTotals(sum: Record<(typeof TOTALS)[number], number>, stats: SessionStats): void {
  for (const name of TOTALS) sum[name] += stats[name]
}

/** The code of an error of this library; there are few of them. */
const howEnded = (reason: CloseReason | undefined): string =>
  reason instanceof RtmpError ? reason.code : typeof reason === 'string' ? reason : 'other'

/** A session as a holder of memory. */
const held = (wire: Wire, session: ServerSession): BudgetHolder => ({
  get heldBytes() {
    return wire.heldBytes(session.waiting)
  },
  get isViewer() {
    return session.isPlaying
  },
  shed: error => session.destroy(error)
})
