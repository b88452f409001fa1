import { once } from 'node:events'
import http from 'node:http'
import net from 'node:net'
import { type Duplex, duplexPair, pipeline } from 'node:stream'
import { text } from 'node:stream/consumers'
import { setImmediate as turnOfTheLoop } from 'node:timers/promises'
import {
  createServer,
  FlvReader,
  FlvTags,
  type HttpFlvOptions,
  HttpPlay,
  httpFlv,
  LiveStreams,
  MessageBatch,
  type Play,
  Refused
} from 'rtmpipe'
import { wsFlv } from 'rtmpipe/ws'
import t from 'tap'
import { type RawData, WebSocket } from 'ws'
import { TestClock } from '../support/clock.ts'
import { audio, caption, metadata, video, word } from '../support/media.ts'

type Hear = (play: Play | HttpPlay) => unknown

/** A page's server, with a table of live streams. */
async function page(t: Tap.Test, given: { hear?: Hear; options?: HttpFlvOptions; lives?: LiveStreams } = {}) {
  const { lives = new LiveStreams({ holdMs: 0, mergeMs: 0 }) } = given
  const reports: (string | undefined)[] = []
  const hear: Hear =
    given.hear ??
    (async play =>
      pipeline(await lives.play(play.path, { missing: 'refuse' }), play.accept(), error =>
        reports.push(error?.message)
      ))
  const server = http.createServer(httpFlv(hear, given.options)).on('upgrade', wsFlv(hear, given.options))
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  t.teardown(() => {
    server.closeAllConnections()
    server.close()
  })
  const { port } = server.address() as net.AddressInfo
  const url = (path: string) => `http://127.0.0.1:${port}${path}`
  return { lives, reports, url, socketTo: (path: string, options = {}) => new Viewer(t, url(path), options) }
}

/** A viewer by WebSocket, as browsers are, and what became of it. */
class Viewer {
  readonly socket: WebSocket
  readonly messages: Buffer[] = []
  /** The code of the close; or the status and the text of a refusal. */
  readonly outcome: Promise<number | (number | string | undefined)[]>

  constructor(t: Tap.Test, url: string, options: { origin?: string }) {
    this.socket = new WebSocket(url.replace('http', 'ws'), options)
    t.teardown(() => this.socket.terminate())
    this.socket.on('error', () => {}).on('message', (data: RawData) => this.messages.push(data as Buffer))
    this.outcome = new Promise(resolve => {
      this.socket.once('close', resolve)
      this.socket.once('unexpected-response', (_request, response: http.IncomingMessage) =>
        text(response).then(said => resolve([response.statusCode, said]), resolve)
      )
    })
  }
}

declare namespace Tap {
  type Test = { teardown(end: () => unknown): unknown }
}

const film = () => [metadata(), video.header(), audio.header(), video.keyframe(0), audio.frame(5), video.frame(40)]

/** The words of a body, as far as they have come. */
async function watched(response: Response, count: number): Promise<string[]> {
  const reader = new FlvReader()
  const words: string[] = []
  for await (const bytes of response.body!) {
    for (const message of reader.messages(Buffer.from(bytes))) words.push(word(message))
    if (words.length >= count) break
  }
  return words
}

const until = async (what: () => boolean) => {
  while (!what()) await turnOfTheLoop()
}

t.test('what is published is watched, and its end ends the response', async t => {
  const { lives, url, reports } = await page(t)
  const input = await lives.publish('live/film')
  for (const message of film()) input.write(message)
  await turnOfTheLoop()
  const response = await fetch(url('/live/film.flv'))
  t.equal(response.status, 200)
  t.equal(response.headers.get('content-type'), 'video/x-flv')
  t.equal(response.headers.get('transfer-encoding'), null)
  input.end()
  t.same(await watched(response, 100), film().map(word))
  await until(() => reports.length === 1)
  t.same(reports, [undefined])
  await until(() => lives.size === 0)
})

