import { pipeline } from 'node:stream'
import {
  type Connect,
  createServer,
  HttpPlay,
  type LiveStreamOptions,
  LiveStreams,
  type Play,
  type Publish,
  type ServerSession
} from '../index.ts'
import { clip, loop } from './demo.ts'
import { prepareFolder } from './disk.ts'
import { type DoorOptions, doorsWith, type OpenDoors, openDoors } from './doors.ts'
import { drain } from './drain.ts'
import { type FileLadder, laddersFor } from './go-live.ts'
import { type HookOptions, Hooks, MAX_HOOK_MS } from './hooks.ts'
import { ApiEvents } from './http/api-events.ts'
import { openSite, type SiteOptions } from './http/site.ts'
import type { Log } from './log.ts'
import { bringsKey, type PublishKey } from './publish-key.ts'
import { type RecordingOptions, Recordings } from './recordings.ts'
import { Relays } from './relays.ts'
import { rtwsHandler } from './rtws.ts'
import { type StandingRelay, StandingRelays } from './standing-relays.ts'

export interface ServeOptions
  extends Pick<LiveStreamOptions, 'mergeMs' | 'holdMs' | 'mend'>,
    RecordingOptions,
    DoorOptions,
    HookOptions,
    SiteOptions {
  /** Serve HTTP: true. */
  http?: boolean
  /** The key a publisher must send as `?key=` after its app or its stream name, literally or escaped. */
  publishKey?: string | undefined
  /** Further keys. */
  publishKeys?: readonly PublishKey[]
  /** Relays that begin with their streams. */
  relays?: readonly StandingRelay[]
  /** Refuse to play a stream that is not published, instead of waiting. */
  refuseMissing?: boolean
  /** Let any new publisher replace the current one. Without it only the same encoder does. */
  takeover?: boolean
  /** Milliseconds without a byte after which a peer is disconnected. */
  idleMs?: number
  /** The server that clients are asked to reconnect to when this one stops: see drain(). */
  drainTo?: string | undefined
  /** Publish a clip as `live/demo`. */
  demo?: boolean
  /** What is offered to encoders that ask for a go-live configuration. */
  goLive?: FileLadder | undefined
}

export interface Serving extends Omit<OpenDoors, 'reload'> {
  /** The URL of the page; undefined without HTTP. */
  readonly site: string | undefined
  /**
   * Applies these of other options, without disconnecting anybody: the files of the certificate, recording, keys, hooks,
   * relays, `idleMs`, `refuseMissing`, `takeover`. Throws, and changes nothing, if the folder of recordings cannot be used.
   */
  reload(options: ServeOptions): Promise<void>
  /**
   * Asks clients to reconnect, if `drainTo` is given. Then ends streams and recordings, and gives players a moment to receive
   * the last frames. Settles when all sessions are closed and all files are written.
   */
  stop(): Promise<void>
}

/** Milliseconds between two lines on the clock of one stream. */
const TELL_MS = 1000
const DEMO = 'live/demo'
/** Milliseconds that players have to receive the last messages when the server ends. */
const GRACE_MS = 2000

