import { once } from 'node:events'
import type net from 'node:net'
import { type Duplex, duplexPair, pipeline } from 'node:stream'
import { setImmediate as turnOfTheLoop } from 'node:timers/promises'
import {
  clientSession,
  connect,
  createServer,
  LiveStreams,
  MemoryBudget,
  type Message,
  messageWire,
  RtmpError,
  type ServerSession,
  SessionHost,
  type SessionHostOptions
} from 'rtmpipe'
import t from 'tap'
import { TestClock } from './support/clock.ts'
import { video } from './support/media.ts'

/** A wire into a host that never saw a port, and a client at its far end. */
async function guest(host: SessionHost, source = { peer: 'in memory', scheme: 'rtmp' }, counted?: object) {
  const [near, far] = duplexPair() as [Duplex, Duplex]
  const clock = new TestClock()
  const mine = messageWire(near, { clock })
  if (counted !== undefined) Object.defineProperty(mine, 'counters', { value: counted })
  const session = host.accept(mine, source)
  const wire = messageWire(far, { role: 'client', clock })
  const client = clientSession({ clock })
  pipeline([wire, client, wire], () => {})
  await client.connect({ app: 'live' })
  return { client, session, wire }
}

/** What a wire has counted. */
const counters = (n: number) => ({ bytesIn: 1000 * n, bytesOut: 2000 * n, messagesIn: 10 * n, messagesOut: 20 * n })

const isClosed = (each: Pick<ServerSession, 'closed'> & { once(event: 'close', go: () => void): unknown }) =>
  each.closed ? Promise.resolve() : new Promise<void>(resolve => each.once('close', resolve))

function host(options: SessionHostOptions = {}) {
  const clock = new TestClock()
  const made = new SessionHost({ clock, ...options })
  const errors: [string, ServerSession][] = []
  made.on('sessionError', (error, session) => errors.push([error.message, session]))
  return { made, clock, errors }
}

t.test('it takes wires from anywhere: a live server in memory', async t => {
  const { made, errors } = host()
  const lives = new LiveStreams({ clock: new TestClock(), holdMs: 0 })
  const report = (error?: Error | null) => error && t.fail(error.message)
  made.on('session', (session: ServerSession) => {
    session.on('publish', async publish => pipeline(publish.accept(), await lives.publish(publish.path), report))
    session.on('play', async play => pipeline(await lives.play(play.path), play.accept(), report))
  })
  const [encoder, player] = [await guest(made), await guest(made)]
  t.match(encoder.session, { peer: 'in memory', scheme: 'rtmp' })
  t.same([...made.sessions], [encoder.session, player.session])
  const publishing = await encoder.client.publish('film')
  const playing = await player.client.play('film')
  publishing.write(video.keyframe(0))
  const [frame] = (await once(playing, 'data')) as [Message]
  t.same(frame.payload, video.keyframe(0).payload)
  const another = await guest(made)
  await t.rejects(another.client.publish('film'), { name: 'Refused', status: 'NetStream.Publish.BadName' })
  await Promise.all([encoder, player, another].map(({ client }) => client.close()))
  while (made.sessions.size > 0) await turnOfTheLoop()
  t.same(errors, [])
})

t.test('what goes wrong in a session is told, and hurts no other', async t => {
  const { made, errors } = host()
  const [one, other] = [await guest(made), await guest(made)]
  const fault = new Error('enough')
  one.session.destroy(fault)
  await isClosed(one.session)
  await turnOfTheLoop()
  t.same(errors, [['enough', one.session]])
  t.equal(await other.client.call('_checkbw'), 0)
  made.on('session', (session: ServerSession) => session.on('publish', () => Promise.reject(new Error('mine'))))
  const third = await guest(made)
  await t.rejects(third.client.publish('film'), { name: 'Refused' })
  t.same(errors.at(-1), ['mine', third.session])
  await made[Symbol.asyncDispose]()
})

t.test('closed, it ends its sessions when their grace is over, and then any that comes', async t => {
  const { made, clock } = host()
  const { client } = await guest(made)
  let isOver = false
  const closing = made.close({ graceMs: 100 }).then(() => {
    isOver = true
  })
  const within = await guest(made)
  clock.pass(99)
  t.equal(await client.call('_checkbw'), 0, 'not within its grace')
  t.equal(isOver, false)
  clock.pass(1)
  await Promise.all([isClosed(client), isClosed(within.client), closing])
  t.equal(made.sessions.size, 0)
  t.equal(clock.timers, 0)
  made.on('session', () => t.fail('it takes no more'))
  const [near, far] = duplexPair() as [Duplex, Duplex]
  const late = made.accept(messageWire(near))
  far.resume().end()
  await isClosed(late)
  t.equal(late.closeReason, 'closed')
})

t.test('a grace may be cut short, and is over when all have left', async t => {
  const { made, clock } = host()
  const { client } = await guest(made)
  const closing = made.close({ graceMs: 60_000 })
  await Promise.all([made.close(), closing, isClosed(client)])
  t.equal(clock.timers, 0)
  const another = host()
  const { client: leaving } = await guest(another.made)
  const closed = another.made.close({ graceMs: 60_000 })
  await leaving.close()
  await closed
  t.equal(another.clock.timers, 0)
  await host().made.close()
})