t.test('over WebSocket come the bytes of HTTP, a message a batch, and a close at the end', async t => {
  const { lives, url, reports, socketTo } = await page(t)
  const input = await lives.publish('live/film')
  input.write(metadata())
  const viewer = socketTo('/live/film.flv')
  const response = await fetch(url('/live/film.flv'))
  await until(() => lives.find('live/film')?.stats().readers === 2)
  for (const message of [...film().slice(1), video.frame(80, 70_000)]) input.write(message)
  input.end()
  t.equal(await viewer.outcome, 1000)
  const body = Buffer.from(await response.arrayBuffer())
  t.equal(Buffer.concat(viewer.messages).equals(body), true)
  const reader = new FlvReader()
  t.same(
    viewer.messages.map(bytes => [...reader.messages(bytes)].map(word)),
    [[], ['meta@0', 'v header@0', 'a header@0'], ['v key@0', 'a@5', 'v@40', 'v@80']]
  )
  await until(() => reports.length === 2)
  t.same(reports, [undefined, undefined])
  await until(() => lives.size === 0)
})

t.test('all viewers are written the same buffer', async t => {
  const batch = new MessageBatch([video.keyframe(0), audio.frame(5), caption(6)])
  const bytes = batch.encoded(new FlvTags())
  t.equal(batch.encoded(new FlvTags()), bytes)
  t.equal(
    bytes.length,
    batch.messages.reduce((sum, { payload }) => sum + payload.length + 15, 0)
  )
})

t.test('a viewer that leaves is no error, and its pipeline ends', async t => {
  const { lives, url, reports, socketTo } = await page(t)
  const input = await lives.publish('live/film')
  for (const message of film()) input.write(message)
  await turnOfTheLoop()
  const leaving = new AbortController()
  const response = await fetch(url('/live/film.flv'), { signal: leaving.signal })
  t.same((await watched(response, 4)).slice(0, 4), film().slice(0, 4).map(word))
  leaving.abort()
  await until(() => reports.length === 1)
  for (const end of ['close', 'terminate'] as const) {
    const { socket } = socketTo('/live/film.flv')
    socket.once('message', () => socket[end]())
    await until(() => socket.readyState === WebSocket.CLOSED)
  }
  await until(() => reports.length === 3)
  t.same(reports, [undefined, undefined, undefined])
  t.equal(lives.find('live/film')?.stats().readers, 0)
  input.destroy()
})

t.test('the application decides, on a path and a query as of any play', async t => {
  const asked: string[] = []
  const { url, socketTo } = await page(t, {
    hear(play) {
      asked.push(`${play.app} ${play.name} ${play.path}?${play.rawQuery} ${play.query.get('token')}`)
      if (play instanceof HttpPlay) t.equal(play.peer, `127.0.0.1:${play.request.socket.remotePort}`)
      if (play.name === 'gone') throw new Refused('NetStream.Play.StreamNotFound', 'stream is not published')
      play.reject('NetStream.Play.Failed', 'unknown token')
    }
  })
  const refused = await fetch(url('/live/a/fi%20lm.flv?token=a+b&x=1'))
  t.same([refused.status, await refused.text()], [403, 'unknown token\n'])
  const gone = await fetch(url('/gone.flv'))
  t.same([gone.status, await gone.text()], [404, 'stream is not published\n'])
  const byHttp = ['live/a fi lm live/a/fi lm?token=a+b&x=1 a+b', ' gone gone? null']
  t.same(asked, byHttp)
  t.same(await socketTo('/live/a/fi%20lm.flv?token=a+b&x=1').outcome, [403, 'unknown token\n'])
  t.same(await socketTo('/gone.flv').outcome, [404, 'stream is not published\n'])
  t.same(asked, [...byHttp, ...byHttp], 'one kind of request, whichever way it came')
})

t.test('a handler that fails or never decides is told, and answered with 500', async t => {
  const failures: string[] = []
  const clock = new TestClock()
  const { url, socketTo } = await page(t, {
    hear: play => {
      if (play.name === 'never') return
      throw new Error('boom')
    },
    options: { failed: error => failures.push(error.message), clock }
  })
  const failed = await fetch(url('/live/film.flv'))
  t.same([failed.status, await failed.text()], [500, 'internal server error\n'])
  t.same(await socketTo('/live/film.flv').outcome, [500, 'internal server error\n'])
  t.same(failures, ['boom', 'boom'])
  const never = fetch(url('/live/never.flv'))
  await until(() => clock.timers === 1)
  clock.pass(10_000)
  t.same([(await never).status, await (await never).text()], [500, 'authorization timed out\n'])
})

