import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { pipeline } from 'node:stream'
import { setTimeout as sleep } from 'node:timers/promises'
import { connect, createServer, LiveStreams, type Message, type Server, type ServerOptions } from 'rtmpipe'
import { dialRtws, type RtwsOptions, rtws } from 'rtmpipe/ws'
import t from 'tap'
import { WebSocket } from 'ws'
import { certificate } from '../support/certificates.ts'
import { TestClock } from '../support/clock.ts'
import { hex } from '../support/hex.ts'
import { stream, video, word } from '../support/media.ts'

type Scope = { teardown(end: () => unknown): unknown }

/** A server of live streams, with RTWebSocket on the port of RTMP. */
async function liveServer(t: Scope, given: ServerOptions = {}, options: RtwsOptions = {}) {
  const lives = new LiveStreams({ holdMs: 0 })
  const upgrade = rtws((wire, source) => {
    server.host.accept(wire, source)
  }, options)
  const server: Server = createServer({ upgrade, ...given }, session => {
    session.on('publish', async publish => pipeline(publish.accept(), await lives.publish(publish.path), () => {}))
    session.on('play', async play => pipeline(await lives.play(play.path), play.accept(), () => {}))
  })
  const errors: string[] = []
  server.on('sessionError', error => errors.push(error.code!))
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => server[Symbol.asyncDispose]())
  const { port } = server.address() as AddressInfo
  return { server, lives, errors, url: (scheme: string) => `${scheme}://127.0.0.1:${port}/live` }
}

const kinds = (messages: readonly Message[], kind: string) => messages.map(word).filter(each => each.startsWith(kind))

for (const [from, to] of [
  ['rtws', 'rtws'],
  ['rtmp', 'rtws'],
  ['rtws', 'rtmp']
] as const)
  t.test(`what is published by ${from} is played by ${to}, on one port`, async t => {
    const { server, url } = await liveServer(t)
    const sources: string[] = []
    server.on('session', ({ scheme, peer }) => sources.push(`${scheme} ${peer.replace(/\d+$/, '')}`))
    const open = (scheme: string) => connect(url(scheme), scheme === 'rtws' ? { dial: dialRtws } : {})
    const publisher = await open(from)
    const publishing = await publisher.publish('film')
    const player = await open(to)
    const playing = await player.play('film')
    const read: Message[] = []
    playing.on('data', message => read.push(message))
    const sent = stream(5)
    for (const message of sent) {
      publishing.write(message)
      await sleep(5)
    }
    publishing.end()
    await once(playing, 'end')
    for (const kind of ['a', 'v']) t.same(kinds(read, kind), kinds(sent, kind))
    t.same(sources, [`${from} 127.0.0.1:`, `${to} 127.0.0.1:`])
    const stats = [...server.sessions].map(session => session.stats())
    for (const { bytesIn, bytesOut } of stats) t.ok(bytesIn > 100 && bytesOut > 100)
    await Promise.all([publisher, player].map(session => session[Symbol.asyncDispose]()))
    await server[Symbol.asyncDispose]()
  })

t.test('by TLS, and what a client refuses', async t => {
  const secrets = await certificate()
  const { server, url } = await liveServer(t, { tls: secrets })
  const schemes: string[] = []
  server.on('session', ({ scheme }) => schemes.push(scheme))
  const session = await connect(`${url('rtwss')}/a#b c`, { dial: dialRtws, tls: { ca: secrets.cert } })
  t.same(schemes, ['rtwss'])
  await session[Symbol.asyncDispose]()
  await t.rejects(connect(url('rtwss'), { dial: dialRtws }), { code: 'DEPTH_ZERO_SELF_SIGNED_CERT' })
  await t.rejects(connect(url('rtmp'), { dial: dialRtws }), { name: 'TypeError', message: /rtws, rtwss/ })
  const signal = AbortSignal.abort()
  await t.rejects(connect(url('rtws'), { dial: dialRtws, signal }), { name: 'AbortError' })
  await t.rejects(connect('rtws://127.0.0.1:1/live', { dial: dialRtws }), { code: 'ECONNREFUSED' })
  const foreign = createServer().listen(0, '127.0.0.1')
  await once(foreign, 'listening')
  const { port } = foreign.address() as AddressInfo
  const limits = { handshakeMs: 200 }
  await t.rejects(connect(`rtws://127.0.0.1:${port}/live`, { dial: dialRtws, limits }))
  await foreign[Symbol.asyncDispose]()
})

