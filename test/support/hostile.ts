import { once } from 'node:events'
import { createWriteStream } from 'node:fs'
import net from 'node:net'
import { pipeline } from 'node:stream'
import { setTimeout as sleep, setImmediate as turnOfTheLoop } from 'node:timers/promises'
import {
  type AmfValue,
  ChunkReader,
  type ClientSession,
  connect,
  createServer,
  flvEncoder,
  type LiveStream,
  LiveStreams,
  type Message,
  MessageReader,
  type Publishing,
  type Server,
  type ServerSession,
  safeRecordPath,
  writeAmf0
} from 'rtmpipe'
import { TestClock } from './clock.ts'
import { video, word } from './media.ts'
import { line } from './peer.ts'

type Scope = { teardown(end: () => unknown): unknown }

// ---- bytes, made here and not by the library, which is what is tested ----

export const u32 = (value: number): Buffer => {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32BE(value >>> 0)
  return bytes
}
export const u24 = (value: number): Buffer => u32(value).subarray(1)
const littleU32 = (value: number): Buffer => u32(value).reverse()

/** A chunk's basic header in the shortest form there is, or in a longer one. */
export function basicHeader(format: number, id: number, form: number = id < 64 ? 1 : id < 320 ? 2 : 3): Buffer {
  if (form === 1) return Buffer.of((format << 6) | id)
  const rest = id - 64
  return form === 2 ? Buffer.of(format << 6, rest) : Buffer.of((format << 6) | 1, rest & 0xff, rest >> 8)
}

export interface Chunked {
  id?: number
  form?: number
  format?: number
  chunkSize?: number
  timestamp?: number
  messageStreamId?: number
  /** What is announced, if that is not the payload's length. */
  length?: number
  /** Whether an extended timestamp stands in chunks of format 3 too. */
  repeats?: boolean
}

/** A message as chunks: the first of the format told, the others of format 3. */
export function chunks(type: number, payload: Buffer, how: Chunked = {}): Buffer {
  const { id = 3, form, format = 0, chunkSize = 128, timestamp = 0, messageStreamId = 0, repeats = true } = how
  const isExtended = timestamp >= 0xffffff
  const fields = [
    u24(isExtended ? 0xffffff : timestamp),
    u24(how.length ?? payload.length),
    Buffer.of(type),
    littleU32(messageStreamId)
  ]
  const kept = format === 0 ? fields : format === 1 ? fields.slice(0, 3) : format === 2 ? fields.slice(0, 1) : []
  const extended = isExtended ? [u32(timestamp)] : []
  const made: Buffer[] = [basicHeader(format, id, form), ...kept, ...extended, payload.subarray(0, chunkSize)]
  const next = [basicHeader(3, id, form), ...(repeats ? extended : [])]
  for (let at = chunkSize; at < payload.length; at += chunkSize)
    made.push(...next, payload.subarray(at, at + chunkSize))
  return Buffer.concat(made)
}

export const control = (type: number, body: Buffer): Buffer => chunks(type, body, { id: 2 })
export const setChunkSizeTo = (size: number): Buffer => control(1, u32(size))
export const said = (name: string, transaction: number, args: readonly AmfValue[], how: Chunked = {}): Buffer =>
  chunks(20, writeAmf0(name, transaction, ...args), how)

/** C0, C1 and C2 of a client without a digest. */
export const shaken = (version = 3): Buffer => Buffer.concat([Buffer.of(version), Buffer.alloc(2 * 1536)])
export const connected: Buffer = Buffer.concat([shaken(), said('connect', 1, [{ app: 'live' }])])
export const created: Buffer = Buffer.concat([connected, said('createStream', 2, [null])])
export const publishing = (name: AmfValue = 'guest'): Buffer =>
  Buffer.concat([created, said('publish', 3, [null, name], { messageStreamId: 1 })])
export const playing = (name: AmfValue = 'guest'): Buffer =>
  Buffer.concat([created, said('play', 3, [null, name], { messageStreamId: 1 })])

const MARK = 999
/** Asks for what every session that goes on answers. */
export const mark = (how: Chunked = {}): Buffer => said('createStream', MARK, [null], how)

// ---- the server, as the README wires it, and its witnesses ----

const WITNESS = 'witness'

/** A live server on a clock that stands still, and one publisher and one player on it that must never notice anything. */
export class Stage {
  readonly clock: TestClock = new TestClock()
  readonly server: Server
  readonly lives: LiveStreams = new LiveStreams({ clock: this.clock })
  /** What was published by each path, in words. */
  readonly published: Map<string, string[]> = new Map()
  readonly #failures: { error: NodeJS.ErrnoException; peer: string | undefined }[] = []
  /** The server's end of each connection, by the guest's port. */
  readonly sockets: Map<number | undefined, net.Socket> = new Map()
  #witnesses: ClientSession[] = []
  #publishing!: Publishing
  #sent: string[] = []
  #seen: string[] = []
  #waiting: (() => void) | undefined