t.test('requests of other kinds', async t => {
  const { lives, url, socketTo } = await page(t, { options: { origin: '*' } })
  const input = await lives.publish('live/film')
  const status = async (path: string, method = 'GET') => {
    const { status, headers } = await fetch(url(path), { method })
    return [status, headers.get('access-control-allow-origin'), headers.get('allow')]
  }
  t.same(await status('/live/film.flv', 'HEAD'), [200, '*', null])
  t.same(await status('/live/nothing.flv', 'HEAD'), [404, '*', null])
  t.same(await status('/live/film.flv', 'OPTIONS'), [204, '*', null])
  t.same(await status('/live/film.flv', 'POST'), [405, '*', 'GET, HEAD'])
  t.same(await status('/live/%film.flv'), [400, '*', null])
  t.same(await status('/'), [404, null, null])
  t.same(await socketTo('/live/nothing.flv').outcome, [404, 'stream is not published\n'])
  t.same(await socketTo('/live/%film.flv').outcome, [400, 'malformed path\n'])
  t.same(await socketTo('/').outcome, [404, 'not found\n'])
  const headers = { Connection: 'Upgrade', Upgrade: 'websocket' }
  const [bad] = (await once(http.get(url('/live/film.flv'), { headers }), 'response')) as [http.IncomingMessage]
  t.equal(bad.resume().statusCode, 400, 'a handshake without a key')
  await until(() => lives.find('live/film')?.stats().readers === 0)
  input.destroy()
})

t.test('a request behind another on its connection waits for that, and plays', async t => {
  const lives = new LiveStreams({ holdMs: 0, mergeMs: 0 })
  const input = await lives.publish('live/film')
  input.write(video.keyframe(0))
  const { url } = await page(t, {
    lives,
    async hear(play) {
      if (play.name === 'film') return pipeline(await lives.play(play.path), play.accept(), () => {})
      await until(() => lives.find('live/film')?.stats().readers === 1)
      for (let i = 0; i < 5; i++) await turnOfTheLoop()
      throw new Refused('NetStream.Play.StreamNotFound')
    }
  })
  const socket = net.connect(Number(new URL(url('')).port), '127.0.0.1')
  socket.write(['slow', 'film'].map(name => `GET /live/${name}.flv HTTP/1.1\r\nHost: tv\r\n\r\n`).join(''))
  await once(socket, 'readable')
  input.end(video.frame(40))
  const bytes = Buffer.concat(await socket.toArray())
  t.match(bytes.toString('latin1'), /^HTTP\/1\.1 404 [^\0]*HTTP\/1\.1 200 OK/)
  const body = bytes.subarray(bytes.indexOf('FLV'))
  t.same([...new FlvReader().messages(body)].map(word), ['v key@0', 'v@40'])
})

t.test('over WebSocket pages of other hosts watch if they may', async t => {
  const { lives, url, socketTo } = await page(t)
  const other = await page(t, { lives, options: { origin: 'https://tv.example' } })
  const input = await lives.publish('live/film')
  for (const message of film()) input.write(message)
  const code = async (from: typeof socketTo, origin: string) => {
    const viewer = from('/live/film.flv', { origin })
    viewer.socket.once('message', () => viewer.socket.close(1000))
    return viewer.outcome
  }
  t.equal(await code(socketTo, url('').toUpperCase()), 1000, 'a page of its own')
  t.same(await code(socketTo, 'https://tv.example'), [403, 'origin is not allowed\n'])
  t.same(await code(socketTo, 'null'), [403, 'origin is not allowed\n'], 'a page without an origin')
  t.equal(await code(other.socketTo, 'https://tv.example'), 1000)
  t.equal(await code(other.socketTo, other.url('')), 1000)
  t.same(await code(other.socketTo, 'http://tv.example'), [403, 'origin is not allowed\n'])
  input.destroy()
})

t.test('what a viewer says over WebSocket is ignored, a ping answered, and too long a message its end', async t => {
  const { lives, socketTo } = await page(t)
  const input = await lives.publish('live/film')
  const { socket, outcome } = socketTo('/live/film.flv')
  await once(socket, 'open')
  socket.send('hello')
  socket.ping('beat')
  t.match(await once(socket, 'pong'), [Buffer.from('beat')])
  t.equal(socket.readyState, WebSocket.OPEN)
  socket.send(Buffer.alloc(1025))
  t.not(await outcome, 1000)
  await until(() => lives.find('live/film')?.stats().readers === 0)
  input.destroy()
})

