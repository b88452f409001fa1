/**
 * Overload: too many, too fast, too slow, over sockets against a server in a process of its own. A publisher and a player beside it
 * are witnesses, who count every message and may lose none; the server's memory is measured there, after its garbage was
 * collected, and stays under what is stated. How late its loop was is told, and not judged.
 */
import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import net from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { connect, isVideo, type Message, type Playing } from 'rtmpipe'
import t from 'tap'
import { basicHeader, chunks, playing, publishing } from '../support/hostile.ts'
import { video } from '../support/media.ts'
import type { Look } from './overload-server.ts'

const seconds = 10
const MIB = 2 ** 20
/** What a live stream's ring may hold at most. */
const RING = 16 * MIB
/** What a process may take that has run for a while, beside what it holds for its peers. */
const WARM = 8 * MIB

type Scope = { teardown(end: () => unknown): unknown; comment(text: string): void }

/** The server, and all that a test opens to it. */
class Overloaded {
  readonly #child: ChildProcess
  readonly port: number
  readonly #sockets: net.Socket[] = []

  private constructor(child: ChildProcess, port: number) {
    this.#child = child
    this.port = port
  }

  static async start(t: Scope, ...args: number[]): Promise<Overloaded> {
    const child = fork(fileURLToPath(new URL('overload-server.js', import.meta.url)), args.map(String))
    const [port] = (await once(child, 'message')) as [number]
    const server = new Overloaded(child, port)
    t.teardown(async () => {
      for (const socket of server.#sockets) socket.destroy()
      child.kill('SIGKILL')
      if (child.exitCode === null && child.signalCode === null) await once(child, 'exit')
    })
    return server
  }

  async look(): Promise<Look> {
    this.#child.send('look')
    const [look] = (await once(this.#child, 'message')) as [Look]
    return look
  }

  /** Looks until this is so. */
  async looksUntil(isSo: (look: Look) => boolean): Promise<Look> {
    for (;;) {
      const look = await this.look()
      if (isSo(look)) return look
      await sleep(50)
    }
  }

  /** Looks again and again for so long: the look that found most. */
  async watch(ms: number): Promise<Look> {
    let most = await this.look()
    for (const until = performance.now() + ms; performance.now() < until; await sleep(250)) {
      const look = await this.look()
      if (look.alive > most.alive) most = look
    }
    return most
  }

  /** A socket to it, on which so much is said at once. */
  opens(bytes: Buffer): net.Socket {
    const socket = net.connect({ port: this.port, host: '127.0.0.1', noDelay: true })
    socket.on('error', () => {}).write(bytes)
    this.#sockets.push(socket)
    return socket
  }
}

/** Publishes 25 frames a second, in real time; each player of it counts what it gets. */
class Witnesses {
  readonly #url: string
  readonly #frameBytes: number
  readonly #players: { playing: Playing; got: number[] }[] = []
  #sent = 0
  #stop = false
  #ends: Promise<void> | undefined

  constructor(port: number, { mbit = 0.5 }: { mbit?: number } = {}) {
    this.#url = `rtmp://127.0.0.1:${port}/live`
    this.#frameBytes = Math.round((mbit * 1e6) / 8 / 25)
  }

  async begin(players = 1): Promise<this> {
    for (let i = 0; i < players; i++) {
      const got: number[] = []
      const playing = await (await connect(this.#url)).play('witness')
      playing.on('error', () => {}).on('data', (message: Message) => isVideo(message) && got.push(message.timestamp))
      this.#players.push({ playing, got })
    }
    this.#ends = this.#publish()
    return this
  }

  async #publish(): Promise<void> {
    const publishing = await (await connect(this.#url)).publish('witness')
    const begun = performance.now()
    while (!this.#stop) {
      const at = this.#sent * 40
      const frame = this.#sent % 25 === 0 ? video.keyframe(at, this.#frameBytes) : video.frame(at, this.#frameBytes)
      if (!publishing.write(frame)) await once(publishing, 'drain')
      this.#sent++
      await sleep(Math.max(0, begun + at + 40 - performance.now()))
    }
    publishing.end()
  }

  /** Ends the stream; who lost a frame, or got one twice, and which. */
  async end(): Promise<string[]> {
    this.#stop = true
    await this.#ends
    await Promise.all(this.#players.map(({ playing }) => playing.closed || once(playing, 'close')))
    const all = Array.from({ length: this.#sent }, (_, i) => i * 40).join()
    const lossy = this.#players.filter(({ got }) => got.join() !== all)
    return lossy.map(({ got }) => `${got.length} of ${this.#sent} frames, the last at ${got.at(-1)}`)
  }
}

const tell = (t: Scope, { alive, delay }: Look, before: Look): void =>
  t.comment(
    `${((alive - before.alive) / MIB).toFixed(1)} MiB more; the loop was late ${delay.p99.toFixed(0)} ms at 99 %, ${delay.max.toFixed(0)} ms at most`
  )

const GOOD = 50
const STALLED_LIMIT = 24 * MIB

t.test(`one player that reads nothing and ${GOOD} that do, at 20 Mbit/s`, async t => {
  const server = await Overloaded.start(t, 10_000, 60_000)
  const witnesses = await new Witnesses(server.port, { mbit: 20 }).begin(GOOD)
  await sleep(1000)
  const before = await server.look()
  server.opens(playing('witness')).pause()
  const after = await server.watch((seconds + 6) * 1000)
  tell(t, after, before)
  t.ok(after.alive - before.alive < STALLED_LIMIT, 'under 24 MiB for a stalled player')
  t.equal((await server.look()).sessions, before.sessions + 1, 'it is still there')
  t.same(await witnesses.end(), [], 'the witnesses have lost nothing')
})

const HALF_OPEN = 2000

t.test(`${HALF_OPEN} connections that never shake hands`, async t => {
  const handshakeMs = 10_000
  const server = await Overloaded.start(t, handshakeMs)
  const witnesses = await new Witnesses(server.port).begin()
  await sleep(500)
  const before = await server.look()
  const halfOpen = Array.from({ length: HALF_OPEN }, (_, i) => server.opens(Buffer.alloc(i % 2 === 0 ? 1 : 1500, 3)))
  const closed = halfOpen.map(socket => once(socket.resume(), 'close'))
  await Promise.all(halfOpen.map(socket => socket.connecting && once(socket, 'connect')))
  const during = await server.look()
  tell(t, during, before)
  const each = (during.alive - before.alive) / HALF_OPEN
  t.ok(each < 16_000, `${Math.round(each)} bytes each`)
  await Promise.all(closed)
  const after = await server.look()
  t.equal(after.errors.ERR_RTMP_HANDSHAKE_TIMEOUT, HALF_OPEN, 'each is ended in time')
  t.ok(after.alive - before.alive < WARM)
  t.same(await witnesses.end(), [], 'the witnesses have lost nothing')
})

/** So many a second, of one byte: one with a header, and what follows with none. */
const TINY = 100_000
const tick = Buffer.concat([
  chunks(8, Buffer.of(0xaf), { id: 4, messageStreamId: 1 }),
  Buffer.from(`${basicHeader(3, 4).toString('hex')}af`.repeat(TINY / 50 - 1), 'hex')
])

t.test(`${TINY.toLocaleString('en')} messages a second from one publisher`, async t => {
  const server = await Overloaded.start(t)
  const witnesses = await new Witnesses(server.port).begin()
  await sleep(500)
  const before = await server.look()
  const flood = server.opens(publishing('flood')).resume()
  const begun = performance.now()
  const ticks = seconds * 50
  for (let i = 0; i < ticks && !flood.destroyed; i++) {
    if (!flood.write(tick)) await once(flood, 'drain')
    await sleep(Math.max(0, begun + i * 20 - performance.now()))
  }
  const sent = (ticks * TINY) / 50
  const after = await server.look()
  tell(t, after, before)
  t.ok(after.alive - before.alive < RING + WARM, 'its ring, and no more')
  const { published } = await server.looksUntil(look => look.published['live/flood'] === sent)
  t.equal(published['live/flood'], sent, 'it is heard to the last')
  t.same(await witnesses.end(), [], 'the witnesses have lost nothing')
})

const COMING = 50

t.test(`publishers that come and go, ${COMING} a second`, async t => {
  const server = await Overloaded.start(t)
  const witnesses = await new Witnesses(server.port).begin()
  const comeAndGo = async (times: number): Promise<void> => {
    const begun = performance.now()
    const gone: Promise<unknown>[] = []
    for (let i = 0; i < times; i++) {
      const frames = Buffer.concat(
        [0, 40, 80].map(at => chunks(9, video.keyframe(at).payload, { id: 6, messageStreamId: 1, timestamp: at }))
      )
      const socket = server.opens(Buffer.concat([publishing(`guest-${i}`), frames]))
      gone.push(once(socket.resume(), 'close'))
      // every other one hangs up without a word, once it was heard
      if (i % 2 === 0) socket.end()
      else socket.once('data', () => setTimeout(() => socket.destroy(), 50))
      await sleep(Math.max(0, begun + (i * 1000) / COMING - performance.now()))
    }
    await Promise.all(gone)
  }
  await comeAndGo(COMING)
  const before = await server.look()
  await comeAndGo(COMING * seconds)
  const after = await server.look()
  tell(t, after, before)
  t.ok(after.alive - before.alive < WARM, `${COMING * seconds} publishers leave nothing behind`)
  // a stream is kept a moment for its publisher to come back
  const { sessions, lives } = await server.looksUntil(look => look.sessions === 2 && look.lives === 1)
  t.same({ sessions, lives }, { sessions: 2, lives: 1 })
  t.same(await witnesses.end(), [], 'the witnesses have lost nothing')
})

t.test('a budget bounds what stalled players hold together', async t => {
  const budget = 12 * MIB
  const server = await Overloaded.start(t, 10_000, 60_000, budget)
  const witnesses = await new Witnesses(server.port, { mbit: 20 }).begin()
  await sleep(500)
  const before = await server.look()
  for (let i = 0; i < 20; i++) {
    server.opens(playing('witness')).pause()
    await sleep((seconds * 1000) / 20)
  }
  const { errors } = await server.looksUntil(look => (look.errors.ERR_RTMP_BUDGET ?? 0) > 0)
  t.comment(`${errors.ERR_RTMP_BUDGET} were ended`)
  const after = await server.watch(3000)
  tell(t, after, before)
  t.ok(after.alive - before.alive < budget + WARM)
  t.same(await witnesses.end(), [], 'the witnesses have lost nothing')
})
