import { getEventListeners } from 'node:events'
import net from 'node:net'
import { pipeline } from 'node:stream'
import { setImmediate as turnOfTheLoop, setTimeout as wait } from 'node:timers/promises'
import {
  createServer,
  type DialOptions,
  dial,
  isKeyframe,
  isMetadata,
  isSequenceHeader,
  LiveStream,
  type Message,
  type Publish,
  type PushOptions,
  pullLive,
  pushLive,
  type ReconnectOptions,
  type ReconnectRequest,
  Refused,
  type Relay,
  type Retry,
  type RtmpUrl,
  type Server,
  type ServerOptions,
  type ServerSession
} from 'rtmpipe'
import t from 'tap'
import { TestClock } from './support/clock.ts'
import { audio, metadata, video, word } from './support/media.ts'

t.jobs = 4
const buffered = true
type Scope = { teardown(end: () => unknown): unknown }
const quick = { retryMs: 20, maxRetryMs: 80, jitter: () => 1 }

/** A destination: what it was sent, publish by publish, and what it says to the next one. */
class Destination {
  readonly publishes: Message[][] = []
  decide: (publish: Publish) => void = () => {}
  readonly server: Server
  url = ''

  constructor(t: Scope, options: ServerOptions = {}) {
    this.server = createServer(options, session => {
      session.on('publish', publish => {
        this.decide(publish)
        const messages: Message[] = []
        this.publishes.push(messages)
        publish
          .accept()
          .on('data', (message: Message) => messages.push(message))
          .on('error', () => {})
      })
    })
    this.server.on('sessionError', () => {})
    t.teardown(() => this.server.listening && new Promise(resolve => this.server.close(resolve)))
  }

  async listen(port = 0): Promise<this> {
    await new Promise<void>(resolve => this.server.listen(port, '127.0.0.1', resolve))
    this.url = `rtmp://127.0.0.1:${this.port}/live/film`
    return this
  }

  get port(): number {
    return (this.server.address() as net.AddressInfo).port
  }
}

/** All the states of a relay, as they come. */
function states(relay: Relay): string[] {
  const seen: string[] = []
  for (const state of ['connecting', 'live', 'retrying', 'refused', 'ended'] as const)
    relay.on(state, () => seen.push(state))
  return seen
}

async function until(what: () => boolean): Promise<void> {
  while (!what()) await wait(5)
}

/** A stream that is published in this process: a keyframe every ten frames. */
class Source {
  readonly live = new LiveStream({ holdMs: 20 })
  readonly input = this.live.input()
  #at = 0

  constructor() {
    for (const message of [metadata(), video.header(), audio.header()]) this.input.write(message)
  }