for (const kind of ['HTTP', 'WebSocket']) {
  t.test(`a viewer over ${kind} that reads nothing is disconnected after stallMs, and holds up nobody`, async t => {
    const clock = new TestClock()
    const { lives, url, socketTo } = await page(t, { options: { clock, limits: { stallMs: 1000 } } })
    const input = await lives.publish('live/film')
    input.write(video.header())
    await turnOfTheLoop()
    const stalled = kind === 'HTTP' ? await stalledByHttp(url('/live/film.flv')) : await stalledBy(socketTo)
    // more than the buffers of both sockets hold
    for (let at = 0; at < 800; at += 40) {
      input.write(video.keyframe(at, 1_000_000))
      for (let i = 0; i < 20; i++) await turnOfTheLoop()
    }
    const other = await fetch(url('/live/film.flv'))
    t.ok((await watched(other, 1)).length > 0, 'another one is not held up')
    clock.pass(1000)
    await stalled.closed()
    await until(() => lives.find('live/film')?.stats().readers === 0)
    t.equal(clock.timers, 0)
    input.destroy()
  })

  t.test(`a viewer over ${kind} that does not read the end is disconnected after stallMs`, async t => {
    const clock = new TestClock()
    const lives = new LiveStreams({ holdMs: 0, mergeMs: 0 })
    const hear: Hear = async play => pipeline(await lives.play(play.path), play.accept(), () => {})
    const options = { clock, limits: { stallMs: 1000 } }
    const server = createServer({ http: httpFlv(hear, options), upgrade: wsFlv(hear, options) })
    const input = await lives.publish('live/film')
    const [near, far] = duplexPair({ highWaterMark: 16_384 }) as [Duplex, Duplex]
    server.emit('connection', near)
    const upgrade = `Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: ${'a'.repeat(22)}==\r\n`
    far.write(`GET /live/film.flv HTTP/1.1\r\nHost: tv\r\n${kind === 'HTTP' ? '' : upgrade}\r\n`)
    await until(() => lives.find('live/film')?.stats().readers === 1)
    // the second waits for the first to be read, and there is room for a third
    for (const at of [0, 40]) {
      input.write(video.keyframe(at, 10_000))
      for (let i = 0; i < 20; i++) await turnOfTheLoop()
    }
    input.end()
    await until(() => lives.size === 0)
    t.equal(near.destroyed, false)
    clock.pass(1000)
    t.equal(near.destroyed, true)
    await until(() => clock.timers === 0)
    await server[Symbol.asyncDispose]()
  })
}

async function stalledByHttp(url: string) {
  const request = http.get(url).on('error', () => {})
  const [response] = (await once(request, 'response')) as [http.IncomingMessage]
  response.on('error', () => {}).pause()
  const closed = once(response, 'close')
  return { closed: () => response.resume() && closed }
}

async function stalledBy(socketTo: (path: string) => Viewer) {
  const { socket, outcome } = socketTo('/live/film.flv')
  await once(socket, 'open')
  socket.pause()
  return { closed: () => socket.resume() ?? outcome }
}

t.test('on the port of a server of RTMP, by WebSocket too, and with next as Express has it', async t => {
  const lives = new LiveStreams({ holdMs: 0, mergeMs: 0 })
  const hear: Hear = async play => pipeline(await lives.play(play.path), play.accept(), () => {})
  const watch = httpFlv(hear)
  const http = (request: http.IncomingMessage, response: http.ServerResponse) =>
    watch(request, response, () => response.end('the page'))
  const server = createServer({ http, upgrade: wsFlv(hear) }, session => session.on('play', hear))
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as net.AddressInfo
  const input = await lives.publish('live/film')
  for (const message of film()) input.write(message)
  t.equal(await (await fetch(`http://127.0.0.1:${port}/`)).text(), 'the page')
  const response = await fetch(`http://127.0.0.1:${port}/live/film.flv`)
  t.same((await watched(response, 4)).slice(0, 4), film().slice(0, 4).map(word))
  const viewer = new Viewer(t, `http://127.0.0.1:${port}/live/film.flv`, {})
  await until(() => viewer.messages.length === 3)
  input.end()
  t.equal(await viewer.outcome, 1000)
  await server[Symbol.asyncDispose]()
})