  constructor(folder: string, options: Parameters<typeof createServer>[0] = {}) {
    this.server = createServer({ clock: this.clock, ...(options as object) }, (session: ServerSession) => {
      session.on('publish', publish => {
        const path = safeRecordPath(folder, publish)
        const live = this.live(publish.path)
        const words: string[] = []
        pipeline(publish.accept(), live.input(), () => {})
        pipeline(live.subscribe(), flvEncoder(), createWriteStream(path), () => {})
        live.subscribe().on('data', message => words.push(word(message)))
        this.published.set(publish.path, words)
      })
      session.on('play', play => pipeline(this.live(play.path).player(), play.accept(), () => {}))
    })
    this.server.on('connection', bytes => {
      const socket = bytes as net.Socket
      this.sockets.set(socket.remotePort, socket)
    })
    this.server.on('sessionError', (error, session?: ServerSession) => {
      // a handler that throws refuses, and its session goes on
      if (session?.destroyed !== false) this.#failures.push({ error, peer: session?.peer })
    })
  }

  live(path: string): LiveStream {
    return this.lives.get(path)
  }

  get port(): number {
    return (this.server.address() as net.AddressInfo).port
  }

  async open(t: Scope): Promise<this> {
    await new Promise<void>(resolve => this.server.listen(0, '127.0.0.1', resolve))
    t.teardown(() => this.close())
    const url = `rtmp://127.0.0.1:${this.port}/live`
    const [source, player] = await Promise.all([connect(url), connect(url)])
    this.#witnesses = [source, player]
    this.#publishing = await source.publish(WITNESS)
    const seen = await player.play(WITNESS)
    seen.on('error', () => {})
    seen.on('data', (message: Message) => {
      this.#seen.push(`${word(message)} ${message.payload.length}`)
      this.#waiting?.()
    })
    await this.witness()
    return this
  }

