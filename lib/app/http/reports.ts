import { createRequire } from 'node:module'
import type {
  PublisherReport,
  ReaderReport,
  RecordingReport,
  RelayReport,
  ServerReport,
  SessionReport,
  StreamReport
} from '../../api/index.ts'
import {
  HttpPlay,
  type LiveReaderStats,
  type LiveStream,
  type LiveStreams,
  type Server,
  ServerSession
} from '../../index.ts'
import type { Recordings } from '../recordings.ts'
import type { Relays } from '../relays.ts'
import { Running } from '../running.ts'

/** What the reports are about. */
export interface Subjects {
  readonly server: Server
  /** The label of a reader is who reads: a ServerSession, a HttpPlay, or a Running of these tables. */
  readonly lives: LiveStreams
  readonly recordings: Recordings
  readonly relays: Relays
  /** Where the server listens. */
  urls(): readonly string[]
  /** Whether a publisher must send a key. */
  needsKey(): boolean
  readonly wsFlv: boolean
}

const { version } = createRequire(import.meta.url)('../../../../package.json') as { version: string }

/** Readers of one stream in a list of streams, which is sent each second. */
const MAX_READERS = 100

/** The reports of the API. It keeps no lists: each report is made from the current state. */
export class Reports {
  readonly #subjects: Subjects
  /** Viewers over HTTP have no number of their own. */
  readonly #viewers = new WeakMap<HttpPlay, string>()
  #numbered = 0

  constructor(subjects: Subjects) {
    this.#subjects = subjects
  }

  server(canWrite: boolean): ServerReport {
    const { server, recordings, needsKey, wsFlv, urls } = this.#subjects
    const { sessions, bytesIn, bytesOut, uptimeMs } = server.stats()
    return {
      version,
      uptimeMs: Math.round(uptimeMs),
      urls: urls(),
      needsKey: needsKey(),
      canRecord: recordings.isPossible,
      canWrite,
      wsFlv,
      sessions: sessions + this.#views().length,
      bytesIn,
      bytesOut
    }
  }

  streams(): StreamReport[] {
    const publishers = this.#publishers()
    return [...this.#subjects.lives].map(([path, live]) => {
      const report = this.#stream(path, live, publishers.get(path))
      if (report.readerCount <= MAX_READERS) return report
      const readers = report.readers.toSorted((one, other) => other.lagMs - one.lagMs).slice(0, MAX_READERS)
      return { ...report, readers }
    })
  }

  /** Undefined for a path that is not in the table. */
  stream(path: string): StreamReport | undefined {
    const live = this.#subjects.lives.find(path)
    return live && this.#stream(path, live, this.#publishers().get(path))
  }

  sessions(): SessionReport[] {
    return [
      ...[...this.#subjects.server.sessions].map(session => sessionReport(session)),
      ...this.#views().map(({ play, reader }) => this.#viewer(play, reader))
    ]
  }

  /** Ends a session; false if there is none with this id. */
  closeSession(id: string): boolean {
    for (const session of this.#subjects.server.sessions) {
      if (`${session.id}` !== id) continue
      session.close()
      return true
    }
    const view = this.#views().find(({ play }) => this.#idOf(play) === id)
    view?.play.request.socket.destroy()
    return view !== undefined
  }

  recordings(): RecordingReport[] {
    return [...this.#subjects.recordings].map(recordingReport)
  }

  relays(): RelayReport[] {
    return [...this.#subjects.relays].map(relayReport)
  }

  #publishers(): Map<string, PublisherReport> {
    const publishers = new Map<string, PublisherReport>()
    for (const session of this.#subjects.server.sessions) {
      const { id, peer, scheme } = session
      for (const { path } of session.publishing) {
        publishers.set(path, { session: `${id}`, peer, scheme, agent: agentOf(session) })
      }
    }
    return publishers
  }

  #stream(path: string, live: LiveStream, publisher: PublisherReport | undefined): StreamReport {
    const { publishers, readers: readerCount, uptimeMs, publishedMs, ...stats } = live.stats()
    return {
      path,
      isPublished: publishers > 0,
      publisher: publisher ?? null,
      publishedMs: Math.round(publishedMs),
      uptimeMs: Math.round(uptimeMs),
      ...stats,
      readers: live.readerStats().map(reader => this.#reader(reader)),
      readerCount
    }
  }

  #reader({ id, label, maxLagMs, sinceMs, ...stats }: LiveReaderStats): ReaderReport {
    return {
      id: `${id}`,
      ...this.#whoIs(label),
      ...stats,
      maxLagMs: Number.isFinite(maxLagMs) ? maxLagMs : null,
      sinceMs: Math.round(sinceMs)
    }
  }

  #whoIs(label: unknown): Pick<ReaderReport, 'kind' | 'owner' | 'to'> {
    if (label instanceof ServerSession) return { kind: 'rtmp', owner: `${label.id}`, to: label.peer }
    if (label instanceof HttpPlay) return { kind: label.kind, owner: this.#idOf(label), to: label.peer }
    if (label instanceof Running) return { kind: label.kind, owner: label.id, to: label.to ?? '' }
    return { kind: 'other', owner: null, to: '' }
  }

  /** The viewers over HTTP, with their readers. */
  #views(): { play: HttpPlay; reader: LiveReaderStats }[] {
    const readers = [...this.#subjects.lives].flatMap(([, live]) => live.readerStats())
    return readers.flatMap(reader => (reader.label instanceof HttpPlay ? { play: reader.label, reader } : []))
  }

  #idOf(play: HttpPlay): string {
    const id = this.#viewers.get(play) ?? `http-${++this.#numbered}`
    this.#viewers.set(play, id)
    return id
  }

  #viewer(play: HttpPlay, { messagesOut, sinceMs }: LiveReaderStats): SessionReport {
    const { kind, request, peer, app, path } = play
    return {
      id: this.#idOf(play),
      kind,
      scheme: kind === 'ws-flv' ? 'ws' : 'http',
      peer,
      app,
      agent: request.headers['user-agent'] ?? null,
      publishing: [],
      playing: [path],
      bytesIn: request.socket.bytesRead,
      bytesOut: request.socket.bytesWritten,
      messagesIn: 0,
      messagesOut,
      waiting: 0,
      uptimeMs: Math.round(sinceMs)
    }
  }
}

export function recordingReport({ id, path, relay, to, error, sinceMs }: Running): RecordingReport {
  return { id, path, state: relay.state, file: to ?? null, error: error ?? null, sinceMs: Math.round(sinceMs) }
}

export function relayReport({ id, path, relay, to = '', error, sinceMs }: Running): RelayReport {
  return { id, path, to, state: relay.state, error: error ?? null, sinceMs: Math.round(sinceMs) }
}

function sessionReport(session: ServerSession): SessionReport {
  const { id, scheme, peer, connection, publishing, playing } = session
  const { bytesIn, bytesOut, messagesIn, messagesOut, waiting, uptimeMs } = session.stats()
  return {
    id: `${id}`,
    kind: 'rtmp',
    scheme,
    peer,
    app: connection?.app ?? '',
    agent: agentOf(session),
    publishing: publishing.map(({ path }) => path),
    playing: playing.map(({ path }) => path),
    bytesIn,
    bytesOut,
    messagesIn,
    messagesOut,
    waiting,
    uptimeMs: Math.round(uptimeMs)
  }
}

const MAX_AGENT = 256

/** A peer may call itself anything. */
function agentOf({ connection }: ServerSession): string | null {
  const agent = connection?.info.flashVer
  return typeof agent === 'string' ? agent.slice(0, MAX_AGENT) : null
}
