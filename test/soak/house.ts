import { once } from 'node:events'
import net from 'node:net'
import { pipeline, Writable } from 'node:stream'
import { setImmediate as turnOfTheLoop } from 'node:timers/promises'
import {
  type ClientSession,
  connect,
  createServer,
  createWireServer,
  dial,
  FlvReader,
  flvEncoder,
  isVideo,
  type LiveStream,
  LiveStreams,
  type Message,
  type Publishing,
  proxy,
  type Server,
  type WireServer
} from 'rtmpipe'
import { TestClock } from '../support/clock.ts'
import { publishing as asksToPublish, chunks } from '../support/hostile.ts'
import { metadata, video } from '../support/media.ts'

const FRAME_MS = 40
const FRAME_BYTES = 2000
const WITNESS = 'witness'
/** No peer is asked or missed: the clock goes over weeks at a time, in which nobody has said anything. */
const limits = { pingMs: Number.POSITIVE_INFINITY }

/** One that stays, and writes down when each frame was. */
interface Witness {
  readonly name: string
  readonly got: number[]
}

/**
 * A server, a proxy ahead of it, a publisher that stays, and its three readers: a player, one through the proxy, and a recorder. All
 * on one clock, which `step` drives.
 */
export class House {
  readonly clock: TestClock = new TestClock()
  readonly wrong: string[] = []
  /** How many have come and gone. */
  came = 0
  readonly #server: Server
  readonly #proxy: WireServer
  readonly #lives: LiveStreams
  readonly #stay: ClientSession[] = []
  readonly #witnesses: Witness[] = []
  #publishing!: Publishing
  #sent: number[] = []

