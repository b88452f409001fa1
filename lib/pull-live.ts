import { finished } from 'node:stream/promises'
import { systemClock } from './clock.ts'
import { limitsWith } from './limits.ts'
import type { LiveStream } from './live/live-stream.ts'
import type { Message } from './message/message.ts'
import { type Attempt, Relay, type RelayOptions } from './relay.ts'
import { Route } from './route.ts'
import { FORWARDS_ALL } from './session/capabilities.ts'
import type { ClientSession, PlayOptions } from './session/client-session.ts'
import type { Playing } from './session/playing.ts'
import { readable, Splice } from './splice.ts'
import type { WritableOf } from './stream/typed.ts'

/** Options of pullLive(). */
export interface PullOptions extends RelayOptions, PlayOptions {
  /**
   * Milliseconds for which a source that has ended is retried, because it may restart: 0; Infinity for no limit. A
   * source that announced a recording is not retried.
   */
  awayMs?: number
}

/** A play, and its session. */
interface Played {
  readonly session: ClientSession
  readonly playing: Playing
}

/**
 * Plays a stream of another server, by its URL, into a live stream, as its publisher. Each retry continues on the same
 * timeline. It ends when the source ends and does not restart within `awayMs`. It reconnects to a source that is silent
 * for twice `limits.pingMs`, even if it answers pings; `limits.idleMs` sets another time.
 *
 * If the server asks to reconnect, it also plays from the requested URL, and switches to it at a keyframe that both have: see pushLive.
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
  /** Plays until the source ends, or another one takes its place. Returns that one. */
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
    // an error is reported once it is read
    return { session, playing: playing.on('error', () => {}) }
  }
  if (!(awayMs >= 0)) throw new RangeError(`awayMs must be 0 or more, not ${awayMs}`)
  const relay = new Relay(attempt, options, awayMs)
  const stayed = (error?: Error) => relay.emit('stayed', error)
  return relay
}
