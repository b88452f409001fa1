import { finished, pipeline } from 'node:stream/promises'
import { type Clock, systemClock } from './clock.ts'
import { Refused } from './errors.ts'
import { limitsWith } from './limits.ts'
import { handOver, hasBegun, type LiveReader } from './live/live-cursor.ts'
import type { LiveStream } from './live/live-stream.ts'
import type { MessageBatch } from './live/message-batch.ts'
import { checkTrackIds, type TrackChoice } from './media/choose-tracks.ts'
import type { Gap } from './media/keyframe-gate.ts'
import type { Repair } from './media/timestamp-mender.ts'
import type { Message } from './message/message.ts'
import { Route, type RouteOptions } from './route.ts'
import { FORWARDS_ALL } from './session/capabilities.ts'
import type { ClientSession, PlayOptions } from './session/client-session.ts'
import type { Playing } from './session/playing.ts'
import { readable, Splice } from './splice.ts'
import { type EmitterOf, type EventArguments, TypedEmitter, type WritableOf } from './stream/typed.ts'

/** `'waiting'` means that there is nothing to send yet. */
export type RelayState = 'waiting' | 'connecting' | 'live' | 'retrying' | 'refused' | 'ended'

/** Options of pushLive() and pullLive(). */
export interface RelayOptions extends RouteOptions {
  /** Milliseconds until the first retry: 1000. Each further delay doubles; a random half of it is waited at least. */
  retryMs?: number
  /** The longest delay in milliseconds: 30,000. */
  maxRetryMs?: number
  /** A source of random numbers from 0 to 1. */
  jitter?: () => number
}

/** Options of pushLive(). */
export interface PushOptions extends RelayOptions {
  /** Milliseconds that the destination may lag before it skips to the newest keyframe: 5000. */
  maxLagMs?: number
  /** Anything by which its application recognizes its reader in `live.readerStats()`. */
  label?: unknown
  /** The tracks that are published. By default all, if the server has stated that it knows Multitrack, and the primary ones if it has not. */
  tracks?: TrackChoice
}

/** Options of pullLive(). */
export interface PullOptions extends RelayOptions, PlayOptions {
  /**
   * Milliseconds for which a source that has ended is retried, because it may restart: 0; Infinity for no limit. A
   * source that announced a recording is not retried.
   */
  awayMs?: number
}

