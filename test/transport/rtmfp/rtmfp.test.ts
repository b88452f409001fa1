import * as dgram from 'node:dgram'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import {
  authenticate,
  connect,
  createServer,
  dial,
  MemoryBudget,
  type Message,
  type Server,
  type ServerOptions,
  type ServerSession
} from 'rtmpipe'
import t, { type Test } from 'tap'
import { chance } from '../../support/chance.ts'
import { LiveServer } from '../../support/live-server.ts'
import { byKind, stream, video } from '../../support/media.ts'
import { UdpMiddlebox, type UdpMiddleboxOptions } from '../../support/udp-middlebox.ts'

type Scope = { teardown(end: () => unknown): unknown }

const live = { holdMs: 20 }
/** No frame is left out because this machine is busy. */
const patient = { lifetimes: { audioMs: 600_000, videoMs: 600_000 } }
const sent = stream(5)

/** Publishes from one app and plays from another, which lead to the same: all of it arrives. */
async function passes(t: Test, from: string, to: string, server: LiveServer, amid: () => void = () => {}) {
  await using player = await connect(to)
  const playing = await player.play('film')
  const read: Message[] = []
  playing.on('data', message => {
    if (read.push(message) === sent.length >> 1) amid()
  })
  await server.happens('play live/film')
  await using publisher = await connect(from)
  const publishing = await publisher.publish('film')
  for (const message of sent) {
    publishing.write(message)
    await sleep(10)
  }
  publishing.end()
  await once(playing, 'end')
  t.same(byKind(read), byKind(sent))
}

for (const [from, to] of [
  ['rtmfp', 'rtmfp'],
  ['rtmp', 'rtmfp'],
  ['rtmfp', 'rtmp']
] as const)
  t.test(`what is published by ${from} is played by ${to}`, async t => {
    const schemes: string[] = []
    const server = new LiveServer(t, { rtmfp: patient, live, prepare: ({ scheme }) => schemes.push(scheme) })
    const { host } = new URL(await server.listen())
    await passes(t, `${from}://${host}/live`, `${to}://${host}/live`, server)
    t.same(schemes, [to, from])
  })

const paths: [name: string, path: Partial<UdpMiddleboxOptions>, amid?: (box: UdpMiddlebox) => void][] = [
  ['that loses one of ten', { loss: 0.1, delay: [1, 2] }],
  ['on which datagrams overtake each other, and come twice', { delay: [0, 30], repeats: 0.2 }],
  ['that changes the addresses of both amid the stream', {}, box => box.rebind()]
]

for (const [name, path, amid] of paths)
  t.test(`a stream over a path ${name}: every message`, async t => {
    const server = new LiveServer(t, { rtmfp: patient, live })
    const { port } = new URL(await server.listen())
    const box = await UdpMiddlebox.open({ port: Number(port), chance: chance(3), ...path })
    t.teardown(() => box.close())
    const app = `rtmfp://127.0.0.1:${box.place.port}/live`
    await passes(t, app, app, server, amid && (() => amid(box)))
  })

/** A server at this address, and its app. */
async function serving(
  t: Scope,
  options: ServerOptions,
  begun: (session: ServerSession) => void = () => {},
  host = '127.0.0.1'
): Promise<{ server: Server; app: string }> {
  const server = createServer({ rtmfp: true, ...options }, begun)
  server.listen(0, host)
  await once(server, 'listening')
  t.teardown(() => server[Symbol.asyncDispose]())
  const { port } = server.address() as AddressInfo
  return { server, app: `rtmfp://${host.includes(':') ? `[${host}]` : host}:${port}/live` }
}

t.test('IPv6', async t => {
  const peers: string[] = []
  const { app } = await serving(t, {}, session => peers.push(session.peer), '::1')
  await using session = await connect(app)
  t.match(peers, [/^\[::1\]:\d+$/])
  t.equal(session.closeReason, undefined)
})

t.test('a user, a refusal of a publish and a path with a query, as by rtmp', async t => {
  const { app } = await serving(t, {}, session => {
    session.on('connect', authenticate({ password: user => (user === 'ada' ? 'secret' : undefined) }))
    session.on('publish', publish => {
      if (publish.query.get('key') === 'right') publish.accept().resume()
      else publish.reject('wrong key')
    })
  })
  await using session = await connect(app.replace('//', '//ada:secret@'))
  await t.rejects(session.publish('film?key=wrong'), { code: 'ERR_RTMP_REFUSED', message: /wrong key/ })
  await session.publish('film?key=right')
  await t.rejects(connect(app.replace('//', '//ada:wrong@')), { code: 'ERR_RTMP_REFUSED' })
})

