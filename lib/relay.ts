import { pipeline } from 'node:stream/promises'
import { type ConnectOptions, connect } from './client.ts'
import { type Clock, systemClock } from './clock.ts'
import { Refused } from './errors.ts'
import { limitsWith } from './limits.ts'
import type { LiveStream } from './live/live-stream.ts'
import type { Gap } from './media/keyframe-gate.ts'
import type { Repair } from './media/timestamp-mender.ts'
import type { ClientSession, PlayOptions } from './session/client-session.ts'
import { type EmitterOf, type EventArguments, type ReadableOf, TypedEmitter } from './stream/typed.ts'
import { readRtmpUrl, splitStreamUrl } from './transport/rtmp-url.ts'

/** `'waiting'` while there is nothing to send yet. */
export type RelayState = 'waiting' | 'connecting' | 'live' | 'retrying' | 'refused' | 'ended'

/** Options of push() and pull(). */
export interface RelayOptions extends ConnectOptions {
  /** Milliseconds until the first retry: 1000. Each one waits twice as long as the last, and of that a random half at least. */
  retryMs?: number
  /** Milliseconds that a retry waits at most: 30,000. */
  maxRetryMs?: number
  /** Where the randomness comes from, 0 to 1. */
  jitter?: () => number
}

/** Options of push(). */
export interface PushOptions extends RelayOptions {
  /** Milliseconds that the destination may lag behind before it jumps to the newest keyframe: 5000. */
  maxLagMs?: number
}

/** Options of pull(). */
export interface PullOptions extends RelayOptions, PlayOptions {
  /**
   * Milliseconds for which a source that has ended is asked again, for it may begin anew: 0; Infinity for ever. A source that says it
   * is a recording is over when it has ended.
   */
  awayMs?: number
}

/** What `'retrying'` and `'refused'` tell. */
export interface Retry {
  /** Why; undefined where the source has ended cleanly. */
  readonly error: NodeJS.ErrnoException | undefined
  /** Milliseconds until the next attempt. */
  readonly ms: number
}

/** Events of Relay: its states, and what it tells while it is live. */
export interface RelayEvents {
  /** It connects to the other server, or opens a file. */
  connecting: []
  /** Media is on its way. */
  live: []
  /** An attempt has failed, or its source has ended, and another one follows. */
  retrying: [retry: Retry]
  /** The other server has refused. It is tried again all the same. */
  refused: [retry: Retry]
  /** Its source is over, or it was closed. */
  ended: []
  /** Of push() and recordings: it lagged, and left this out. */
  gap: [gap: Gap]
  /** Of recordings: timestamps were mended. */
  repair: [repair: Repair]
  /** Of recordings: the first frame is in a file. */
  file: [file: RecordedFile]
  /** Of recordings: a file is whole, or an error has ended it. */
  recorded: [file: RecordedFile]
}

/** What the events `'file'` and `'recorded'` of a recording tell. */
export interface RecordedFile {
  /** Where it lies. */
  readonly path: string
  /** Bytes in it by now. */
  readonly byteLength: number
  /** Milliseconds: its highest timestamp by now. */
  readonly durationMs: number
}

/** One attempt: it says how far it is, and settles when its source has ended: with true if that does not begin anew. */
export type Attempt = (signal: AbortSignal, is: (state: 'connecting' | 'live') => void) => Promise<boolean>

const RETRY_MS = 1000
const MAX_RETRY_MS = 30_000

/**
 * A stream on its way from one place to another, for as long as it takes: what fails is tried again, with waits that grow. It depends
 * on nobody and nobody on it; whoever has several keeps them in a list of his own. Made by push(), pull(), record() and recordRolled().
 *
 * Its states are events, `'ended'` the last of them: see RelayEvents.
 */
export class Relay extends TypedEmitter<RelayEvents> {
  readonly #stop = new AbortController()
  readonly #clock: Clock
  #state: RelayState = 'waiting'

