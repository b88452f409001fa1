import { type Duplex, duplexPair } from 'node:stream'
import { setImmediate as turnOfTheLoop, setTimeout as wait } from 'node:timers/promises'
import {
  type Command,
  commandMessage,
  commandRewriter,
  createCommand,
  type Message,
  messageWire,
  type ProxyOptions,
  proxy,
  Refused,
  RtmpError,
  readCommand,
  setChunkSize,
  stage,
  userControlMessage,
  windowAcknowledgementSize
} from 'rtmpipe'
import t from 'tap'
import { TestClock } from './support/clock.ts'
import { audio, metadata, video } from './support/media.ts'
import { line } from './support/peer.ts'

/** A client and an origin by hand, with a proxy between them. */
class Between {
  readonly clock = new TestClock()
  readonly client: Duplex
  readonly origin: Duplex
  /** The proxy's own wires. */
  readonly near: Duplex
  readonly far: Duplex
  readonly ended: Promise<Error | undefined>
  readonly atOrigin: Message[] = []
  readonly atClient: Message[] = []
  reason: Error | undefined | 'none yet' = 'none yet'

  constructor(transform?: Duplex, options: ProxyOptions = {}) {
    const { clock } = this
    const [a, b] = duplexPair() as [Duplex, Duplex]
    const [c, d] = duplexPair() as [Duplex, Duplex]
    this.client = messageWire(a, { role: 'client', clock: new TestClock() })
    this.near = messageWire(b, { clock })
    this.far = messageWire(c, { role: 'client', clock })
    this.origin = messageWire(d, { clock: new TestClock() })
    this.origin.on('data', message => this.atOrigin.push(message)).on('error', () => {})
    this.client.on('data', message => this.atClient.push(message)).on('error', () => {})
    this.ended = proxy(this.near, this.far, transform, { clock, ...options })
    void this.ended.then(reason => {
      this.reason = reason
    })
  }

  async settle(): Promise<this> {
    for (let i = 0; i < 20; i++) await turnOfTheLoop()
    return this
  }

  asks(name: string, transactionId: number, args: never[] | unknown[], messageStreamId = 0): Promise<this> {
    this.client.write(commandMessage(createCommand(name, transactionId, args as never[], { messageStreamId })))
    return this.settle()
  }

  answers(name: string, transactionId: number, args: unknown[] = []): Promise<this> {
    this.origin.write(commandMessage(createCommand(name, transactionId, args as never[])))
    return this.settle()
  }

  /** Connected, and publishing on message stream 1. */
  async publishing(): Promise<this> {
    await this.asks('connect', 1, [{ app: 'live' }])
    await this.answers('_result', 1, [{}, { code: 'NetConnection.Connect.Success' }])
    await this.asks('publish', 5, [null, 'film', 'live'], 1)
    this.atClient.length = this.atOrigin.length = 0
    return this
  }

  said(): string[] {
    return this.atClient.splice(0).map(line)
  }
}

const info = { app: 'live', tcUrl: 'rtmp://near/live' }

t.test('what nobody touches leaves with the bytes it came as, both ways', async t => {
  const between = new Between()
  const odd = commandMessage(createCommand('connect', 1, [{ ...info, x: Number.NaN }, 'more'], { encoding: 3 }))
  const film = [metadata(), video.header(), video.keyframe(0, 20_000), audio.frame(5), video.frame(40, 70_000)]
  for (const message of [odd, ...film]) between.client.write(message)
  await between.settle()
  const bodies = (messages: readonly Message[]) => messages.map(({ chunkStreamId: _, ...rest }) => rest)
  t.same(bodies(between.atOrigin), bodies([odd, ...film]))
  between.client.write({ ...video.frame(80), chunkStreamId: 77 })
  await between.settle()
  t.equal(between.atOrigin.at(-1)?.chunkStreamId, 77, 'on the chunk stream it came on')
  const answer = [
    userControlMessage({ kind: 'StreamBegin', messageStreamId: 0 }),
    userControlMessage({ kind: 'PingRequest', timestamp: 7 }),
    commandMessage(createCommand('_result', 1, [{ fmsVer: 'x' }, null])),
    ...film
  ]
  for (const message of answer) between.origin.write(message)
  await between.settle()
  t.same(bodies(between.atClient), bodies(answer))
})

t.test('what belongs to one hop is not passed on', async t => {
  const between = new Between()
  for (const message of [setChunkSize(777), windowAcknowledgementSize(5000)]) between.client.write(message)
  for (const message of [setChunkSize(999), windowAcknowledgementSize(6000)]) between.origin.write(message)
  await between.settle()
  t.same([between.atOrigin, between.atClient], [[], []])
})

