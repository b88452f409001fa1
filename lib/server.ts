import { callListeners, warnOfFailure } from './listeners.ts'
import type { BudgetHolder, MemoryBudget } from './memory-budget.ts'
import { type ServerSession, serverSession } from './session/server-session.ts'
import { loop } from './stream/loop.ts'
import { WireServer, type WireServerOptions, type WireSource } from './transport/wire-server.ts'
import type { Wire } from './wire.ts'

/** Options of createServer(). */
export interface ServerOptions extends WireServerOptions {
  /** Bytes that this server may hold together with whatever else has the same budget. */
  budget?: MemoryBudget
}

/** Events of Server, beside those of a WireServer. */
export interface ServerEvents {
  /** A wire has a session in it. */
  session: [session: ServerSession]
  /** A session has failed, or a listener of the application to it; undefined where no session was begun. */
  sessionError: [error: NodeJS.ErrnoException, session: ServerSession | undefined]
}

/**
 * A server of RTMP sessions: a WireServer whose every wire has a session in it. `'session'` gives each ServerSession once its
 * handshake is over. What goes wrong in one never leaves it: `'sessionError'` tells (see ServerEvents). A peer that leaves, in
 * whatever way, is no error: see `session.closeReason`. A listener of yours that throws or rejects, that of `'session'` too, is told
 * here, unless the session has a listener for `'handlerError'`; where neither is listened to, the process is warned, with the stack,
 * once for each place.
 */
export class Server extends WireServer<ServerEvents> {
  readonly #options: WireServerOptions
  readonly #budget: MemoryBudget | undefined
  readonly #sessions = new Set<ServerSession>()
  readonly #sessionOf = new WeakMap<Wire, ServerSession>()

  constructor({ budget, ...options }: ServerOptions = {}) {
    super(options)
    this.#options = options
    this.#budget = budget
    this.on('wireError', error => this.emit('sessionError', error, undefined))
    this.on('wire', (wire, source) => this.#serve(wire, source))
  }

  /** The sessions there are. */
  get sessions(): ReadonlySet<ServerSession> {
    return this.#sessions
  }

  protected override endWire(wire: Wire): void {
    this.#sessionOf.get(wire)?.close()
  }

  #serve(wire: Wire, source: WireSource): void {
    const session = serverSession({ ...this.#options, ...source })
    this.#sessions.add(session)
    this.#sessionOf.set(wire, session)
    const holder = this.#budget && held(wire, session)
    if (holder) this.#budget?.add(holder)
    let told: unknown
    session.on('handlerError', error => {
      told = error
      if (session.listenerCount('handlerError') > 1) return
      if (!this.emit('sessionError', error, session)) warnOfFailure(error)
    })
    loop(wire, session, () => {
      this.#sessions.delete(session)
      if (holder) this.#budget?.remove(holder)
      const { closeReason } = session
      if (closeReason instanceof Error && closeReason !== told) this.emit('sessionError', closeReason, session)
    })
    callListeners(this.rawListeners('session'), this, [session], thrown => session.failedLate(thrown))
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

/** `createServer(session => ...)`, `createServer(options, session => ...)`: see Server. */
export function createServer(onSession?: (session: ServerSession) => void): Server
export function createServer(options: ServerOptions, onSession?: (session: ServerSession) => void): Server
export function createServer(
  given: ServerOptions | ((session: ServerSession) => void) = {},
  onSession?: (session: ServerSession) => void
): Server {
  const [options, listener] = typeof given === 'function' ? [{}, given] : [given, onSession]
  const server = new Server(options)
  if (listener !== undefined) server.on('session', listener)
  return server
}