t.test('what its sessions hold counts towards a budget', async t => {
  const clock = new TestClock()
  const budget = new MemoryBudget(1000, { clock })
  const { made, errors } = host({ budget })
  const { session } = await guest(made)
  const [near] = duplexPair() as [Duplex, Duplex]
  const big = made.accept(Object.assign(messageWire(near), { heldBytes: () => 2000 }))
  t.equal(budget.heldBytes, 2000)
  clock.pass(1000)
  await isClosed(big)
  while (made.sessions.size > 1) await turnOfTheLoop()
  t.match(errors, [[/MemoryBudget/, big]])
  t.equal(session.destroyed, false)
  await made.close()
  t.equal(clock.timers, 0)
})

t.test('its numbers are those of its sessions, and remain when they have ended', async t => {
  const { made, clock } = host()
  const none = { ...counters(0), strayMessages: 0, unknownMessages: 0, publishing: 0, playing: 0, waiting: 0 }
  clock.pass(7)
  t.same(made.stats(), { sessions: 0, begun: 0, ended: { left: 0, closed: 0 }, ...none, uptimeMs: 7 })
  made.on('session', (session: ServerSession) => {
    session.on('publish', publish => publish.accept().resume())
    session.on('play', play => play.accept())
  })
  const [one, other] = [await guest(made, undefined, counters(1)), await guest(made, undefined, counters(10))]
  t.same([one.session.id, other.session.id], [1, 2])
  await one.client.publish('film')
  const playing = await other.client.play('film')
  // Node 24 tells one end of a pair that the other was destroyed
  playing.on('error', () => {})
  one.wire.write({ type: 19, messageStreamId: 0, chunkStreamId: 3, timestamp: 0, payload: Buffer.of(0) })
  while (made.stats().unknownMessages === 0) await turnOfTheLoop()
  t.match(made.stats(), { sessions: 2, begun: 2, ...counters(11), publishing: 1, playing: 1, unknownMessages: 1 })
  await one.client.close()
  other.session.destroy(new RtmpError('ERR_RTMP_STALLED'))
  const third = await guest(made, undefined, counters(100))
  t.equal(third.session.id, 3, 'no number is given twice')
  third.session.destroy(Object.assign(new Error('mine'), { code: 'anything' }))
  while (made.sessions.size > 0) await turnOfTheLoop()
  t.match(made.stats(), { sessions: 0, begun: 3, ...counters(111), publishing: 0, playing: 0, unknownMessages: 1 })
  t.same(made.stats().ended, { left: 1, closed: 0, ERR_RTMP_STALLED: 1, other: 1 })
  t.equal(createServer().stats().sessions, 0)
})

t.test('a wire that was over before it came is a session that has left', async t => {
  const { made, errors } = host()
  const [near] = duplexPair() as [Duplex, Duplex]
  const wire = messageWire(near)
  wire.destroy()
  await once(wire, 'close')
  const session = made.accept(wire)
  await isClosed(session)
  while (made.sessions.size > 0) await turnOfTheLoop()
  t.equal(session.closeReason, 'left')
  t.same(errors, [])
})

t.test('what is wrong with its options is told at once', async t => {
  t.throws(() => new SessionHost({ limits: { pingMs: -1 } }), RangeError)
  t.throws(() => new SessionHost({ limits: { streams: 1 } as object }), TypeError)
})

t.test('a server is one with a port in front: its host takes wires that came another way', async t => {
  const clock = new TestClock()
  const server = createServer({ clock, limits: { connectMs: 600_000 } })
  const seen: string[] = []
  server.on('session', ({ scheme }) => seen.push(scheme))
  server.host.on('session', ({ scheme }) => seen.push(`host: ${scheme}`))
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as net.AddressInfo
  const far = await connect(`rtmp://127.0.0.1:${port}/live`)
  const near = await guest(server.host, { peer: '', scheme: 'ws' })
  t.same(seen, ['host: rtmp', 'rtmp', 'host: ws', 'ws'])
  t.equal(server.sessions.size, 2)
  // all connections are over, and those that are none here have their grace still
  const closed = once(server, 'close')
  server.close({ graceMs: 60_000 })
  await far.close()
  await closed
  t.equal(await near.client.call('_checkbw'), 0)
  clock.pass(60_000)
  await isClosed(near.client)
  // it may listen again
  await new Promise<void>(resolve => server.listen(port, '127.0.0.1', resolve))
  const again = await connect(`rtmp://127.0.0.1:${port}/live`)
  t.equal(await again.call('_checkbw'), 0)
  await Promise.all([server[Symbol.asyncDispose](), isClosed(again)])
  t.equal(server.sessions.size, 0)
})

t.test('and a listener that fails is a warning where nobody hears of it, by whichever of the two', async t => {
  const warnings: string[] = []
  const warn = (warning: Error) => warnings.push(warning.message)
  process.on('warning', warn)
  t.teardown(() => process.off('warning', warn))
  const server = createServer(session => {
    session.on('publish', publish => {
      throw new Error(publish.name)
    })
  })
  const { client } = await guest(server.host)
  await t.rejects(client.publish('unheard'))
  await turnOfTheLoop()
  t.same(warnings, ['a listener has failed: unheard'])
  const told: string[] = []
  server.on('sessionError', ({ message }) => told.push(message))
  await t.rejects(client.publish('heard'))
  server.host.on('sessionError', ({ message }) => told.push(`host: ${message}`))
  await t.rejects(client.publish('twice'))
  await turnOfTheLoop()
  t.same(told, ['heard', 'host: twice', 'twice'])
  t.same(warnings, ['a listener has failed: unheard'])
  await server.host.close()
})
