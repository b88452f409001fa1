import { pipeline } from 'node:stream/promises'
import { handOver, hasBegun, type LiveReader } from './live/live-cursor.ts'
import type { LiveStream } from './live/live-stream.ts'
import type { MessageBatch } from './live/message-batch.ts'
import { checkTrackIds, type TrackChoice } from './media/tracks/choose-tracks.ts'
import { type Attempt, positive, Relay, type RelayOptions } from './relay.ts'
import { Route } from './route.ts'
import type { ClientSession } from './session/client-session.ts'
import { readable } from './splice.ts'

/** Options of pushLive(). */
export interface PushOptions extends RelayOptions {
  /** Milliseconds that the destination may lag before it skips to the newest keyframe: 5000. */
  maxLagMs?: number
  /** Any value by which the application recognizes this reader in `live.readerStats()`. */
  label?: unknown
  /** The tracks that are published. By default all, if the server has stated that it knows Multitrack, and the primary ones if it has not. */
  tracks?: TrackChoice
}

/**
 * Publishes a live stream to another server, at the URL of a stream. It starts at a keyframe with sequence headers, also after each retry. It
 * connects when there is something to publish, and ends when the live stream ends.
 *
 * If the server asks to reconnect, it connects to the requested URL. At the next keyframe it ends the publish at the old server and begins it
 * at the new one, with no message lost or sent twice. It stays if that URL does not answer. A retry is made at the URL that it was moved to,
 * and then at its own.
 * @throws TypeError for an invalid URL of a stream, RangeError for a time that is not greater than 0, or an invalid track id.
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
  /** Publishes until the reader ends, or hands over to another one. Returns that one, with its session. */
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
    // the stream has ended before the keyframe at which to hand over
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
