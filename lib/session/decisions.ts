import { requestEnd, requestStart } from '../channels.ts'
import type { Clock } from '../clock.ts'
import { asError, hasLeft, Refused } from '../errors.ts'
import { callListeners, warnOnce } from '../listeners.ts'
import { NetConnection } from './net-connection.ts'
import type { Request } from './request.ts'

/** The requests, and the status that refuses each if there is no listener or the listener fails. */
const refusals = {
  connect: 'NetConnection.Connect.Rejected',
  publish: 'NetStream.Publish.Denied',
  play: 'NetStream.Play.Failed'
} as const

/** The session that the requests come to. */
interface Asked {
  rawListeners(event: keyof typeof refusals): ReturnType<NodeJS.EventEmitter['rawListeners']>
  /** A listener has failed in time: the request is refused. */
  tellFailure(failure: Error): void
  /** A listener has failed after the acceptance was sent. */
  failedLate(thrown: unknown): void
}

/** The decisions that an application takes, each within its time. Errors of the application stop here. */
export class Decisions {
  readonly #session: Asked
  readonly #clock: Clock
  readonly #decisionMs: number
  readonly #open = new Set<Request>()

  constructor(session: Asked, clock: Clock, decisionMs: number) {
    this.#session = session
    this.#clock = clock
    this.#decisionMs = decisionMs
  }

  /** Calls the listeners of the application, and waits until one has decided or the time is over. */
  async ask(event: keyof typeof refusals, request: Request): Promise<void> {
    if (requestStart.hasSubscribers) requestStart.publish(this.#message(event, request))
    const refuse = (why: string) => request.refuse(new Refused(refusals[event], why))
    request.failed = thrown => this.#failed(thrown, event, request)
    this.#open.add(request)
    const stopTimer = this.#clock.after(this.#decisionMs, () => {
      const limit = `limits.decisionMs (${this.#decisionMs} ms)`
      warnOnce(`'${event}' refused: the application did not accept or reject it within ${limit}`)
      refuse('authorization timed out')
    })
    const listeners = this.#session.rawListeners(event)
    if (listeners.length === 0 && event !== 'connect') {
      warnOnce(`'${event}' refused: the session has no listener for it`)
      refuse(`${event} is not supported by this server`)
    }
    callListeners(listeners, this.#session, [request], request.failed)
    await request.decided
    this.#open.delete(request)
    stopTimer()
    if (requestEnd.hasSubscribers) requestEnd.publish({ ...this.#message(event, request), outcome: request.outcome })
  }

  #message(kind: keyof typeof refusals, request: Request): object {
    return { kind, request, session: this.#session instanceof NetConnection ? this.#session : undefined }
  }

  /** The peer has disconnected: nothing more is to be decided. */
  abandon(): void {
    for (const request of this.#open) request.abandon()
  }

  /** A listener of a request, or of the session that was given it, has failed. */
  #failed(thrown: unknown, event: keyof typeof refusals, request: Request): void {
    if (request.isOver && isForGood(thrown)) return
    const refusal = thrown instanceof Refused ? thrown : new Refused(refusals[event], 'internal server error')
    const isInTime = request.refuse(refusal)
    if (!isInTime) this.#session.failedLate(thrown)
    else if (!(thrown instanceof Refused)) this.#session.tellFailure(asError(thrown))
  }
}

/** Not an error after the peer has disconnected: work for it fails then, and a refusal comes too late. */
export const isForGood = (thrown: unknown): boolean => hasLeft(thrown) || thrown instanceof Refused