  constructor(attempt: Attempt, options: RelayOptions, awayMs = 0) {
    super()
    const { signal, clock = systemClock, retryMs, maxRetryMs, timeoutMs } = options
    for (const [name, value] of Object.entries({ retryMs, maxRetryMs, timeoutMs })) positive(name, value)
    this.#clock = clock
    const close = () => this.close()
    signal?.addEventListener('abort', close, { once: true })
    this.once('ended', () => signal?.removeEventListener('abort', close))
    if (signal?.aborted) this.close()
    // whoever made it may listen first
    queueMicrotask(() => void this.#run(attempt, options, awayMs))
  }

  /** The state it is in; each change is an event of that name. */
  get state(): RelayState {
    return this.#state
  }

  /** Ends it; what it publishes is unpublished, and then comes `'ended'`. */
  close(): void {
    this.#stop.abort()
  }

  /** As close(): `using relay = push(...)`. */
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
      // what was live for longer than it would wait has earned a short wait
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

/**
 * Publishes a live stream at another server, by the URL of a stream. It begins at a keyframe with headers, and so it does again after
 * each retry. It connects once there is something to publish, and ends when that is over.
 * @throws TypeError for what is no URL of a stream, RangeError for a time that is not above 0.
 */
export function push(live: LiveStream, url: string, options: PushOptions = {}): Relay {
  const { url: app, name } = splitStreamUrl(url)
  readRtmpUrl(app)
  positive('maxLagMs', options.maxLagMs)
  let isOver = false
  const attempt: Attempt = async (signal, is) => {
    if (isOver) return true
    const player = live.player(options.maxLagMs === undefined ? {} : { maxLagMs: options.maxLagMs })
    player.on('gap', gap => relay.emit('gap', gap))
    const leave = () => player.destroy()
    signal.addEventListener('abort', leave, { once: true })
    try {
      await readable(player)
      if (signal.aborted) return true
      is('connecting')
      await connected(app, options, signal, async session => {
        const publishing = await session.publish(name)
        is('live')
        await pipeline(player, publishing)
      })
      return true
    } finally {
      signal.removeEventListener('abort', leave)
      player.destroy()
    }
  }
  const relay = new Relay(attempt, options)
  const over = () => {
    isOver = true
    if (relay.state !== 'live') relay.close()
  }
  live.once('over', over)
  relay.once('ended', () => live.off('over', over))
  return relay
}

/**
 * Plays a stream of another server, by its URL, into a live stream, as its publisher. Each retry goes on where the last attempt
 * was, on one timeline. It ends when the source says that it is over and does not begin anew within `awayMs`. A source that is silent for twice
 * `limits.pingMs` is connected to anew, whatever it answers otherwise; `limits.idleMs` is another time for that.
 * @throws TypeError for what is no URL of a stream, RangeError for a time that is out of range.
 */
export function pull(url: string, live: LiveStream, options: PullOptions = {}): Relay {
  const { awayMs = 0 } = options
  const { url: app, name } = splitStreamUrl(url)
  readRtmpUrl(app)
  // a source may be silent and well, but to connect anew costs it nothing
  const { pingMs } = limitsWith(options.limits)
  const bounded = { ...options, limits: { idleMs: 2 * pingMs, ...options.limits } }
  const attempt: Attempt = async (signal, is) => {
    let isOver = false
    is('connecting')
    await connected(app, bounded, signal, async session => {
      const playing = await session.play(name, options)
      // many servers grant the play of a stream that nobody publishes yet: the input is made with its first message, so that `live`
      // is over meanwhile. Where `live` has another publisher this pull is refused now.
      const input = live.isPublished ? live.input() : undefined
      is('live')
      if (input === undefined) await readable(playing)
      await pipeline(playing, input ?? live.input())
      isOver = playing.isRecorded
    })
    return isOver
  }
  if (!(awayMs >= 0)) throw new RangeError(`awayMs must be 0 or more, not ${awayMs}`)
  return new Relay(attempt, options, awayMs)
}

/** Settles once there is something to read, or will never be. */
function readable(messages: ReadableOf<unknown>): Promise<void> {
  return new Promise(resolve => {
    const settle = () => {
      for (const event of EVENTS) messages.off(event, settle)
      resolve()
    }
    for (const event of EVENTS) messages.on(event, settle)
  })
}

const EVENTS = ['readable', 'end', 'close', 'error'] as const

/** What is wrong in itself would be tried again without end. */
export function positive(name: string, value: number | undefined): void {
  if (value !== undefined && !(value > 0)) throw new RangeError(`${name} must be a positive number, not ${value}`)
}

/** Does something with a session, which is closed behind it, or at the signal: once it is connected it says goodbye. */
async function connected(
  app: string,
  options: ConnectOptions,
  signal: AbortSignal,
  use: (session: ClientSession) => Promise<void>
): Promise<void> {
  const dialing = new AbortController()
  let session: ClientSession | undefined
  const abort = () => (session === undefined ? dialing.abort() : void session.close())
  signal.addEventListener('abort', abort, { once: true })
  try {
    session = await connect(app, { ...options, signal: dialing.signal })
    await use(session)
  } finally {
    signal.removeEventListener('abort', abort)
    await session?.close()
  }
}