/** A WebSocket as a browser opens it, and what it is answered. */
async function opened(t: Scope, url: string, origin?: string) {
  const socket = new WebSocket(url.replace('rtws', 'ws'), origin === undefined ? {} : { origin })
  t.teardown(() => socket.terminate())
  const messages: string[] = []
  socket.on('message', data => messages.push((data as Buffer).toString('hex'))).on('error', () => {})
  const closed = new Promise<number>(resolve => socket.once('close', resolve))
  const answer = new Promise<number>(resolve => {
    socket.once('unexpected-response', (_, { statusCode }) => resolve(statusCode!)).once('open', () => resolve(101))
  })
  return { socket, messages, closed, status: await answer }
}

const until = async (isSo: () => boolean) => {
  while (!isSo()) await sleep(5)
}

t.test('pages of its own host may connect, and those of an origin that is allowed', async t => {
  const { url } = await liveServer(t, {}, { origin: 'https://tv.example' })
  const own = new URL(url('http')).origin
  for (const [origin, status] of [
    [undefined, 101],
    [own, 101],
    ['https://tv.example', 101],
    ['https://evil.example', 403]
  ] as const)
    t.equal((await opened(t, url('rtws'), origin)).status, status)
})

t.test('what a peer sends against the protocol ends its connection, and no other', async t => {
  const { server, errors, url } = await liveServer(t)
  const other = await connect(url('rtws'), { dial: dialRtws })
  for (const [bytes, code] of [
    [hex`1d 07 00`, 'ERR_RTMP_RTWS'],
    [hex`0a`, 'ERR_RTMP_TRUNCATED'],
    [hex``, 'ERR_RTMP_TRUNCATED'],
    [hex`1c ffffffffffffffffff7f`, 'ERR_RTMP_VLU']
  ] as const) {
    const { socket, closed } = await opened(t, url('rtws'))
    socket.send(bytes)
    t.equal(await closed, 1002)
    await until(() => errors.includes(code))
    errors.splice(0)
  }
  const { socket, closed } = await opened(t, url('rtws'))
  socket.send(Buffer.alloc(1024 * 1024 + 65))
  t.equal(await closed, 1009)
  const quiet = await opened(t, url('rtws'))
  quiet.socket.send('\n')
  quiet.socket.send(hex`01 61`)
  await until(() => quiet.messages.length > 0)
  t.same(quiet.messages, ['4161'], 'text is passed over: as bytes it would be wrong')
  quiet.socket.send(hex`10 00 54430400`)
  await until(() => quiet.messages.length > 1)
  quiet.socket.send(hex`3d 00 aa`)
  await until(() => quiet.messages.length > 2)
  t.same(quiet.messages.slice(1), ['5a0000c08000', '5a0003c08000'], 'at once, and in time')
  await until(() => server.sessions.size === 2)
  t.same(errors, ['WS_ERR_UNSUPPORTED_MESSAGE_LENGTH'])
  await other[Symbol.asyncDispose]()
})

t.test('a player that does not read loses late video, and is disconnected after stallMs', async t => {
  const clock = new TestClock()
  const limits = { stallMs: 10_000, connectMs: 100_000, pingMs: 100_000 }
  const { server, lives, errors, url } = await liveServer(t, { clock, limits }, { clock, limits })
  const input = await lives.publish('live/film')
  input.write(video.header())
  const session = await connect(url('rtws'), { dial: dialRtws })
  session.on('error', () => {})
  const playing = await session.play('film')
  playing.on('error', () => {})
  /** Until what the player takes without reading has been sent. */
  const filled = async (first: number) => {
    for (let i = 0; i < 60; i++) input.write(video.keyframe(first + i * 40, 200_000))
    for (let sent = -1; sent !== server.stats().bytesOut; await sleep(100)) sent = server.stats().bytesOut
  }
  await filled(0)
  clock.pass(3000)
  input.write(video.keyframe(2400, 777))
  const lengths: number[] = []
  playing.on('data', ({ payload }) => lengths.push(payload.length))
  await until(() => lengths.at(-1) === 777)
  t.ok(lengths.length > 5 && lengths.length < 60, `${lengths.length} of 62`)
  playing.pause()
  await filled(2440)
  clock.pass(9000)
  t.same(errors, [])
  clock.pass(1000)
  await until(() => errors.length > 0 && clock.timers === 0)
  t.same(errors, ['ERR_RTMP_STALLED'])
  playing.resume()
  await until(() => session.destroyed)
})