  async close(): Promise<void> {
    this.#publishing.end()
    for (const session of this.#witnesses) session.on('error', () => {}).close()
    for (const [, live] of this.lives) live.end()
    const closed = once(this.server, 'close')
    this.server.close()
    for (const socket of this.sockets.values()) socket.destroy()
    await closed
  }

  /** The witnesses' publisher sends a frame; settles when their player has it. */
  async witness(bytes = 100): Promise<void> {
    const frame = video.keyframe(this.#sent.length * 40, bytes)
    this.#sent.push(`${word(frame)} ${bytes}`)
    this.#publishing.write(frame)
    while (this.#seen.length < this.#sent.length) {
      await new Promise<void>(resolve => {
        this.#waiting = resolve
      })
    }
  }

  /** Settles when so many messages have been published by a path. */
  async has(path: string, count: number): Promise<void> {
    while ((this.published.get(path)?.length ?? 0) < count) await turnOfTheLoop()
  }

  /** What they have lost, which is nothing. */
  get lost(): string[] {
    return this.#sent.filter((frame, i) => this.#seen[i] !== frame)
  }

  /** What ended the session of this peer, or of one that had none yet; undefined for nothing so far. */
  failure(peer: string): NodeJS.ErrnoException | undefined {
    return this.#failures.find(failure => failure.peer === peer || failure.peer === undefined)?.error
  }

  forget(): void {
    this.#failures.length = 0
  }
}

// ---- a guest ----

/** A client of the server that is made of a socket and bytes. */
export class Guest {
  readonly socket: net.Socket
  readonly heard: string[] = []
  readonly media: Message[] = []
  readonly #stage: Stage
  readonly #reader = new ChunkReader()
  readonly #messages = new MessageReader()
  #received = 0
  #peer = ''
  #port: number | undefined
  #look: (() => void) | undefined

  constructor(stage: Stage, { reads = true }: { reads?: boolean } = {}) {
    this.#stage = stage
    this.socket = net.connect({ port: stage.port, host: '127.0.0.1', noDelay: true })
    this.socket.on('error', () => {})
    this.socket.on('close', () => this.#look?.())
    this.socket.on('connect', () => {
      this.#port = this.socket.localPort
      this.#peer = `127.0.0.1:${this.socket.localPort}`
    })
    if (reads) this.reads()
    stage.server.on('sessionError', this.#poke)
  }

  readonly #poke = () => this.#look?.()

  /** Writes, as fast as it is taken; a server that has hung up takes no more. */
  async writes(pieces: Iterable<Buffer>): Promise<void> {
    for (const piece of pieces) {
      if (this.socket.destroyed) return
      if (!this.socket.write(piece))
        await Promise.race([once(this.socket, 'drain'), once(this.socket, 'close')]).catch(() => {})
    }
  }

  /** Settles when its session has failed, the mark was answered, or the connection is over: what happened. */
  async outcome(): Promise<string> {
    for (;;) {
      const failure = this.#stage.failure(this.#peer)
      if (failure !== undefined) return failure.code ?? failure.name
      if (this.heard.some(said => said.startsWith(`_result ${MARK} `) || said.startsWith(`_error ${MARK} `)))
        return 'goes on'
      if (this.socket.closed) {
        await this.#settled()
        return this.#stage.failure(this.#peer)?.code ?? 'closed'
      }
      await new Promise<void>(resolve => {
        this.#look = resolve
      })
    }
  }

  /** Settles when its handshake is over, and what it has sent so far has been heard. */
  async hasSession(): Promise<void> {
    while (this.session === undefined) await turnOfTheLoop()
    await this.settles()
  }

  /** Waits until this is heard. */
  async hears(said: RegExp): Promise<void> {
    while (!this.heard.some(line => said.test(line)) && !this.socket.closed) await turnOfTheLoop()
  }

  /** Waits for so many messages of media. */
  async gets(count: number): Promise<void> {
    while (this.media.length < count && !this.socket.closed) await turnOfTheLoop()
  }

  asks(how: Chunked = {}): Promise<void> {
    return this.writes([mark(how)])
  }

  /** Settles when the server has read all that was written, and had time to think about it. */
  async settles(): Promise<void> {
    for (let turns = 0; turns < 20 && !this.socket.closed; turns++) {
      const end = this.#stage.sockets.get(this.#port)
      if ((end?.bytesRead ?? 0) < this.socket.bytesWritten && !end?.destroyed) turns = 0
      await turnOfTheLoop()
    }
  }

  /** Settles when the server has let it go. */
  async #settled(): Promise<void> {
    while (this.#stage.sockets.get(this.#port)?.closed === false || this.session !== undefined) await turnOfTheLoop()
  }

  /** Reads from now on. */
  reads(): void {
    this.socket.on('data', bytes => this.#hear(bytes))
  }

  get session(): ServerSession | undefined {
    return [...this.#stage.server.sessions].find(({ peer }) => peer === this.#peer)
  }

  /** Leaves, and settles when the server has let it go. */
  async leaves(): Promise<void> {
    this.#stage.server.off('sessionError', this.#poke)
    this.socket.destroy()
    await this.#settled()
  }

  #hear(bytes: Buffer): void {
    const plain = bytes.subarray(Math.max(0, Math.min(bytes.length, 3073 - this.#received)))
    this.#received += bytes.length
    this.#reader.feed(plain)
    while (this.#reader.next()) {
      const { header, source, start, end, last } = this.#reader
      const message = this.#messages.add(header, source, start, end, last)
      if (message === undefined) continue
      if (message.type === 8 || message.type === 9) this.media.push(message)
      else if (message.type > 6 || message.type === 4) this.heard.push(line(message))
    }
    this.#look?.()
  }
}

// ---- a guest of HTTP ----

/** A client of HTTP that is made of a socket and bytes. */
export class WebGuest {
  readonly socket: net.Socket
  /** All it has been sent. */
  heard = ''
  #look: (() => void) | undefined

  constructor(url: string) {
    this.socket = net.connect({ port: Number(new URL(url).port), host: '127.0.0.1', noDelay: true })
    this.socket.on('error', () => {}).on('close', () => this.#look?.())
    this.socket.on('data', bytes => {
      this.heard += bytes.toString('latin1')
      this.#look?.()
    })
  }

  #looks(resolve: () => void): void {
    this.#look = resolve
  }

  /** Writes, and settles when all has been taken, or the server has hung up, and it had time to read it. */
  async writes(bytes: Buffer): Promise<void> {
    this.socket.write(bytes)
    await eventually(() => this.socket.closed || this.socket.writableLength === 0)
    for (let turns = 0; turns < 100; turns++) await turnOfTheLoop()
  }

  /** Settles when what it has been sent, or its end, makes this true. */
  async until(what: () => boolean): Promise<void> {
    while (!what()) await new Promise<void>(resolve => this.#looks(resolve))
  }
}

/** Settles when this is true, which no event of a guest tells. */
export async function eventually(what: () => boolean): Promise<void> {
  while (!what()) await sleep(10)
}
