import { callListeners } from './listeners.ts'
import type { MemoryBudget } from './memory-budget.ts'
import type { ServerSession } from './session/server-session.ts'
import { SessionHost, type SessionHostOptions, type SessionHostStats } from './session-host.ts'
import {
  type CloseOptions,
  type RtmfpServerOptions,
  WireServer,
  type WireServerOptions,
  type WireSource
} from './transport/wire-server.ts'

/** Options of createServer(). */
export interface ServerOptions extends Omit<WireServerOptions, 'rtmfp'> {
  /** Whether RTMFP is accepted, on the UDP port of the same number, or with these options. */
  rtmfp?: boolean | RtmfpServerOptions<ServerSession>
  /** A budget that bounds this server together with everything else that uses it. */
  budget?: MemoryBudget
}

/** Events of Server, beside those of a WireServer. */
export interface ServerEvents {
  /** A wire has a session in it. */
  session: [session: ServerSession]
  /** A session has failed, or a listener of the application to it; undefined if there was no session yet. */
  sessionError: [error: NodeJS.ErrnoException, session: ServerSession | undefined]
}

/**
 * A server of RTMP sessions: a SessionHost with a port, which is a WireServer. `'session'` is emitted with each
 * ServerSession after its handshake. An error in one session never affects another: `'sessionError'` reports it (see
 * ServerEvents). A peer that disconnects is not an error: see `session.closeReason`. An exception or a rejection of
 * your own listener, that of `'session'` included, is reported here, unless the session has a listener for
 * `'handlerError'`. Without either listener the process emits a warning with the stack, once per place.
 */
export class Server extends WireServer<ServerEvents> {
  /** The host of its sessions, which also accepts wires from elsewhere: `server.host.accept(wire)`. It is closed with the server. */
  readonly host: SessionHost

  /** @throws as WireServer. */
  constructor({ budget, rtmfp = false, ...options }: ServerOptions = {}) {
    const sessions = new WeakMap<WireSource, ServerSession>()
    super({ ...options, rtmfp: typeof rtmfp === 'object' ? ofSources(rtmfp, source => sessions.get(source)) : rtmfp })
    const { limits, clock } = options
    const host = new PortHost(this, {
      ...(limits && { limits }),
      ...(clock && { clock }),
      ...(budget && { budget })
    })
    this.host = host
    this.on('listening', () => host.open())
    this.on('wireError', error => this.emit('sessionError', error, undefined))
    this.on('wire', (wire, source) => sessions.set(source, this.host.accept(wire, source)))
  }

  /** The current sessions. */
  get sessions(): ReadonlySet<ServerSession> {
    return this.host.sessions
  }

  /** The numbers of all sessions together: see SessionHostStats. */
  stats(): SessionHostStats {
    return this.host.stats()
  }

  /** Stops accepting connections, and ends the current sessions after the grace period; then `'close'` is emitted. */
  override close(how?: CloseOptions | ((error?: Error) => void)): this {
    super.close(how)
    // sessions from elsewhere have the grace period too, but no connection here
    void this.host.close(typeof how === 'object' ? how : {})
    return this
  }

  /** As close(), and settles when it is closed: `await using server = ...`. */
  override async [Symbol.asyncDispose](): Promise<void> {
    await super[Symbol.asyncDispose]()
    await this.host.close()
  }

  protected override endWires(): Promise<void> {
    return this.host.close()
  }
}

/** The options for a WireServer: a client whose session is not connected is not introduced, and nobody is introduced to it. */
function ofSources(
  { introduces, ...options }: RtmfpServerOptions<ServerSession>,
  sessionOf: (source: WireSource) => ServerSession | undefined
): RtmfpServerOptions {
  if (introduces === undefined) return options
  const decide = (one: WireSource | undefined, other: WireSource) => {
    const [asker, asked] = [one && sessionOf(one), sessionOf(other)]
    const isAsker = one === undefined || asker?.connection !== undefined
    return isAsker && asked?.connection !== undefined && introduces(asker, asked)
  }
  return { ...options, introduces: decide }
}

/** A host that also emits its events on its server. */
class PortHost extends SessionHost {
  readonly #server: Server

  constructor(server: Server, options: SessionHostOptions) {
    super(options)
    this.#server = server
  }

  override open(): void {
    super.open()
  }

  protected override begun(session: ServerSession): void {
    super.begun(session)
    const listeners = this.#server.rawListeners('session')
    callListeners(listeners, this.#server, [session], thrown => session.failedLate(thrown))
  }

  protected override failed(error: Error, session: ServerSession): boolean {
    const isHeard = super.failed(error, session)
    return this.#server.emit('sessionError', error, session) || isHeard
  }
}

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
