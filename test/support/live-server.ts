import type net from 'node:net'
import { pipeline } from 'node:stream'
import {
  createServer,
  type LiveStream,
  type LiveStreamOptions,
  LiveStreams,
  type Message,
  type Server,
  type ServerOptions,
  type ServerSession
} from 'rtmpipe'

type Scope = { teardown(end: () => unknown): unknown }

/** No program of a test is ended because its machine is busy. */
const patience = { handshakeMs: 600_000, connectMs: 600_000, decisionMs: 600_000, stallMs: 600_000 }

/** A live server in this process, as a user writes one; gone with the test. */
export class LiveServer {
  readonly server: Server
  readonly #lives: LiveStreams
  readonly #waiters: { event: string; count: number; go: () => void }[] = []
  readonly #events: string[] = []

  /** `prepare` is given each session first. */
  constructor(
    t: Scope,
    {
      live = {},
      prepare = () => {},
      ...options
    }: ServerOptions & { live?: LiveStreamOptions; prepare?: (session: ServerSession) => void } = {}
  ) {
    this.#lives = new LiveStreams(live)
    this.server = createServer({ ...options, limits: { ...patience, ...options.limits } }, session => {
      prepare(session)
      session.on('publish', publish => {
        pipeline(publish.accept(), this.at(publish.path).input(), () => this.#tell(`unpublish ${publish.path}`))
        this.#tell(`publish ${publish.path}?${publish.query}`)
      })
      session.on('play', play => {
        pipeline(this.at(play.path).player(), play.accept(), () => this.#tell(`stop ${play.path}`))
        this.#tell(`play ${play.path}`)
      })
    })
    this.server.on('sessionError', (error: NodeJS.ErrnoException) => this.#tell(`error ${error.code}`))
    t.teardown(async () => {
      for (const [, live] of this.#lives) live.end()
      if (this.server.listening) await new Promise(resolve => this.server.close(resolve))
    })
  }

  async listen(): Promise<string> {
    await new Promise<void>(resolve => this.server.listen(0, '127.0.0.1', resolve))
    return `rtmp://127.0.0.1:${(this.server.address() as net.AddressInfo).port}`
  }

  at(path: string): LiveStream {
    return this.#lives.get(path)
  }

  /** Everything that is published at a path, until it ends. */
  received(path: string): Promise<Message[]> {
    return this.at(path).subscribe({ wait: true, tracks: 'all' }).toArray()
  }

  /** Settles when so many messages have been published at a path. */
  async has(path: string, count: number): Promise<void> {
    const messages = this.at(path).subscribe()
    let got = 0
    for await (const _ of messages) if (++got === count) return
  }

  get events(): readonly string[] {
    return this.#events
  }

  /** Settles when this has happened so many times. */
  happens(event: string, count = 1): Promise<void> {
    return new Promise(go => {
      this.#waiters.push({ event, count, go })
      this.#look()
    })
  }

  #tell(event: string): void {
    this.#events.push(event)
    this.#look()
  }

  #look(): void {
    for (const { event, count, go } of this.#waiters) {
      if (this.#events.filter(each => each === event || each.startsWith(event)).length >= count) go()
    }
  }
}