/** A live server, with recording if `record` is given. */
export async function serve(options: ServeOptions, logged: Log): Promise<Serving> {
  const events = new ApiEvents()
  const log = events.heard(logged)
  const { record, mergeMs = 'frame', holdMs, mend = true, demo = false, http = true } = options
  let current = options
  if (record !== undefined) await prepareFolder(record)
  const lives = new LiveStreams({ mergeMs, mend, ...(holdMs !== undefined && { holdMs }) })
  tellRepairs(lives, log)
  const recordings = new Recordings(options, log)
  const relays = new Relays(log)
  const standing = new StandingRelays(lives, relays)
  standing.wanted = options.relays ?? []
  const hooks = new Hooks(options, log)
  const publishers = new Map<string, Publisher>()

  let isEnding = false

  // each session reads them when it begins; hooks have a time of their own
  const limits = { decisionMs: MAX_HOOK_MS + GRACE_MS, idleMs: options.idleMs ?? Number.POSITIVE_INFINITY }
  const upgrade =
    options.rtws && (await rtwsHandler((wire, source) => server.host.accept(wire, source), options.httpOrigin))
  const server = createServer({ ...(await doorsWith(options)), ...(upgrade && { upgrade }), limits }, session => {
    session.on('publish', publish => (isEnding ? publish.reject() : hearPublish(publish, session)))
    session.on('play', play => (isEnding ? play.reject() : hearPlay(play, session)))
  })
  server.on('sessionError', (error, session) => {
    log('error', { peer: session?.peer, message: error.message })
  })

  async function hearPublish(publish: Publish, session: ServerSession): Promise<void> {
    const { peer, connection } = session
    const keys = keysOf(current)
    if (keys.length > 0 && !admits(publish, connection!, keys)) {
      log('denied', { path: publish.path, from: peer })
      publish.reject('NetStream.Publish.Denied', 'wrong key')
      return
    }
    const allowed = await hooks.ask(publish, session)
    if (allowed === undefined) return
    if (allowed.name !== undefined) publish.rename(allowed.name)
    const { path } = publish
    const messages = publish.accept()
    const publisher = { peer, encoder: encoderOf(peer, publish) }
    const previous = publishers.get(path)
    const input = await lives.publish(path, { takeover: current.takeover || isSameEncoder(previous, publisher) })
    publishers.set(path, publisher)
    log('publish', { path, from: peer, 'in place of': previous?.peer })
    recordings.record(path, lives.get(path))
    const push = allowed.pushTo === undefined ? undefined : relays.start(path, lives.get(path), allowed.pushTo)
    pipeline(messages, input, () => {
      if (publishers.get(path) === publisher) publishers.delete(path)
      log('unpublish', { path, from: peer })
      push?.relay.close()
      allowed.over()
    })
  }

  async function hearPlay(play: Play | HttpPlay, from: ServerSession | HttpPlay): Promise<void> {
    const { peer } = from
    const allowed = await hooks.ask(play, from)
    if (allowed === undefined) return
    const path = allowed.name === undefined ? play.path : [play.app, allowed.name].filter(Boolean).join('/')
    // HTTP has a status for a stream that does not exist
    const missing = current.refuseMissing || play instanceof HttpPlay ? 'refuse' : 'wait'
    const player = await lives.play(path, { missing, label: from }).catch(error => {
      log('not found', { path, for: peer })
      throw error
    })
    player.on('gap', ({ ms }) => log('gap', { path, for: peer, ms }))
    log(lives.find(path)?.isPublished ? 'play' : 'wait', { path, for: peer })
    // like a pipeline, with 7 KB less per player: there may be thousands
    const out = player.pipe(play.accept())
    out
      .on('error', () => {})
      .once('close', () => {
        log('stop', { path, for: peer })
        allowed.over()
      })
  }

  const subjects = {
    server,
    lives,
    recordings,
    relays,
    urls: () => doors.urls,
    needsKey: () => keysOf(current).length > 0
  }
  const hearViewer = (play: HttpPlay) => (isEnding ? play.reject() : hearPlay(play, play))
  const ladders = options.goLive && laddersFor(options.goLive, subjects.urls, () => keysOf(current), log)
  const web = http ? await openSite(options, { limits, ladders }, subjects, hearViewer, events, log) : undefined
  const doors = await openDoors(server, options, log, web?.urls)
  if (demo) loop(clip, await lives.publish(DEMO)).catch(() => {})
  return {
    ...doors,
    site: web?.urls[0],
    async reload(next) {
      if (next.record !== undefined && next.record !== current.record) await prepareFolder(next.record)
      current = next
      limits.idleMs = next.idleMs ?? Number.POSITIVE_INFINITY
      hooks.options = next
      recordings.options = next
      for (const [path, live] of lives) if (live.isPublished) recordings.record(path, live)
      standing.wanted = next.relays ?? []
      doors.reload(next.tls)
    },
    async stop() {
      isEnding = true
      if (current.drainTo !== undefined) await drain(server, current.drainTo, log)
      events.close()
      const closed = new Promise(resolve => server.once('close', resolve))
      server.close({ graceMs: GRACE_MS })
      for (const session of server.sessions) if (!session.isPlaying) session.close()
      const left = server.host.close({ graceMs: GRACE_MS })
      await Promise.all([closed, left, web?.close(GRACE_MS), recordings.ended(), relays.stop(GRACE_MS), lives.close()])
      // RTMFP still has to close its sessions: the kernel does not do that for a process that exits
      await server[Symbol.asyncDispose]()
      await hooks.told(GRACE_MS)
    }
  }
}

/** Logs the jumps of a publisher's clock, at most one per second and stream. A change of the publisher is not logged. */
function tellRepairs(lives: LiveStreams, log: Log): void {
  const toldAt = new Map<string, number>()
  lives.on('repair', (path, { kind, track, from, to }) => {
    const now = performance.now()
    if (kind === 'source' || now - (toldAt.get(path) ?? Number.NEGATIVE_INFINITY) < TELL_MS) return
    toldAt.set(path, now)
    log('timestamps', { path, message: `repaired: ${track} jumped from ${from} to ${to}` })
  })
  lives.on('remove', path => toldAt.delete(path))
}

const keysOf = ({ publishKey: key, publishKeys = [] }: ServeOptions): readonly PublishKey[] =>
  key === undefined ? publishKeys : [{ key }, ...publishKeys]

/**
 * Whether a publisher sends one of the keys. FFmpeg sends `live/film?key=a/b` as the app `live/film?key=a` and the name
 * `b`.
 */
function admits(publish: Publish, connect: Connect, keys: readonly PublishKey[]): boolean {
  const those = (path: string) => keys.filter(key => key.path === undefined || key.path === path)
  const isKey = those(publish.path).some(({ key }) => bringsKey(publish.rawQuery, key))
  const isCut = those(publish.app).some(({ key }) => bringsKey(`${connect.rawQuery}/${publish.name}`, key))
  if (isCut && !isKey) publish.rename('')
  return isKey || isCut
}

/** The publisher of a stream. */
interface Publisher {
  readonly peer: string
  /** Its address without the port, and its query with the key; empty if the address is unknown. */
  readonly encoder: string
}

const encoderOf = (peer: string, { rawQuery }: Publish): string => peer && `${peer.replace(/:\d+$/, '')}?${rawQuery}`

/** An encoder whose connection was lost reconnects while the server still holds the old one. */
const isSameEncoder = (one: Publisher | undefined, other: Publisher): boolean =>
  other.encoder !== '' && one?.encoder === other.encoder
