import { type Clock, systemClock } from './clock.ts'
import { Refused } from './errors.ts'
import type { Gap } from './media/keyframe-gate.ts'
import type { Repair } from './media/timestamp-mender.ts'
import type { RouteOptions } from './route.ts'
import { type EmitterOf, type EventArguments, TypedEmitter } from './stream/typed.ts'

/** The state of a Relay. `'waiting'` means that there is nothing to send yet. */
export type RelayState = 'waiting' | 'connecting' | 'live' | 'retrying' | 'refused' | 'ended'

/** Options of pushLive() and pullLive(). */
export interface RelayOptions extends RouteOptions {
  /** Milliseconds until the first retry: 1000. Each further delay is twice as long. A random part of up to half of a delay is left out. */
  retryMs?: number
  /** The longest delay, in milliseconds: 30,000. */
  maxRetryMs?: number
  /** A source of random numbers from 0 to 1. */
  jitter?: () => number
}

/** The argument of `'retrying'` and `'refused'`. */
export interface Retry {
  /** The error; undefined if the source ended normally. */
  readonly error: NodeJS.ErrnoException | undefined
  /** Milliseconds until the next attempt. */
  readonly ms: number
}

/** Events of Relay: its states, and what happens while it is live. */
export interface RelayEvents {
  /** It is connecting to the other server, or opening a file. */
  connecting: []
  /** Media is transferred. */
  live: []
  /** An attempt has failed, or its source has ended, and another one follows. */
  retrying: [retry: Retry]
  /** The other server has refused. Another attempt follows. */
  refused: [retry: Retry]
  /** Its source has ended, or it was closed. */
  ended: []
  /** It has followed its server's request to reconnect, and is live at this URL of an app. */
  moved: [url: string]
  /** It has not followed such a request: the application declined, or the error says why. */
  stayed: [error: Error | undefined]
  /** Of pushLive() and recordings: it lagged, and skipped this part. */
  gap: [gap: Gap]
  /** Of recordings: timestamps were repaired. */
  repair: [repair: Repair]
  /** Of recordings: the first frame is in a file. */
  file: [file: RecordedFile]
  /** Of recordings: a file is complete, or an error has ended it. */
  recorded: [file: RecordedFile]
}

/** The argument of `'file'` and `'recorded'`. */
export interface RecordedFile {
  /** The path of the file. */
  readonly path: string
  /** The bytes written so far. */
  readonly byteLength: number
  /** The highest timestamp so far, in milliseconds. */
  readonly durationMs: number
}

/**
 * One attempt of a Relay. It reports its state by `is`, stops at the signal, and settles when its source has ended: with
 * true if the source does not restart. If it rejects, another attempt follows.
 */
export type Attempt = (signal: AbortSignal, is: (state: 'connecting' | 'live') => void) => Promise<boolean>

const RETRY_MS = 1000
const MAX_RETRY_MS = 30_000

/**
 * Transfers a stream from one place to another, and reconnects with growing delays. Relays are independent of each other; keep several in a
 * list of your own. pushLive(), pullLive(), record() and recordRolled() return one. It may also run an attempt of your own, such as one that
 * feeds a program.
 *
 * Its states are events, and `'ended'` is the last: see RelayEvents.
 */
export class Relay extends TypedEmitter<RelayEvents> {
  readonly #stop = new AbortController()
  readonly #clock: Clock
  #state: RelayState = 'waiting'

  /**
   * @param awayMs milliseconds for which a source that has ended, of an attempt that resolved with false, is tried again
   * @throws RangeError for a time that is not greater than 0.
   */
  constructor(attempt: Attempt, options: RelayOptions = {}, awayMs = 0) {
    super()
    const { signal, clock = systemClock, retryMs, maxRetryMs, timeoutMs } = options
    for (const [name, value] of Object.entries({ retryMs, maxRetryMs, timeoutMs })) positive(name, value)
    this.#clock = clock
    const close = () => this.close()
    signal?.addEventListener('abort', close, { once: true })
    this.once('ended', () => signal?.removeEventListener('abort', close))
    if (signal?.aborted) this.close()
    // later, so that the caller can add listeners first
    queueMicrotask(() => void this.#run(attempt, options, awayMs))
  }

  /** The current state; each change is an event of that name. */
  get state(): RelayState {
    return this.#state
  }

  /** Ends it and unpublishes; then `'ended'` is emitted. */
  close(): void {
    this.#stop.abort()
  }

  /** As close(): `using relay = pushLive(...)`. */
  [Symbol.dispose](): void {
    this.close()
  }

  async #run(attempt: Attempt, { retryMs = RETRY_MS, ...options }: RelayOptions, awayMs: number): Promise<void> {
    const { maxRetryMs = MAX_RETRY_MS, jitter = Math.random } = options
    const { signal } = this.#stop
    let nextMs = retryMs
    let endedAt: number | undefined
    while (!signal.aborted) {
      let liveAt: number | undefined
      let error: Error | undefined
      try {
        const isOver = await attempt(signal, state => {
          if (state === 'live') liveAt = this.#clock.now()
          this.#be(state)
        })
        if (isOver) break
        if (liveAt !== undefined || endedAt === undefined) endedAt = this.#clock.now()
      } catch (thrown) {
        error = thrown as Error
      }
      if (signal.aborted) break
      // a connection that was live for longer than the delay resets the delay
      if (liveAt !== undefined && this.#clock.now() - liveAt > nextMs) nextMs = retryMs
      const ms = Math.round(nextMs * (0.5 + 0.5 * jitter()))
      nextMs = Math.min(maxRetryMs, 2 * nextMs)
      if (endedAt !== undefined && this.#clock.now() + ms - endedAt > awayMs) break
      this.#be(error instanceof Refused ? 'refused' : 'retrying', { error, ms })
      await this.#sleep(ms)
    }
    this.#be('ended')
  }

  #be<State extends keyof RelayEvents & RelayState>(
    state: State,
    ...details: EventArguments<RelayEvents, State>
  ): void {
    if (this.#stop.signal.aborted && state !== 'ended') return
    this.#state = state
    ;(this as EmitterOf<RelayEvents>).emit(state, ...details)
  }

  #sleep(ms: number): Promise<void> {
    const { signal } = this.#stop
    return new Promise(resolve => {
      const stop = this.#clock.after(ms, () => {
        signal.removeEventListener('abort', abort)
        resolve()
      })
      const abort = () => {
        stop()
        resolve()
      }
      signal.addEventListener('abort', abort, { once: true })
    })
  }
}

/** Checks an option at once: an invalid one would be retried without end. */
export function positive(name: string, value: number | undefined): void {
  if (value !== undefined && !(value > 0)) throw new RangeError(`${name} must be a positive number, not ${value}`)
}
