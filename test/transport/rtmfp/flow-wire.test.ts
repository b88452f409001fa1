import { pipeline } from 'node:stream'
import { setImmediate as turnOfTheLoop } from 'node:timers/promises'
import {
  type ClientSession,
  type Clock,
  clientSession,
  LiveStreams,
  type Message,
  SessionHost,
  type SessionHostOptions,
  userControlMessage
} from 'rtmpipe'
import t from 'tap'
import { Identity } from '../../../lib/rtmfp/crypto/identity.ts'
import type { Session } from '../../../lib/rtmfp/session/session.ts'
import { loop } from '../../../lib/stream/loop.ts'
import { FlowWire } from '../../../lib/transport/rtmfp/flow-wire.ts'
import { WireFlows } from '../../../lib/transport/rtmfp/wire-flows.ts'
import { audio, stream, video, word } from '../../support/media.ts'
import { Network, type NetworkOptions, type Participant, place } from '../../support/rtmfp-network.ts'

const [server, client, other] = [place('192.0.2.1'), place('192.0.2.2', 5000), place('192.0.2.3', 5000)]
const limits = { stallMs: 5000, lingerMs: 2000, handshakeMs: 10_000, pingMs: 30_000 }

/** Timers of the network's time. */
class NetworkClock implements Clock, Participant {
  readonly #network: Network
  readonly #due = new Set<{ at: number; run: () => void }>()

  constructor(network: Network) {
    this.#network = network
    network.join(place('clock', 0), this)
  }

  now(): number {
    return this.#network.now
  }

  after(ms: number, run: () => void): () => void {
    const entry = { at: this.now() + ms, run }
    this.#due.add(entry)
    return () => this.#due.delete(entry)
  }