t.test('keys, apps and URLs are said in other words, and may be waited for', async t => {
  const asked: string[] = []
  const between = new Between(
    commandRewriter({
      connect: ({ app, ...rest }) => ({ ...rest, app: `${String(app)}-2`, tcUrl: 'rtmp://far/live-2' }),
      async name(name, asking) {
        asked.push(asking)
        await wait(5)
        return name === 'public' ? 'secret' : name
      }
    })
  )
  await between.asks('connect', 1, [info])
  for (const [name, id] of [
    ['releaseStream', 2],
    ['FCPublish', 3],
    ['publish', 5]
  ] as const) {
    await between.asks(name, id, [null, 'public'], id === 5 ? 1 : 0)
  }
  await between.asks('FCUnpublish', 6, [null, 'another'])
  between.client.write(video.keyframe(0))
  while (between.atOrigin.length < 6) await wait(1)
  t.same(between.atOrigin.map(line), [
    'connect 1 {}',
    ...['releaseStream 2 null secret', 'FCPublish 3 null secret', '#1 publish 5 null secret'],
    ...['FCUnpublish 6 null another', '#1 v key@0']
  ])
  t.same(asked, ['releaseStream', 'FCPublish', 'publish', 'FCUnpublish'])
})

t.test('a client that leaves in mid-publish: all it sent reaches the origin, and then the end', async t => {
  const between = await new Between().publishing()
  for (let i = 0; i < 50; i++) between.client.write(video.keyframe(i * 40, 5000))
  between.client.end()
  await between.settle()
  t.equal(between.atOrigin.length, 50)
  t.ok(between.origin.readableEnded)
  between.clock.pass(2000)
  await between.settle()
  t.equal(between.reason, undefined, 'no error')
  t.equal(between.clock.timers, 0)
})

t.test('a client that breaks off: what it had sent reaches the origin', async t => {
  const between = await new Between().publishing()
  for (let i = 0; i < 5; i++) between.client.write(video.keyframe(i * 40, 5000))
  await between.settle()
  between.near.destroy(new RtmpError('ERR_RTMP_STALLED'))
  await between.settle()
  t.equal(between.atOrigin.length, 5)
  t.ok(between.origin.readableEnded)
  between.clock.pass(2000)
  await between.settle()
  t.match(between.reason, { code: 'ERR_RTMP_STALLED' })
})

t.test('a client that breaks off while the origin is slow: what had come in reaches it', async t => {
  let passed = 0
  const counting = stage<Message | Command, Message | Command>((item, push) => {
    passed++
    push(item)
  })()
  const between = await new Between(counting).publishing()
  between.origin.pause()
  for (let i = 0; i < 200; i++) between.client.write(video.keyframe(i * 40, 50_000))
  await between.settle()
  const reached = passed - 2
  t.ok(reached < 200, `${reached} have come in`)
  between.near.destroy(new RtmpError('ERR_RTMP_STALLED'))
  await between.settle()
  between.origin.resume()
  await between.settle()
  t.ok(between.atOrigin.length >= reached, `${between.atOrigin.length} have come out`)
})

t.test('an origin that says goodbye: its last words arrive', async t => {
  const between = await new Between().publishing()
  between.origin.end(commandMessage(createCommand('onStatus', 0, [null, { code: 'x' }], { messageStreamId: 1 })))
  await between.settle()
  t.same(between.said(), ['#1 onStatus 0 null x'])
  t.ok(between.client.readableEnded)
  between.clock.pass(2000)
  t.equal((await between.settle()).reason, undefined)
})

t.test('an origin that nobody reaches, or that breaks off: the client hears why, and it is over in time', async t => {
  const early = new Between()
  await early.asks('connect', 1, [info])
  early.far.destroy(new Error('connect ECONNREFUSED'))
  await early.settle()
  t.match(readCommand(early.atClient[0]!).args, [null, { level: 'error', description: 'connect ECONNREFUSED' }])
  t.same(early.said(), ['_error 1 null NetConnection.Connect.Closed'])
  early.clock.pass(2000)
  t.match((await early.settle()).reason, { message: 'connect ECONNREFUSED' })
  t.equal(early.clock.timers, 0)

  const late = await new Between().publishing()
  await late.asks('play', 6, [null, 'other'], 2)
  late.far.destroy(new RtmpError('ERR_RTMP_STALLED'))
  await late.settle()
  t.same(late.said(), [
    'onStatus 0 null NetConnection.Connect.Closed',
    '#1 onStatus 0 null NetConnection.Connect.Closed',
    '#2 onStatus 0 null NetConnection.Connect.Closed'
  ])
  t.ok(late.client.readableEnded)
  for (let i = 0; i < 100; i++) late.client.write(video.keyframe(i, 10_000))
  late.clock.pass(1999)
  t.equal((await late.settle()).reason, 'none yet', 'it may linger')
  late.clock.pass(1)
  t.match((await late.settle()).reason, { code: 'ERR_RTMP_STALLED' })
  t.equal(late.clock.timers, 0)
})

t.test('an origin that is lost without a reason, or in the middle of a goodbye', async t => {
  const lost = await new Between().publishing()
  lost.far.destroy()
  await lost.settle()
  const levels = lost.atClient.map(message => (readCommand(message).args[1] as { level: string }).level)
  t.same(levels, ['error', 'error'], 'the client is told')
  for (let i = 0; i < 100; i++) lost.client.write(video.keyframe(i, 10_000))
  lost.client.end()
  t.match((await lost.settle()).reason, { code: 'ERR_STREAM_PREMATURE_CLOSE' }, 'over as soon as it has left')
  t.equal(lost.clock.timers, 0)

  const left = await new Between().publishing()
  left.client.end()
  await left.settle()
  left.far.destroy(new RtmpError('ERR_RTMP_STALLED'))
  left.clock.pass(2000)
  t.match(
    (await left.settle()).reason,
    { code: 'ERR_RTMP_STALLED' },
    'which counts, though the client has ended before'
  )
})