/** The argument of `'retrying'` and `'refused'`. */
export interface Retry {
  /** The error; undefined if the source ended normally. */
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
  /** It has followed its server's request to reconnect, and is live at this URL of an app. */
  moved: [url: string]
  /** It has not followed one, and stays where it is: the application declined, or the error says why. */
  stayed: [error: Error | undefined]
  /** Of pushLive() and recordings: it lagged, and left this out. */
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

/**
 * One attempt of a Relay. It reports its state by `is`, stops at the signal, and settles when its source has ended: with
 * true if the source does not restart. If it rejects, another attempt follows.
 */
export type Attempt = (signal: AbortSignal, is: (state: 'connecting' | 'live') => void) => Promise<boolean>

const RETRY_MS = 1000
const MAX_RETRY_MS = 30_000

/**
 * A transfer of a stream from one place to another, which reconnects with growing delays. Relays are independent of
 * each other; keep several in a list of your own. Made by pushLive(), pullLive(), record() and recordRolled(), or from an
 * attempt of your own, such as one that feeds a program.
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
    // the caller can add listeners first
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

/**
 * Publishes a live stream to another server, at the URL of a stream. It starts at a keyframe with sequence headers,
 * again after each retry. It connects when there is something to publish, and ends when the live stream ends.
 *
 * If the server asks to reconnect, it connects to the requested URL, and at the next keyframe ends the publish here and begins it there, with
 * no message lost or sent twice. It stays if that URL does not answer. Retries are made at the URL that it was moved to, and at
 * its own when that fails.
 * @throws TypeError for an invalid URL of a stream, RangeError for a time that is not greater than 0, or the id of a track that is none.
 */
export function pushLive(live: LiveStream, url: string, options: PushOptions = {}): Relay {
  const route = new Route(url, options)
  const { maxLagMs, label, tracks } = options
  if (tracks !== undefined && tracks !== 'all') checkTrackIds(tracks)
  positive('maxLagMs', maxLagMs)
  let isOver = false
  const join = () => {
    const player = live.player({ label, ...(maxLagMs !== undefined && { maxLagMs }) })
    return player.on('gap', gap => relay.emit('gap', gap))
  }
  const attempt: Attempt = async (signal, is) => {
    if (isOver) return true
    let player = join()
    const leave = () => player.destroy()
    signal.addEventListener('abort', leave, { once: true })
    try {
      await readable(player)
      if (signal.aborted) return true
      is('connecting')
      let session = await route.open(signal)
      let next = await publishOver(session, player, signal, () => is('live'))
      while (next !== undefined) {
        ;({ session, player } = next)
        next = await publishOver(session, player, signal, () => relay.emit('moved', route.at))
      }
      return true
    } finally {
      signal.removeEventListener('abort', leave)
      player.destroy()
    }
  }
  /** Publishes until the reader ends, or hands over to the one that it returns. */
  const publishOver = async (
    session: ClientSession,
    player: LiveReader<MessageBatch>,
    signal: AbortSignal,
    begun: () => void
  ) => {
    let next: { session: ClientSession; player: LiveReader<MessageBatch> } | undefined
    const unheed = route.heed(session, { signal, stayed, prepare: async session => session }, async ready => {
      next = { session: await ready, player: join() }
      handOver(player, next.player)
    })
    try {
      const publishing = await session.publish(route.name, tracks && { tracks })
      route.arrived()
      begun()
      await pipeline(player, publishing)
    } catch (error) {
      if (next === undefined) throw error
    } finally {
      unheed()
      await session.close()
    }
    if (next === undefined || hasBegun(next.player)) return next
    // the stream has ended first
    next.player.destroy()
    void next.session.close()
    return undefined
  }
  const relay = new Relay(attempt, options)
  const stayed = (error?: Error) => relay.emit('stayed', error)
  const over = () => {
    isOver = true
    if (relay.state !== 'live') relay.close()
  }
  live.once('over', over)
  relay.once('ended', () => live.off('over', over))
  return relay
}

/**
 * Plays a stream of another server, by its URL, into a live stream, as its publisher. Each retry continues on the same
 * timeline. It ends when the source ends and does not restart within `awayMs`. It reconnects to a source that is silent
 * for twice `limits.pingMs`, even if it answers pings; `limits.idleMs` sets another time.
 *
 * If the server asks to reconnect, it plays from the requested URL too, and changes over at a keyframe that both have: see pushLive.
 * @throws TypeError for an invalid URL of a stream, RangeError for a time out of range.
 */
export function pullLive(url: string, live: LiveStream, options: PullOptions = {}): Relay {
  const { awayMs = 0, clock = systemClock } = options
  // a silent source may be healthy, but reconnecting is cheap
  const { pingMs } = limitsWith(options.limits)
  const limits = { idleMs: 2 * pingMs, ...options.limits }
  const route = new Route(url, { ...options, limits, capabilities: { ...FORWARDS_ALL, ...options.capabilities } })
  const attempt: Attempt = async (signal, is) => {
    is('connecting')
    const session = await route.open(signal)
    try {
      const playing = await session.play(route.name, options)
      route.arrived()
      // many servers grant the play of a stream that is not published: the input is created with its first message,
      // because `live` may have ended by then; if `live` has another publisher, this pull is refused at that point
      const input = live.isPublished ? live.input() : undefined
      is('live')
      if (input === undefined) await readable(playing)
      const into = input ?? live.input()
      try {
        let at: Played | undefined = { session, playing }
        let isRecorded = false
        while (at !== undefined) {
          isRecorded = at.playing.isRecorded
          at = await playOver(at, into, signal)
        }
        return isRecorded
      } finally {
        into.destroy()
      }
    } finally {
      await session.close()
    }
  }
  /** Plays until the source ends, or the one that it returns takes its place. */
  const playOver = async ({ session, playing }: Played, into: WritableOf<Message>, signal: AbortSignal) => {
    const ended = finished(playing, { writable: false })
    const left = finished(into, { readable: false })
    for (const each of [ended, left]) each.catch(() => {})
    let unheed = () => {}
    try {
      while (true) {
        playing.pipe(into, { end: false })
        const asked = new Promise<{ ready: Promise<Played> }>(resolve => {
          unheed = route.heed(session, { signal, stayed, prepare: playOf }, async ready => resolve({ ready }))
        })
        const request = await Promise.race([asked, ended, left])
        if (request === undefined) {
          into.end()
          await left
          return undefined
        }
        playing.unpipe(into)
        const splice = new Splice(playing, into, clock)
        const next = await request.ready.catch(() => undefined)
        unheed()
        if (next === undefined) splice.stop()
        else {
          route.arrived()
          await splice.to(next.playing)
          relay.emit('moved', route.at)
          return next
        }
      }
    } finally {
      unheed()
      playing.destroy()
      await session.close()
    }
  }
  const playOf = async (session: ClientSession): Promise<Played> => {
    const playing = await session.play(route.name, options)
    // until it is read
    return { session, playing: playing.on('error', () => {}) }
  }
  if (!(awayMs >= 0)) throw new RangeError(`awayMs must be 0 or more, not ${awayMs}`)
  const relay = new Relay(attempt, options, awayMs)
  const stayed = (error?: Error) => relay.emit('stayed', error)
  return relay
}

/** A play of a relay, and its session. */
interface Played {
  readonly session: ClientSession
  readonly playing: Playing
}

/** Checks options now: an invalid one would be retried without end. */
export function positive(name: string, value: number | undefined): void {
  if (value !== undefined && !(value > 0)) throw new RangeError(`${name} must be a positive number, not ${value}`)
}
