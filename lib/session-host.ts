import { type Clock, systemClock } from './clock.ts'
import { type Limits, limitsWith } from './limits.ts'
import { callListeners, warnOfFailure } from './listeners.ts'
import type { BudgetHolder, MemoryBudget } from './memory-budget.ts'
import { type ServerSession, serverSession } from './session/server-session.ts'
import { loop } from './stream/loop.ts'
import { TypedEmitter } from './stream/typed.ts'
import type { CloseOptions, WireSource } from './transport/wire-server.ts'
import type { Wire } from './wire.ts'

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
 * The sessions of a server, without a port: it is given wires from anywhere, and puts a session in each. `'session'` gives each
 * ServerSession. What goes wrong in one never leaves it: `'sessionError'` tells. Both are as those of Server.
 */
export class SessionHost extends TypedEmitter<SessionHostEvents> {
  readonly #options: Pick<SessionHostOptions, 'limits' | 'clock'>
  readonly #clock: Clock
  readonly #budget: MemoryBudget | undefined
  readonly #sessions = new Set<ServerSession>()
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
    this.#budget = budget
  }

  /** The sessions there are. */
  get sessions(): ReadonlySet<ServerSession> {
    return this.#sessions
  }

  /**
   * Takes in a wire, whose end is then this host's to see to, and says where it came from. Gives its session, which `'session'` gives
   * too. A host that is closed ends the session at once, and tells nobody.
   */
  accept(wire: Wire, source: Partial<WireSource> = {}): ServerSession {
    const session = serverSession({ ...this.#options, ...source })
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