/** The first error of a session of this server. */
const failure = async (server: Server) => {
  const [{ code }, { scheme }] = await once(server, 'sessionError')
  return `${scheme} ${code}`
}

t.test('a peer that asks for nothing ends by the limit of all schemes', async t => {
  const { server, app } = await serving(t, { limits: { connectMs: 20, lingerMs: 20 } })
  const idle = failure(server)
  const wire = dial(app)
  await once(wire.resume(), 'close')
  t.equal(await idle, 'rtmfp ERR_RTMP_CONNECT_TIMEOUT')
})

/** A server that sends what nobody reads. */
async function unread(t: Scope, options: ServerOptions): Promise<string> {
  const { server, app } = await serving(t, options, session =>
    session.on('play', async play => {
      const playing = play.accept().on('error', () => {})
      for (let at = 0; !playing.destroyed; at += 40)
        if (!playing.write(video.keyframe(at, 60_000)))
          await Promise.race([once(playing, 'drain'), once(playing, 'close')])
    })
  )
  const failed = failure(server)
  const session = await connect(app)
  const playing = await session.play('film')
  playing.on('error', () => {})
  const how = await failed
  session.destroy()
  return how
}

t.test('a player that reads nothing', async t => {
  t.equal(await unread(t, { limits: { stallMs: 100 } }), 'rtmfp ERR_RTMP_STALLED')
  t.equal(await unread(t, { budget: new MemoryBudget(10_000, { lookMs: 20 }) }), 'rtmfp ERR_RTMP_BUDGET')
})

t.test('signals end an attempt, a session and a server', async t => {
  const aborts = new AbortController()
  const { server, app } = await serving(t, { signal: aborts.signal })
  const own = new AbortController()
  const session = await connect(app, { signal: own.signal })
  const gone = once(server, 'close')
  own.abort()
  await once(session, 'close').catch(error => t.match(error, { name: 'AbortError' }))
  const other = await connect(app)
  aborts.abort()
  await Promise.all([gone, once(other, 'close')])
  await server[Symbol.asyncDispose]()
  t.equal(server.rtmfpAddress, undefined)

  const nobody = dgram.createSocket('udp4')
  await new Promise<void>(resolve => nobody.bind(0, '127.0.0.1', resolve))
  t.teardown(() => nobody.close())
  const late = new AbortController()
  const attempt = connect(`rtmfp://127.0.0.1:${nobody.address().port}/live`, { signal: late.signal })
  await once(nobody, 'message')
  late.abort()
  await t.rejects(attempt, { name: 'AbortError' })
})

t.test('a profile that is none is an error at once, at a server and a client', async t => {
  const profile = 'modern' as 'default'
  t.throws(() => createServer({ rtmfp: { profile } }), TypeError)
  t.throws(() => dial('rtmfp://127.0.0.1/live', { rtmfp: { profile } }), TypeError)
})

t.test('a UDP port in use is an error, and TCP is not listened on either', async t => {
  const taken = dgram.createSocket('udp4')
  await new Promise<void>(resolve => taken.bind(0, '127.0.0.1', resolve))
  t.teardown(() => taken.close())
  const server = createServer({ rtmfp: { port: taken.address().port } })
  server.listen(0, '127.0.0.1')
  const [error] = await once(server, 'error').catch(error => [error])
  t.match(error, { code: 'EADDRINUSE', syscall: 'bind' })
  t.equal(server.listening, false)
})

t.test('a server that is closed before UDP is bound never listens', async t => {
  const server = createServer({ rtmfp: true })
  server.on('listening', () => t.fail('it is closed'))
  server.listen(0)
  // TCP listens by then, and UDP is about to be bound
  await new Promise(resolve => process.nextTick(resolve))
  t.ok(server.listening)
  await server[Symbol.asyncDispose]()
  t.equal(server.rtmfpAddress, undefined)
})

t.test('a server that is closed: its sessions have their grace', async t => {
  const { server, app } = await serving(t, {}, session => session.on('publish', publish => publish.accept().resume()))
  const session = await connect(app)
  const publishing = await session.publish('film')
  const closed = once(server, 'close')
  server.close({ graceMs: 600_000 })
  publishing.write(video.keyframe(0))
  await session.call('_checkbw')
  t.equal(server.sessions.size, 1, 'they go on')
  await session.close()
  await closed
  t.pass('once all have left by themselves it is over, long before the grace is')
})