t.test('what answers connect, and what does not', async t => {
  const asked = await new Between().asks('connect', 1, [info])
  await asked.answers('onBWDone', 0)
  await asked.answers('close', 1)
  await asked.answers('_result', 2)
  asked.said()
  asked.far.destroy(new RtmpError('ERR_RTMP_STALLED'))
  await asked.settle()
  t.same(asked.said(), ['_error 1 null NetConnection.Connect.Closed'])

  const refused = await new Between().asks('connect', 1, [info])
  await refused.answers('_error', 1, [null, { code: 'NetConnection.Connect.Rejected' }])
  refused.said()
  refused.far.destroy(new RtmpError('ERR_RTMP_STALLED'))
  await refused.settle()
  t.same(refused.said(), ['onStatus 0 null NetConnection.Connect.Closed'], 'it is not answered twice')
})

t.test('an origin that answers nothing', async t => {
  const between = new Between(undefined, { timeoutMs: 3000 })
  await between.asks('connect', 1, [info])
  between.clock.pass(3000)
  await between.settle()
  t.same(between.said(), ['_error 1 null NetConnection.Connect.Closed'])
  t.ok(between.origin.readableEnded, 'and the origin is let go')
  between.clock.pass(2000)
  t.match((await between.settle()).reason, { code: 'ERR_RTMP_ANSWER_TIMEOUT' })
})

t.test('a client that asks without end leaves no more behind than one that asks once', async t => {
  const between = new Between()
  for (let i = 0; i < 5; i++) await between.asks('connect', 1, [info])
  t.equal(between.clock.timers, 1, 'one timer, whatever is asked')
  await between.answers('_result', 1, [{}, {}])
  t.equal(between.clock.timers, 0)
  for (let id = 1; id <= 200; id++) await between.asks('publish', 5, [null, 'film'], id)
  between.said()
  between.far.destroy(new RtmpError('ERR_RTMP_STALLED'))
  await between.settle()
  t.equal(between.said().length, 1 + 32, 'as many message streams are told as one connection may have')
  between.clock.pass(2000)
  t.match((await between.settle()).reason, { code: 'ERR_RTMP_STALLED' })
})

t.test('an origin that refuses: its own words pass', async t => {
  const between = new Between()
  await between.asks('connect', 1, [info])
  between.origin.end(commandMessage(createCommand('_error', 1, [null, { code: 'NetConnection.Connect.Rejected' }])))
  await between.settle()
  t.same(between.said(), ['_error 1 null NetConnection.Connect.Rejected'])
  between.clock.pass(5000)
  t.equal((await between.settle()).reason, undefined)
})

t.test('a transform that refuses: the client hears its words', async t => {
  const between = new Between(
    commandRewriter({
      name() {
        throw new Refused('NetStream.Publish.Denied', 'unknown key')
      }
    })
  )
  await between.asks('connect', 1, [info])
  await between.answers('_result', 1, [{}, {}])
  between.said()
  await between.asks('publish', 5, [null, 'film'], 1)
  t.same(between.said(), ['onStatus 0 null NetStream.Publish.Denied', '#1 onStatus 0 null NetStream.Publish.Denied'])
  t.same(between.atOrigin.map(line), ['connect 1 {}'])
  await between.answers('_result', 5, [null])
  t.notOk(between.near.errored, 'what the origin says yet goes nowhere')
  between.clock.pass(2000)
  t.match((await between.settle()).reason, { status: 'NetStream.Publish.Denied' })
})

t.test('a transform that fails: what it threw is what the proxy settles with', async t => {
  const failure = new TypeError('no such table')
  for (const connect of [
    () => Promise.reject(failure),
    () => {
      throw failure
    }
  ]) {
    const between = new Between(commandRewriter({ connect }))
    await between.asks('connect', 1, [info])
    t.same(between.said(), ['_error 1 null NetConnection.Connect.Closed'])
    between.clock.pass(2000)
    t.equal((await between.settle()).reason, failure)
  }
})

t.test('a command that is none ends both, by its code', async t => {
  const between = new Between()
  between.client.write({ ...video.keyframe(0), type: 20, payload: Buffer.of(5, 5) })
  await between.settle()
  between.clock.pass(2000)
  t.match((await between.settle()).reason, { code: 'ERR_RTMP_COMMAND' })
})

t.test('an origin that is slow holds the client back', async t => {
  const between = await new Between().publishing()
  between.origin.pause()
  for (let i = 0; i < 500; i++) between.client.write(video.keyframe(i, 20_000))
  await between.settle()
  t.ok(between.client.writableLength > 300, `${between.client.writableLength} wait at the client`)
  between.origin.resume()
  for (let i = 0; i < 30; i++) await between.settle()
  t.equal(between.atOrigin.length, 500)
})
