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
  /** The limits of its sessions that differ from the defaults: see Limits. */
  limits?: Partial<Limits>
  /** The clock it measures time by: the system's. */
  clock?: Clock
  /** Bytes that its sessions may hold together with whatever else has the same budget. */
  budget?: MemoryBudget
}

/** Events of SessionHost. */
export interface SessionHostEvents {
  /** A wire has a session in it. */
  session: [session: ServerSession]
  /** A session has failed, or a listener of the application to it. */
  sessionError: [error: NodeJS.ErrnoException, session: ServerSession]
}

/**
 * What `host.stats()` gives: numbers of this moment, of all sessions together. Those of bytes, of messages and of sessions that began and
 * ended are totals since the host was made.
 */
export interface SessionHostStats extends WireCounters {
  /** Sessions there are. */
  readonly sessions: number
  /** Sessions that were begun. */
  readonly begun: number
  /**
   * Sessions that have ended, by how they did: those whose peer `left`, those that were `closed` here, and those that failed, by the code
   * of their error (`ERR_RTMP_STALLED`, `ERR_RTMP_BUDGET`), or `other` for one that is no RtmpError.
   */
  readonly ended: Readonly<Record<string, number>>
  /** Message streams on which something is published. */
  readonly publishing: number
  /** Message streams on which something is played. */
  readonly playing: number
  /** Items on their way to wires, that those have not taken yet. */
  readonly waiting: number
  /** Messages of media that were dropped: they came for no publish or play that was granted. */
  readonly strayMessages: number
  /** Messages that were dropped: sessions had no use for them, and no listener. */
  readonly unknownMessages: number
  /** Milliseconds since it was made. */
  readonly uptimeMs: number
}

/** The numbers of sessions that are totals, and remain when those have ended. */
const TOTALS = ['bytesIn', 'bytesOut', 'messagesIn', 'messagesOut', 'strayMessages', 'unknownMessages'] as const

/**
 * The sessions of a server, without a port: it is given wires from anywhere, and puts a session in each. `'session'` gives each
 * ServerSession. What goes wrong in one never leaves it: `'sessionError'` tells. Both are as those of Server.
 */
export class SessionHost extends TypedEmitter<SessionHostEvents> {
  readonly #options: Pick<SessionHostOptions, 'limits' | 'clock'>
  readonly #clock: Clock
  readonly #budget: MemoryBudget | undefined
  readonly #sessions = new Set<ServerSession>()
  readonly #madeAt: number
  #begun = 0
  readonly #ended: Record<string, number> = { left: 0, closed: 0 }
  /** Of the sessions that have ended. */
  readonly #totals = { bytesIn: 0, bytesOut: 0, messagesIn: 0, messagesOut: 0, strayMessages: 0, unknownMessages: 0 }
  #isClosed = false
  /** Ends the grace of a host that is closing. */
  #stopGrace: (() => void) | undefined
  readonly #leaving: (() => void)[] = []

  /** @throws RangeError for a limit out of range, TypeError for a name that is no limit. */
  constructor({ budget, limits, clock }: SessionHostOptions = {}) {
    super()
    limitsWith(limits)
    this.#options = { ...(limits && { limits }), ...(clock && { clock }) }
    this.#clock = clock ?? systemClock
    this.#madeAt = this.#clock.now()
    this.#budget = budget
  }

  /** The sessions there are. */
  get sessions(): ReadonlySet<ServerSession> {
    return this.#sessions
  }

  /** The numbers of all sessions together: see SessionHostStats. Those of one are its own `stats()`. */
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
   * Takes in a wire, whose end is then this host's to see to, and says where it came from. Gives its session, which `'session'` gives
   * too. A host that is closed ends the session at once, and tells nobody.
   */
  accept(wire: Wire, source: Partial<WireSource> = {}): ServerSession {
    const session = serverSession({ ...this.#options, ...source })
    this.#sessions.add(session)
    this.#begun++
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
   * Ends the sessions there are once their grace is over, and from then on each that comes. Settles when all have gone; called again, it
   * sets another grace.
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

  /** Tells that a session has begun. What a listener throws or rejects with is the session's. */
  protected begun(session: ServerSession): void {
    callListeners(this.rawListeners('session'), this, [session], thrown => session.failedLate(thrown))
  }

  /** Tells that a session has failed; whether anybody listens. */
  protected failed(error: Error, session: ServerSession): boolean {
    return this.emit('sessionError', error, session)
  }

  /** Takes sessions again, as a server does that listens anew. */
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

/** By a code of this library, and no other: there are not many of them. */
const howEnded = (reason: CloseReason | undefined): string =>
  reason instanceof RtmpError ? reason.code : typeof reason === 'string' ? reason : 'other'

/** What a budget sees of a session. */
const held = (wire: Wire, session: ServerSession): BudgetHolder => ({
  get heldBytes() {
    return wire.heldBytes(session.waiting)
  },
  get isViewer() {
    return session.isPlaying
  },
  shed: error => session.destroy(error)
})