  /** Each frame, and the audio behind it, in a turn of its own. */
  async frames(count: number, size?: number): Promise<void> {
    for (let i = 0; i < count; i++, this.#at += 40) {
      this.input.write(this.#at % 400 === 0 ? video.keyframe(this.#at, size) : video.frame(this.#at, size))
      this.input.write(audio.frame(this.#at + 5))
      await new Promise<void>(resolve => process.nextTick(resolve))
    }
  }
}

t.test('push: from the first keyframe to the last message, and then it ends', { buffered }, async t => {
  const to = await new Destination(t).listen()
  const source = new Source()
  const relay = pushLive(source.live, to.url, quick)
  t.equal(relay.state, 'waiting')
  const seen = states(relay)
  await source.frames(25)
  await until(() => relay.state === 'live')
  await source.frames(25)
  source.input.end()
  await until(() => relay.state === 'ended')
  t.same(seen, ['connecting', 'live', 'ended'])
  const [messages] = to.publishes
  t.same(messages!.slice(0, 4).map(word), ['meta@0', 'v header@0', 'a header@0', 'v key@0'])
  t.equal(word(messages!.at(-1)!), 'a@1965')
})

t.test(
  'what is refused is asked again, and begins at a keyframe with headers once it is granted',
  { buffered },
  async t => {
    const to = await new Destination(t).listen()
    const source = new Source()
    const relay = pushLive(source.live, to.url, quick)
    const seen = states(relay)
    let refusals = 3
    to.decide = () => {
      if (refusals-- > 0) throw new Refused('NetStream.Publish.BadName', 'taken')
    }
    const waits: number[] = []
    relay.on('refused', ({ error, ms }) => {
      t.match(error, { status: 'NetStream.Publish.BadName' })
      waits.push(ms)
    })
    while (relay.state !== 'live') {
      await source.frames(1)
      await wait(5)
    }
    t.same(waits, [20, 40, 80], 'each wait twice as long, up to the most')
    t.same(seen, [...Array(3).fill(['connecting', 'refused']).flat(), 'connecting', 'live'])
    await source.frames(20)
    source.input.end()
    await until(() => relay.state === 'ended')
    const [messages] = to.publishes
    t.ok(isMetadata(messages![0]!))
    const first = messages!.find(message => !isMetadata(message) && !isSequenceHeader(message))
    t.ok(isKeyframe(first!), word(first!))
  }
)

t.test('one that lags jumps to a keyframe, and tells what it left out', { buffered }, async t => {
  const to = await new Destination(t).listen()
  const source = new Source()
  const relay = pushLive(source.live, to.url, { ...quick, maxLagMs: 200 })
  await source.frames(1)
  await until(() => relay.state === 'live')
  const gaps: number[] = []
  relay.on('gap', ({ messages }) => gaps.push(messages))
  await source.frames(200, 60_000)
  source.input.end()
  await until(() => relay.state === 'ended')
  const got = to.publishes[0]!.filter(message => !isMetadata(message) && !isSequenceHeader(message))
  const missed = gaps.reduce((sum, messages) => sum + messages, 0)
  t.ok(missed > 0)
  t.equal(missed, 2 * 201 - got.length)
})

t.test('a destination that goes away and comes back; one of two does not hear of it', { buffered }, async t => {
  const [first, other] = [await new Destination(t).listen(), await new Destination(t).listen()]
  const source = new Source()
  const relays = [pushLive(source.live, first.url, quick), pushLive(source.live, other.url, quick)]
  const seen = relays.map(states)
  await source.frames(1)
  await until(() => relays.every(relay => relay.state === 'live'))
  const { port } = first
  for (const session of first.server.sessions) session.destroy()
  await new Promise(resolve => first.server.close(resolve))
  await until(() => relays[0]!.state === 'retrying')
  await source.frames(10)
  await new Destination(t).listen(port).then(again => {
    again.publishes.push([])
  })
  await until(() => relays[0]!.state === 'live')
  await source.frames(5)
  source.input.end()
  await until(() => relays.every(relay => relay.state === 'ended'))
  t.equal(seen[0]!.filter(state => state === 'live').length, 2)
  t.same(seen[1], ['connecting', 'live', 'ended'])
  t.equal(other.publishes[0]!.filter(message => !isMetadata(message) && !isSequenceHeader(message)).length, 32)
})

t.test('each wait is twice the last, until it was live for longer than it would wait', { buffered }, async t => {
  const clock = new TestClock()
  const { signal } = new AbortController()
  const to = await new Destination(t).listen()
  to.decide = () => {
    if (waits.length < 3) throw new Refused('NetStream.Publish.Denied')
  }
  const source = new Source()
  const relay = pushLive(source.live, to.url, { retryMs: 100, jitter: () => 1, clock, signal })
  const waits: number[] = []
  for (const state of ['refused', 'retrying'] as const) relay.on(state, ({ ms }) => waits.push(ms))
  await source.frames(1)
  for (const ms of [100, 200, 400]) {
    await until(() => waits.at(-1) === ms)
    await until(() => clock.timers === 1)
    clock.pass(ms)
  }
  for (const [liveMs, ms] of [
    [800, 800],
    [1601, 100]
  ] as const) {
    await until(() => relay.state === 'live')
    clock.pass(liveMs)
    for (const session of to.server.sessions) session.destroy()
    await until(() => waits.at(-1) === ms)
    await until(() => clock.timers === 1)
    clock.pass(ms)
  }
  t.same(waits, [100, 200, 400, 800, 100])
  relay[Symbol.dispose]()
  await until(() => relay.state === 'ended')
  t.same(getEventListeners(signal, 'abort'), [], 'nothing of it is left on the signal')
})

t.test('removed while live: it unpublishes, and nothing is left of it', { buffered }, async t => {
  const to = await new Destination(t).listen()
  const source = new Source()
  const relay = pushLive(source.live, to.url, quick)
  await source.frames(1)
  await until(() => relay.state === 'live')
  relay.close()
  await until(() => relay.state === 'ended')
  t.equal(source.live.readers, 0)
  await until(() => to.server.sessions.size === 0)
  relay.close()
})

t.test('closed while it waits, connects, and between two attempts', { buffered }, async t => {
  const waiting = pushLive(new LiveStream(), 'rtmp://127.0.0.1:1/live/film', quick)
  waiting.close()
  await until(() => waiting.state === 'ended')
  const source = new Source()
  const silent = net.createServer(() => {})
  await new Promise<void>(resolve => silent.listen(0, '127.0.0.1', resolve))
  t.teardown(() => silent.close())
  const connecting = pushLive(
    source.live,
    `rtmp://127.0.0.1:${(silent.address() as net.AddressInfo).port}/live/film`,
    quick
  )
  await source.frames(1)
  await until(() => connecting.state === 'connecting')
  await wait(20)
  connecting.close()
  await until(() => connecting.state === 'ended')
  const controller = new AbortController()
  const retrying = pushLive(source.live, 'rtmp://127.0.0.1:1/live/film', { retryMs: 1e6, signal: controller.signal })
  await until(() => retrying.state === 'retrying')
  controller.abort()
  await until(() => retrying.state === 'ended')
  t.equal(source.live.readers, 0)
})

t.test('a source that is over while a destination is away ends the attempts', { buffered }, async t => {
  const source = new Source()
  const relay = pushLive(source.live, 'rtmp://127.0.0.1:1/live/film', { retryMs: 1e6 })
  await source.frames(1)
  await until(() => relay.state === 'retrying')
  source.input.end()
  await until(() => relay.state === 'ended')
  t.pass('it ended')
})

t.test('pull: what another server plays becomes a live stream here, and a break is bridged', { buffered }, async t => {
  const far = new LiveStream({ holdMs: 20 })
  const origin = createServer(session => {
    session.on('play', play => pipeline(far.player(), play.accept(), () => {}))
  })
  origin.on('sessionError', () => {})
  await new Promise<void>(resolve => origin.listen(0, '127.0.0.1', resolve))
  t.teardown(() => origin.close())
  const input = far.input()
  for (const message of [metadata(), video.header(), video.keyframe(0)]) input.write(message)
  const live = new LiveStream({ holdMs: 600_000 })
  const got: Message[] = []
  live.subscribe().on('data', message => got.push(message))
  const relay = pullLive(`rtmp://127.0.0.1:${(origin.address() as net.AddressInfo).port}/live/film`, live, quick)
  const seen = states(relay)
  await until(() => got.length === 3)
  for (const session of origin.sessions) session.destroy()
  await until(() => seen.filter(state => state === 'live').length === 2)
  input.write(video.keyframe(400))
  input.write(video.frame(440))
  await until(() => got.length >= 6)
  input.end()
  await until(() => relay.state === 'ended')
  live.close()
  t.same(seen, ['connecting', 'live', 'retrying', 'connecting', 'live', 'ended'])
  const times = got.map(({ timestamp }) => timestamp)
  t.same(
    times,
    [...times].sort((a, b) => a - b),
    `one timeline: ${times}`
  )
})

/** A wire to a port that can be cut without a word: what was connected stands still, and whoever comes then passes. */
class Wire {
  readonly #server: net.Server
  readonly #ends = new Set<net.Socket>()

  constructor(t: Scope, port: number) {
    this.#server = net.createServer(near => {
      const far = net.connect(port, '127.0.0.1')
      for (const end of [near, far]) this.#ends.add(end.on('error', () => {}))
      near.pipe(far).pipe(near)
    })
    t.teardown(() => {
      for (const end of this.#ends) end.destroy()
      this.#server.close()
    })
  }

  async listen(): Promise<string> {
    await new Promise<void>(resolve => this.#server.listen(0, '127.0.0.1', resolve))
    return `rtmp://127.0.0.1:${(this.#server.address() as net.AddressInfo).port}/live/film`
  }

  cut(): void {
    for (const end of this.#ends) end.unpipe().pause()
  }
}

/** Time goes on, and what is on its way meanwhile arrives. */
async function passes(clock: TestClock, ms: number): Promise<void> {
  for (let at = 0; at < ms; at += 50) {
    for (let turn = 0; turn < 20; turn++) await turnOfTheLoop()
    clock.pass(50)
  }
}

t.test('a source that vanishes without a word is connected to anew', { buffered }, async t => {
  const far = new LiveStream()
  const input = far.input()
  const origin = createServer(session => {
    session.on('play', play => pipeline(far.player(), play.accept(), () => {}))
  })
  await new Promise<void>(resolve => origin.listen(0, '127.0.0.1', resolve))
  t.teardown(() => origin.close())
  const wire = new Wire(t, (origin.address() as net.AddressInfo).port)
  const live = new LiveStream()
  const clock = new TestClock()
  const relay = pullLive(await wire.listen(), live, { ...quick, clock, limits: { pingMs: 1000 } })
  const seen = states(relay)
  const reasons: unknown[] = []
  relay.on('retrying', ({ error }: Retry) => reasons.push(error))
  await until(() => seen.at(-1) === 'live')
  // it has sent nothing yet, and answers: it waits
  await passes(clock, 2500)
  t.same(seen, ['connecting', 'live'])
  wire.cut()
  while (seen.length < 5) await passes(clock, 100)
  t.match(reasons, [{ code: 'ERR_RTMP_IDLE' }])
  const got: Message[] = []
  live.subscribe().on('data', message => got.push(message))
  input.write(video.keyframe(0))
  await until(() => got.length === 1)
  t.same(seen, ['connecting', 'live', 'retrying', 'connecting', 'live'])
  relay.close()
  for (const each of [far, live]) each.close()
})

t.test('a destination that vanishes without a word is connected to anew', { buffered }, async t => {
  const to = await new Destination(t).listen()
  const source = new Source()
  const wire = new Wire(t, to.port)
  const clock = new TestClock()
  const relay = pushLive(source.live, await wire.listen(), { ...quick, clock, limits: { pingMs: 1000 } })
  const seen = states(relay)
  const reasons: unknown[] = []
  relay.on('retrying', ({ error }: Retry) => reasons.push(error))
  await source.frames(10)
  await until(() => to.publishes[0]?.length === 23)
  // it answers, and is left alone
  await passes(clock, 2500)
  t.same(seen, ['connecting', 'live'])
  wire.cut()
  while (seen.length < 5) {
    await source.frames(1)
    await passes(clock, 100)
  }
  t.match(reasons, [{ code: 'ERR_RTMP_IDLE' }])
  await until(() => to.publishes.length === 2)
  source.input.end()
  await until(() => relay.state === 'ended')
})

t.test('pull into a stream that somebody publishes: it is never said to be live', { buffered }, async t => {
  const origin = createServer(session => {
    session.on('play', play => void play.accept().write(video.keyframe(0)))
  })
  origin.on('sessionError', () => {})
  await new Promise<void>(resolve => origin.listen(0, '127.0.0.1', resolve))
  t.teardown(() => origin.close())
  const live = new LiveStream()
  const input = live.input()
  t.teardown(() => input.destroy())
  const relay = pullLive(`rtmp://127.0.0.1:${(origin.address() as net.AddressInfo).port}/live/film`, live, quick)
  const seen = states(relay)
  await until(() => seen.filter(state => state === 'refused').length > 1)
  relay.close()
  await until(() => relay.state === 'ended')
  t.notOk(seen.includes('live'), seen.join())
})

t.test('pull on demand: it is let go when the last player has left', { buffered }, async t => {
  const live = new LiveStream({ holdMs: 10 })
  const relay = pullLive('rtmp://127.0.0.1:1/live/film', live, quick)
  live.once('unread', () => relay.close())
  const player = live.player()
  await until(() => relay.state === 'retrying')
  player.destroy()
  await until(() => relay.state === 'ended')
  t.pass('it ended')
})

t.test('a source that has ended is asked again, if that is wanted', { buffered }, async t => {
  let plays = 0
  const origin = createServer(session => {
    session.on('play', play => {
      plays++
      play.accept().end(video.keyframe(0))
    })
  })
  await new Promise<void>(resolve => origin.listen(0, '127.0.0.1', resolve))
  t.teardown(() => origin.close())
  const url = `rtmp://127.0.0.1:${(origin.address() as net.AddressInfo).port}/live/film`
  const relay = pullLive(url, new LiveStream(), { ...quick, awayMs: Number.POSITIVE_INFINITY })
  const reasons: unknown[] = []
  relay.on('retrying', ({ error }) => reasons.push(error))
  await until(() => plays === 3)
  relay.close()
  t.same(reasons.slice(0, 2), [undefined, undefined], 'no error: it had ended')
})

t.test('for awayMs and no longer, and not at all if it was a recording', { buffered }, async t => {
  let plays = 0
  let recorded = false
  const origin = createServer(session => {
    session.on('play', play => {
      if (++plays === 1) play.accept({ recorded }).end(video.keyframe(0))
      else play.reject('NetStream.Play.StreamNotFound')
    })
  })
  await new Promise<void>(resolve => origin.listen(0, '127.0.0.1', resolve))
  t.teardown(() => origin.close())
  const url = `rtmp://127.0.0.1:${(origin.address() as net.AddressInfo).port}/live/film`
  const asked = async (awayMs: number) => {
    plays = 0
    const relay = pullLive(url, new LiveStream(), { ...quick, awayMs })
    await until(() => relay.state === 'ended')
    return plays
  }
  t.equal(await asked(0), 1)
  t.ok((await asked(100)) > 1)
  recorded = true
  t.equal(await asked(60_000), 1)
  t.throws(() => pullLive(url, new LiveStream(), { awayMs: -1 }), RangeError)
})

/** The only session of a server, or the first. */
const sessionOf = (server: Server): ServerSession => [...server.sessions][0]!

/** What readers of a stream get: a frame each, without the state ahead of a start. */
const frames = (messages: readonly Message[]) =>
  messages.filter(message => !isMetadata(message) && !isSequenceHeader(message)).map(word)

/** Two destinations, a push to the first, and what a reader of its source gets. */
async function pushing(t: Scope, options: PushOptions = {}) {
  const [one, two] = [await new Destination(t).listen(), await new Destination(t).listen()]
  const source = new Source()
  const all: Message[] = []
  source.live.subscribe({ wait: true }).on('data', message => all.push(message))
  const relay = pushLive(source.live, one.url, { ...quick, ...options })
  const told: unknown[] = []
  relay.on('moved', url => told.push(url)).on('stayed', error => told.push(error ?? 'declined'))
  await source.frames(15)
  await until(() => relay.state === 'live' && one.publishes.length === 1)
  const ask = (options?: ReconnectOptions) => sessionOf(one.server).requestReconnect(options)
  const end = async () => {
    source.input.end()
    await until(() => relay.state === 'ended')
  }
  return { one, two, source, all, relay, told, ask, end }
}

t.test(
  'a push follows a request to reconnect at a keyframe: each message once, in order, with its timestamp',
  { buffered },
  async t => {
    const { one, two, source, all, relay, told, ask, end } = await pushing(t)
    const seen = states(relay)
    const app = two.url.replace('/film', '')
    t.ok(ask({ tcUrl: app, description: 'update' }))
    while (told.length === 0) {
      await source.frames(1)
      await wait(2)
    }
    await source.frames(25)
    await until(() => one.server.sessions.size === 0)
    await end()
    t.same(told, [app])
    t.same(seen, ['ended'], 'it was live all the time')
    const [first, second] = [one.publishes[0]!, two.publishes[0]!]
    t.same([one.publishes.length, two.publishes.length], [1, 1])
    t.same([...frames(first), ...frames(second)], frames(all))
    t.match(second.slice(0, 4).map(word), [/meta@0/, /v header@/, /a header@/, /v key@/], 'and it starts as any')
  }
)

t.test('a request that is declined, or cannot be followed, changes nothing', { buffered }, async t => {
  const requests: unknown[] = []
  let decision: boolean | string | Error = false
  const reconnect = (request: ReconnectRequest) => {
    requests.push(request)
    if (decision instanceof Error) throw decision
    return decision
  }
  const { one, two, source, all, relay, told, ask, end } = await pushing(t, { reconnect, timeoutMs: 500 })
  const app = two.url.replace('/film', '')
  const silent = net.createServer(() => {})
  await new Promise<void>(resolve => silent.listen(0, '127.0.0.1', resolve))
  t.teardown(() => silent.close())
  const asks = async (tcUrl: string, decide: boolean | string | Error) => {
    decision = decide
    const before = told.length
    ask({ tcUrl })
    while (told.length === before) {
      await source.frames(1)
      await wait(2)
    }
    await source.frames(12)
    return told.at(-1)
  }
  t.equal(await asks(app, false), 'declined')
  t.match(await asks(app, new TypeError('mine')), { message: 'mine' })
  t.match(await asks('http://127.0.0.1/live', true), TypeError)
  t.match(await asks('rtmp://127.0.0.1:1/live', true), { code: 'ECONNREFUSED' })
  t.match(await asks(`rtmp://127.0.0.1:${(silent.address() as net.AddressInfo).port}/live`, true), {
    code: 'ERR_RTMP_HANDSHAKE_TIMEOUT'
  })
  t.equal(relay.state, 'live')
  t.equal(two.publishes.length, 0)
  t.same(requests[0], { tcUrl: app, description: '' })
  t.equal(await asks('rtmp://127.0.0.1:1/live', app), app, 'another URL than the one asked for')
  await end()
  t.same([...frames(one.publishes[0]!), ...frames(two.publishes[0]!)], frames(all))
})

t.test('with reconnect: false a server is not told that it could ask', { buffered }, async t => {
  const { source, ask, end } = await pushing(t, { reconnect: false })
  t.notOk(ask())
  await source.frames(1)
  await end()
})

t.test('TLS is not given up, unless the application says so; no password is told', { buffered }, async t => {
  const one = await new Destination(t).listen()
  const source = new Source()
  const plain = (where: RtmpUrl, options: DialOptions) => dial({ ...where, scheme: 'rtmp' }, options)
  const url = one.url.replace('rtmp://', 'rtmps://ada:secret@')
  const relay = pushLive(source.live, url, { ...quick, dial: plain })
  const told: unknown[] = []
  relay.on('moved', to => told.push(to)).on('stayed', error => told.push(error))
  const frameUntil = async (count: number) => {
    while (told.length < count) {
      await source.frames(1)
      await wait(2)
    }
  }
  await source.frames(12)
  await until(() => relay.state === 'live')
  sessionOf(one.server).requestReconnect({ tcUrl: one.url.replace('/film', '') })
  await frameUntil(1)
  sessionOf(one.server).requestReconnect()
  await frameUntil(2)
  t.match([`${told[0]}`, told[1]], [/without TLS/, one.url.replace('rtmp:', 'rtmps:').replace('/film', '')])
  source.input.end()
  await until(() => relay.state === 'ended')
})

t.test('asked for the same URL, it ends the publish there first', { buffered }, async t => {
  const { one, source, all, told, ask, end } = await pushing(t)
  let publishes = 1
  one.decide = () => {
    if ([...one.server.sessions].some(({ publishing }) => publishing.length > 0))
      throw new Refused('NetStream.Publish.BadName', 'taken')
    publishes++
  }
  ask()
  while (told.length === 0) {
    await source.frames(1)
    await wait(2)
  }
  await end()
  t.same([publishes, told], [2, [one.url.replace('/film', '')]])
  t.same(one.publishes.flatMap(frames), frames(all))
})

t.test(
  'one whose server leaves before the new one has answered goes on there, and then at home',
  { buffered },
  async t => {
    const { one, two, source, told, ask, relay, end } = await pushing(t)
    const seen = states(relay)
    ask({ tcUrl: two.url.replace('/film', '') })
    sessionOf(one.server).close()
    while (two.publishes.length === 0) {
      await source.frames(1)
      await wait(2)
    }
    const home = one.publishes.length
    sessionOf(two.server).destroy()
    two.decide = () => {
      throw new Refused('NetStream.Publish.BadName', 'no more')
    }
    while (one.publishes.length === home) {
      await source.frames(1)
      await wait(2)
    }
    t.match(told, told.length === 0 ? [] : [two.url.replace('/film', '')])
    // the server's answer is on its way
    while (seen.at(-1) !== 'live') await wait(2)
    await end()
  }
)

/** A server that plays a stream of this process. */
async function origin(t: Scope, far: LiveStream) {
  const server = createServer(session => {
    session.on('play', play => pipeline(far.player(), play.accept(), () => {}))
  })
  server.on('sessionError', () => {})
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  t.teardown(() => server.close())
  return { server, app: `rtmp://127.0.0.1:${(server.address() as net.AddressInfo).port}/live` }
}

t.test(
  'a pull follows a request to reconnect: each message once, in order, with its timestamp',
  { buffered },
  async t => {
    const [source, mirror] = [new Source(), new Source()]
    const [one, two] = [await origin(t, source.live), await origin(t, mirror.live)]
    const both = async (count: number) => {
      for (let i = 0; i < count; i++) {
        await source.frames(1)
        await mirror.frames(1)
        await wait(2)
      }
    }
    const live = new LiveStream()
    const all: Message[] = []
    const got: Message[] = []
    source.live.subscribe({ wait: true }).on('data', message => all.push(message))
    live.subscribe().on('data', message => got.push(message))
    const relay = pullLive(`${one.app}/film`, live, quick)
    const told: unknown[] = []
    relay.on('moved', url => told.push(url)).on('stayed', error => told.push(error))
    const seen = states(relay)
    await both(15)
    await until(() => got.length > 20)
    sessionOf(one.server).requestReconnect({ tcUrl: 'rtmp://127.0.0.1:1/live' })
    while (told.length === 0) await both(1)
    t.match(told, [{ code: 'ECONNREFUSED' }])
    sessionOf(one.server).requestReconnect({ tcUrl: two.app })
    while (told.length === 1) await both(1)
    t.equal(told[1], two.app)
    await until(() => one.server.sessions.size === 0)
    await both(15)
    for (const each of [source, mirror]) each.input.end()
    await until(() => relay.state === 'ended' && all.at(-1)?.timestamp === got.at(-1)?.timestamp)
    t.same(seen, ['connecting', 'live', 'ended'])
    t.same(frames(got), frames(all))
  }
)

t.test('many retries leave no listener behind', { buffered }, async t => {
  const warnings: Error[] = []
  const warned = (warning: Error) => warnings.push(warning)
  process.on('warning', warned)
  t.teardown(() => process.off('warning', warned))
  const source = new Source()
  await source.frames(1)
  const relay = pushLive(source.live, 'rtmp://127.0.0.1:1/live/film', { retryMs: 1, maxRetryMs: 1 })
  const seen = states(relay)
  await until(() => seen.filter(state => state === 'retrying').length > 30)
  relay.close()
  await until(() => relay.state === 'ended')
  t.same(warnings, [])
})

t.test('what is no URL of a stream, or no time, is told at once', { buffered }, async t => {
  t.throws(() => pushLive(new LiveStream(), 'rtmp://host/'), TypeError)
  t.throws(() => pullLive('film.flv', new LiveStream()), TypeError)
  for (const options of [{ retryMs: 0 }, { maxRetryMs: -1 }, { timeoutMs: Number.NaN }, { maxLagMs: 0 }]) {
    t.throws(() => pushLive(new LiveStream(), 'rtmp://host/live/film', options), RangeError)
  }
})
