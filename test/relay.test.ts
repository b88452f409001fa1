import { getEventListeners } from 'node:events'
import net from 'node:net'
import { pipeline } from 'node:stream'
import { setTimeout as wait } from 'node:timers/promises'
import {
  createServer,
  isKeyframe,
  isMetadata,
  isSequenceHeader,
  LiveStream,
  type Message,
  type Publish,
  pullLive,
  pushLive,
  Refused,
  type Relay,
  type Retry,
  type Server,
  type ServerOptions
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
  const live = new LiveStream({ holdMs: 500 })
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
  const relay = pullLive(await wire.listen(), live, { ...quick, limits: { pingMs: 1000 } })
  const seen = states(relay)
  const reasons: unknown[] = []
  relay.on('retrying', ({ error }: Retry) => reasons.push(error))
  // it has sent nothing yet, and answers: it waits
  await wait(2500)
  t.same(seen, ['connecting', 'live'])
  wire.cut()
  await until(() => seen.length === 5)
  t.match(reasons, [{ code: 'ERR_RTMP_IDLE' }])
  const got: Message[] = []
  live.subscribe().on('data', message => got.push(message))
  input.write(video.keyframe(0))
  await until(() => got.length === 1)
  t.same(seen, ['connecting', 'live', 'retrying', 'connecting', 'live'])
  relay.close()
  input.destroy()
})

t.test('a destination that vanishes without a word is connected to anew', { buffered }, async t => {
  const to = await new Destination(t).listen()
  const source = new Source()
  const wire = new Wire(t, to.port)
  const relay = pushLive(source.live, await wire.listen(), { ...quick, limits: { pingMs: 1000 } })
  const seen = states(relay)
  const reasons: unknown[] = []
  relay.on('retrying', ({ error }: Retry) => reasons.push(error))
  await source.frames(10)
  await until(() => to.publishes[0]?.length === 23)
  // it answers, and is left alone
  await wait(2500)
  t.same(seen, ['connecting', 'live'])
  wire.cut()
  while (seen.length < 5) {
    await source.frames(1)
    await wait(5)
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