  constructor() {
    const { clock } = this
    // its clock passes hours between two frames, and so do their timestamps
    this.#lives = new LiveStreams({ clock, mend: false })
    this.#server = createServer({ clock, limits, tunnel: true }, session => {
      session.on('publish', publish => pipeline(publish.accept(), this.live(publish.path).input(), () => {}))
      session.on('play', play => pipeline(this.live(play.path).player(), play.accept(), () => {}))
    })
    this.#proxy = createWireServer({ clock, limits }, near => {
      void proxy(near, dial(this.url(), { clock, limits }), undefined, { clock, limits })
    })
  }

  /** Where it is, or its proxy. */
  url(scheme = 'rtmp', server: net.Server = this.#server): string {
    return `${scheme}://127.0.0.1:${(server.address() as net.AddressInfo).port}/live`
  }

  get proxied(): string {
    return this.url('rtmp', this.#proxy)
  }

  get sessions(): number {
    return this.#server.sessions.size
  }

  /** What should be gone when all have left. */
  get left(): number {
    return this.#lives.size + this.sessions
  }

  live(path: string): LiveStream {
    return this.#lives.get(path)
  }

  connect(url: string): Promise<ClientSession> {
    return connect(url, { clock: this.clock, limits })
  }

  async open(): Promise<this> {
    for (const each of [this.#server, this.#proxy]) {
      await new Promise<void>(resolve => each.listen(0, '127.0.0.1', resolve))
    }
    for (const [name, url] of Object.entries({ player: this.url(), 'proxied player': this.proxied })) {
      const session = await this.connect(url)
      this.#stay.push(session)
      const playing = await session.play(WITNESS)
      playing.on('error', () => {}).on('data', this.#witness(name))
    }
    const reader = new FlvReader()
    const note = this.#witness('recorder')
    const file = new Writable({
      write(bytes, _encoding, done) {
        for (const message of reader.messages(bytes)) note(message)
        done()
      }
    })
    pipeline(this.live(`live/${WITNESS}`).subscribe({ wait: true }), flvEncoder(), file, () => {})
    const session = await this.connect(this.proxied)
    this.#stay.push(session)
    this.#publishing = await session.publish(WITNESS)
    this.#publishing.write(metadata())
    return this
  }

  #witness(name: string): (message: Message) => void {
    const got: number[] = []
    this.#witnesses.push({ name, got })
    return message => {
      if (isVideo(message)) got.push(message.timestamp)
    }
  }

  /** A frame later: the publisher that stays sends one, a keyframe if asked to. */
  async step(isKey = false): Promise<void> {
    const at = this.clock.now() >>> 0
    this.#publishing.write(isKey ? video.keyframe(at, FRAME_BYTES) : video.frame(at, FRAME_BYTES))
    this.#sent.push(at)
    this.clock.pass(FRAME_MS)
    for (let turns = 0; turns < 4; turns++) await turnOfTheLoop()
  }

  /** Settles when every witness has every frame, and only those that stay are left; then a new page is begun. */
  async settles(): Promise<void> {
    const isBehind = () => this.#witnesses.some(({ got }) => got.length < this.#sent.length)
    for (let turns = 0; turns < 20_000 && (isBehind() || this.sessions > this.#stay.length); turns++) {
      if (turns % 100 === 99) this.clock.pass(FRAME_MS)
      await turnOfTheLoop()
    }
    const sent = this.#sent.splice(0).join()
    for (const { name, got } of this.#witnesses) {
      const heard = got.splice(0).join()
      if (heard !== sent) this.wrong.push(`the ${name} got ${heard.slice(-200)}, and not ${sent.slice(-200)}`)
    }
  }

  async close(): Promise<void> {
    this.#publishing.end()
    for (const session of this.#stay) session.on('error', () => {}).close()
    for (const server of [this.#server, this.#proxy]) server.close()
  }
}

/** Settles when a stream has given so many items, or is over. */
const gets = (stream: NodeJS.ReadableStream, count: number): Promise<void> =>
  new Promise(resolve => {
    let got = 0
    stream.on('data', () => ++got === count && resolve())
    for (const event of ['end', 'close', 'error']) stream.once(event, () => resolve())
  })

/** Leaves, and settles when it has left. */
const left = (session: ClientSession, leaves: 'close' | 'destroy'): Promise<void> =>
  new Promise(resolve => {
    session.on('error', () => {}).once('close', resolve)
    session[leaves]()
  })

let guests = 0

/** Publishes some frames by a name of its own, to one player; leaves with a word, or without. */
async function publisher(house: House, url: string, leaves: 'close' | 'destroy'): Promise<void> {
  const name = `guest-${guests++}`
  const viewer = await house.connect(house.url())
  const playing = await viewer.play(name)
  playing.on('error', () => {})
  const got = gets(playing, 11)
  const session = await house.connect(url)
  const publishing = await session.publish(name)
  publishing.on('error', () => {})
  publishing.write(video.header())
  for (let i = 0; i < 10; i++) publishing.write(i === 0 ? video.keyframe(0) : video.frame(i * FRAME_MS))
  await got
  if (leaves === 'close') publishing.end()
  await Promise.all([left(session, leaves), left(viewer, leaves)])
}

/** Plays the witness for some frames. */
async function player(house: House, url: string, leaves: 'close' | 'destroy'): Promise<void> {
  const session = await house.connect(url)
  const playing = await session.play(WITNESS)
  playing.on('error', () => {})
  await gets(playing, 5)
  await left(session, leaves)
}

/** Records the witness for some frames. */
async function recorder(house: House): Promise<void> {
  const messages = house.live(`live/${WITNESS}`).subscribe()
  const file = flvEncoder()
  pipeline(messages, file, () => {})
  await gets(file, 5)
  messages.destroy()
}

/** Says this, and leaves once it was answered, or at once. */
async function stranger(house: House, bytes: Buffer, waits: boolean): Promise<void> {
  const socket = net.connect(Number(new URL(house.url()).port), '127.0.0.1')
  socket.on('error', () => {}).write(bytes)
  const gone = once(socket, 'close')
  if (waits) await gets(socket, 1)
  else await once(socket, 'connect')
  socket.destroy()
  await gone
}

const cut = Buffer.concat([
  asksToPublish('cut'),
  chunks(9, Buffer.alloc(1000), { id: 6, messageStreamId: 1, length: 60_000, chunkSize: 1000 })
])

/** Many come at a time, and all are gone at its end. */
export async function oneRound(house: House): Promise<void> {
  await house.step(true)
  const guests = [
    publisher(house, house.url(), 'close'),
    publisher(house, house.proxied, 'close'),
    publisher(house, house.url(), 'destroy'),
    player(house, house.url(), 'close'),
    player(house, house.url(), 'destroy'),
    player(house, house.proxied, 'close'),
    player(house, house.url('rtmpe'), 'close'),
    player(house, house.url('rtmpt'), 'close'),
    recorder(house),
    stranger(house, Buffer.of(3), false),
    stranger(house, Buffer.from('nonsense'), true),
    stranger(house, cut, true)
  ]
  house.came += guests.length
  let isOver = false
  const over = Promise.all(guests)
    .catch(error => house.wrong.push(`a guest: ${error.stack}`))
    .then(() => {
      isOver = true
    })
  for (let i = 1; !isOver; i++) await house.step(i % 25 === 0)
  await over
  await house.settles()
}