  nextTimeout(): number {
    return Math.min(Number.POSITIVE_INFINITY, ...[...this.#due].map(({ at }) => at))
  }

  elapsed(now: number): void {
    for (const entry of [...this.#due]) if (entry.at <= now && this.#due.delete(entry)) entry.run()
  }

  input(): void {}

  output(): Generator<never, void> {
    return (function* () {})()
  }
}

/** A server of live streams, and the clients of it, over flows in a network. */
class Studio {
  readonly network: Network
  readonly clock: Clock
  readonly host: SessionHost
  readonly live: LiveStreams
  readonly wires: FlowWire[] = []
  readonly sessions: Session[] = []
  /** The server's wire that was made last. */
  served: FlowWire | undefined
  /** The flows that were made last. */
  carrier: WireFlows | undefined

  constructor(options: NetworkOptions = {}, host: SessionHostOptions = {}) {
    this.network = new Network(options)
    const clock = new NetworkClock(this.network)
    this.clock = clock
    this.host = new SessionHost({ clock, limits, ...host })
    this.live = new LiveStreams({ clock, holdMs: 0 })
    this.host.on('session', session => {
      session.on('publish', async publish =>
        pipeline(publish.accept(), await this.live.publish(publish.path), () => {})
      )
      session.on('play', async play => pipeline(await this.live.play(play.path), play.accept(), () => {}))
    })
    this.network.node(server, {
      identity: new Identity({ groups: [2], acceptsAncillaryData: true }),
      opened: session => {
        const wire = new FlowWire({ role: 'server', clock, limits })
        const flows = this.#open(wire, session)
        this.served = wire
        this.host.accept(wire, { peer: session.address.address, scheme: 'rtmfp' })
        return flows
      }
    })
  }

  /** A session of a client, before its connect. */
  dial(at = client): ClientSession {
    const { clock } = this
    const wire = new FlowWire({ role: 'client', clock, limits })
    const identity = new Identity({ groups: [2], isStatic: true })
    const { endpoint } = this.network.node(at, { identity, opened: session => this.#open(wire, session) })
    endpoint.open({ ancillaryData: Buffer.from('rtmfp://server/live') }, [server], this.network.now)
    const session = clientSession({ clock, limits })
    loop(wire, session, () => {})
    return session
  }

  async connect(at = client): Promise<ClientSession> {
    const session = this.dial(at)
    await this.until(session.connect({ app: 'live', tcUrl: 'rtmfp://server/live' }))
    return session
  }

  /** Lets time pass, and the streams their turns. */
  async pass(ms: number): Promise<void> {
    for (let at = 0; at < ms; at += 10) {
      this.network.pass(10)
      await turnOfTheLoop()
    }
  }

  async until<Value>(promise: Promise<Value>): Promise<Value> {
    let isSettled = false
    const settled = () => {
      isSettled = true
    }
    promise.then(settled, settled)
    for (let turns = 0; !isSettled && turns < 10_000; turns++) await this.pass(10)
    return promise
  }

  #open(wire: FlowWire, session: Session): WireFlows {
    const { clock } = this
    this.wires.push(wire)
    this.sessions.push(session)
    wire.open(accept => {
      this.carrier = new WireFlows(session, wire, clock, { accept, limits })
      return this.carrier
    })
    return this.carrier!
  }
}

/** What arrives at a player, in words. */
function words(messages: AsyncIterable<Message> & NodeJS.ReadableStream): string[] {
  const read: string[] = []
  messages.on('data', ((message: Message) => read.push(word(message))) as never)
  return read
}

/** As long as a keyframe of a camera. */
const big = (message: Message): Message => ({
  ...message,
  payload: Buffer.concat([message.payload, Buffer.alloc(100_000 - message.payload.length)])
})

const sorted = (messages: readonly string[], kind: string) => messages.filter(each => each.startsWith(kind))

t.test('a stream that is published over flows is played over flows: state, keyframes, audio, and the end', async t => {
  const studio = new Studio()
  const publisher = await studio.connect()
  const publishing = await studio.until(publisher.publish('film'))
  const player = await studio.connect(other)
  const playing = await studio.until(player.play('film'))
  const read = words(playing)
  const sent = stream(3)
  for (const message of sent) {
    publishing.write(message)
    await studio.pass(100)
  }
  await studio.pass(1000)
  const expected = sent.map(word)
  t.same(sorted(read, 'v'), sorted(expected, 'v'))
  t.same(sorted(read, 'a'), sorted(expected, 'a'))
  const { messagesIn, messagesOut, bytesIn, bytesOut } = studio.host.stats()
  t.equal(messagesIn > sent.length && messagesOut > sent.length, true)
  t.equal(bytesIn > 1000 && bytesOut > 1000, true)
  const ended = new Promise(resolve => playing.once('end', resolve))
  publishing.end()
  await studio.until(ended)
  publisher.close()
  player.close()
  await studio.pass(3000)
  t.same(studio.host.sessions.size, 0)
  t.same(studio.host.stats().ended, { left: 2, closed: 0 })
  t.same(
    studio.wires.map(({ destroyed }) => destroyed),
    Array(4).fill(true)
  )
  // an end that was asked to close keeps its state for 19 s (RFC 7016, 3.5.5)
  await studio.pass(20_000)
  t.same(studio.sessions.map(({ state, closeReason }) => `${state} ${closeReason}`).sort(), [
    'closed far',
    'closed far',
    'closed near',
    'closed near'
  ])
})

t.test('with loss, live audio and video up to a keyframe arrive in order; commands keep their place', async t => {
  let seed = 3
  const chance = () => {
    seed = (seed * 48271) % 2147483647
    return seed / 2147483647
  }
  const studio = new Studio({ loss: 0.1, delay: [5, 40], chance })
  const publisher = await studio.connect()
  const publishing = await studio.until(publisher.publish('film'))
  const player = await studio.connect(other)
  const playing = await studio.until(player.play('film'))
  const read = words(playing)
  let isEnded = false
  playing.once('end', () => {
    isEnded = true
  })
  const sent = stream(20)
  for (const message of sent) {
    publishing.write(message)
    await studio.pass(100)
  }
  // the end does not overtake the last frames
  publishing.end()
  for (let at = 0; at < 200 && !isEnded; at++) await studio.pass(100)
  t.equal(isEnded, true)
  for (const kind of ['v', 'a']) t.same(sorted(read, kind), sorted(sent.map(word), kind))
})

t.test('a publisher that closes behind its last frame loses none', async t => {
  const studio = new Studio({ link: { to: server, bytesPerMs: 30, queueBytes: 20_000 } })
  const publisher = await studio.connect()
  const publishing = await studio.until(publisher.publish('film'))
  const read = words(await studio.until((await studio.connect(other)).play('film')))
  const sent = [video.header(), video.keyframe(0, 40_000), video.frame(40, 10_000), audio.frame(40, 200)]
  for (const message of sent) publishing.write(message)
  publishing.end()
  await studio.until(publisher.close())
  await studio.pass(1000)
  t.same(sorted(read, 'v'), sorted(sent.map(word), 'v'))
})

t.test('where a player has no room for the video, audio goes on and video is left out up to a keyframe', async t => {
  const studio = new Studio({ link: { to: other, bytesPerMs: 40, queueBytes: 20_000 } })
  const publishing = await studio.until((await studio.connect()).publish('film'))
  const read = words(await studio.until((await studio.connect(other)).play('film')))
  const sent: Message[] = [video.header(), audio.header()]
  for (let at = 0; at < 20_000; at += 40) {
    sent.push(at % 1000 === 0 ? video.keyframe(at, 20_000) : video.frame(at, 2500), audio.frame(at, 200))
  }
  for (const message of sent) {
    publishing.write(message)
    await studio.pass(20)
  }
  await studio.pass(5000)
  const heard = sorted(read, 'a')
  t.same(heard, sorted(sent.map(word), 'a').slice(-heard.length))
  t.equal(heard.length > 480, true)
  const seen = sorted(read, 'v').slice(1)
  t.equal(seen.length < 400, true)
  // those that had arrived behind one that was lost, and was late when it was to be sent again, are seen too
  t.equal(seen.filter(each => each.includes('key')).length > 10, true)
})

t.test('a player that reads nothing more ends with ERR_RTMP_STALLED, and holds nobody else up', async t => {
  const studio = new Studio()
  const errors: unknown[] = []
  studio.host.on('sessionError', error => errors.push(error.code))
  const publishing = await studio.until((await studio.connect()).publish('film'))
  const slow = await studio.connect(other)
  const playing = await studio.until(slow.play('film'))
  const far = await studio.connect(place('192.0.2.4'))
  const read = words(await studio.until(far.play('film')))
  for (const message of stream(40)) {
    publishing.write(message.payload.length >= 20 ? big(message) : message)
    await studio.pass(200)
  }
  t.same(errors, ['ERR_RTMP_STALLED'])
  t.equal(read.filter(each => each.startsWith('v')).length, 81)
  playing.destroy()
})

t.test(
  'a path that is dead ends both ends with ERR_RTMP_IDLE, and a server that is not there with a timeout',
  async t => {
    const forever = Number.POSITIVE_INFINITY
    const studio = new Studio({}, { limits: { pingMs: forever, connectMs: forever } })
    const session = await studio.connect()
    studio.network.isCut = true
    await studio.pass(200_000)
    t.equal((session.closeReason as NodeJS.ErrnoException).code, 'ERR_RTMP_STALLED', 'a ping has no answer')
    t.same(studio.host.stats().ended, { left: 0, closed: 0, ERR_RTMP_IDLE: 1 })
    const late = studio.dial(other)
    await studio.pass(10_000)
    t.equal((late.closeReason as NodeJS.ErrnoException).code, 'ERR_RTMP_HANDSHAKE_TIMEOUT')
  }
)

t.test(
  'a client pings as often as the server says, and not more often than every five seconds (SetKeepalive)',
  async t => {
    for (const [period, pings] of [
      [10_000, 6],
      [100, 12]
    ] as const) {
      const forever = Number.POSITIVE_INFINITY
      const studio = new Studio({}, { limits: { pingMs: forever, connectMs: forever } })
      await studio.connect()
      studio.served!.write(userControlMessage({ kind: 'SetKeepalive', serverPeriod: period, peerPeriod: 0 }))
      await studio.pass(1000)
      studio.network.sent.length = 0
      await studio.pass(60_000)
      const own = studio.network.sent.filter(({ from }) => from.address === client.address)
      t.equal(own.length, pings)
    }
  }
)

t.test('it tells what it holds for its peer; what has no flow to go on is an error of it', async t => {
  const studio = new Studio()
  const session = await studio.connect()
  const [wire] = studio.wires as [FlowWire]
  t.match(wire, { isStalled: false, isHeldBack: false, owesAcknowledgement: false })
  t.equal(wire.heldBytes(), 0)
  studio.network.isCut = true
  t.equal(wire.takeNow(big(stream(1)[2]!)), true)
  t.equal(wire.heldBytes() > 99_000, true)
  t.equal(wire.isStalled, true, 'more than a flow has room for')
  await studio.pass(10)
  t.equal(wire.heldBytes() < 100_005, true, 'what is in flight is not counted')
  t.equal(wire.takeNow(big(stream(1)[2]!)), false)
  session.destroy()

  const alone = new FlowWire({ role: 'client', clock: studio.clock })
  const failed = new Promise<Error>(resolve => alone.once('error', resolve))
  alone.open(() => studio.carrier!)
  alone.write(stream(1)[0]!)
  t.match(await failed, { name: 'RangeError' })
})
