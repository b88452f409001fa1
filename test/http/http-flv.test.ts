import http from 'node:http'
import type net from 'node:net'
import { pipeline } from 'node:stream'
import { setImmediate as turnOfTheLoop } from 'node:timers/promises'
import {
  createServer,
  FlvReader,
  FlvTags,
  type HttpFlvOptions,
  type HttpPlay,
  httpFlv,
  LiveStreams,
  MessageBatch,
  type Play,
  Refused
} from 'rtmpipe'
import t from 'tap'
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
  const server = http.createServer(httpFlv(hear, given.options))
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  t.teardown(() => {
    server.closeAllConnections()
    server.close()
  })
  const { port } = server.address() as net.AddressInfo
  const url = (path: string) => `http://127.0.0.1:${port}${path}`
  return { lives, reports, url }
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
  const { lives, url, reports } = await page(t)
  const input = await lives.publish('live/film')
  for (const message of film()) input.write(message)
  await turnOfTheLoop()
  const leaving = new AbortController()
  const response = await fetch(url('/live/film.flv'), { signal: leaving.signal })
  t.same((await watched(response, 4)).slice(0, 4), film().slice(0, 4).map(word))
  leaving.abort()
  await until(() => reports.length === 1)
  t.same(reports, [undefined])
  t.equal(lives.find('live/film')?.stats().readers, 0)
  input.destroy()
})

t.test('the application decides, on a path and a query as of any play', async t => {
  const asked: string[] = []
  const { url } = await page(t, {
    hear(play) {
      asked.push(`${play.app} ${play.name} ${play.path}?${play.rawQuery} ${play.query.get('token')}`)
      if (play.name === 'gone') throw new Refused('NetStream.Play.StreamNotFound', 'stream is not published')
      play.reject('NetStream.Play.Failed', 'unknown token')
    }
  })
  const refused = await fetch(url('/live/a/fi%20lm.flv?token=a+b&x=1'))
  t.same([refused.status, await refused.text()], [403, 'unknown token\n'])
  const gone = await fetch(url('/gone.flv'))
  t.same([gone.status, await gone.text()], [404, 'stream is not published\n'])
  t.same(asked, ['live/a fi lm live/a/fi lm?token=a+b&x=1 a+b', ' gone gone? null'])
})

t.test('a handler that fails or never decides is told, and answered with 500', async t => {
  const failures: string[] = []
  const clock = new TestClock()
  const { url } = await page(t, {
    hear: play => {
      if (play.name === 'never') return
      throw new Error('boom')
    },
    options: { failed: error => failures.push(error.message), clock }
  })
  const failed = await fetch(url('/live/film.flv'))
  t.same([failed.status, await failed.text()], [500, 'internal server error\n'])
  t.same(failures, ['boom'])
  const never = fetch(url('/live/never.flv'))
  await until(() => clock.timers === 1)
  clock.pass(10_000)
  t.same([(await never).status, await (await never).text()], [500, 'authorization timed out\n'])
})

t.test('requests of other kinds', async t => {
  const { lives, url } = await page(t, { options: { origin: '*' } })
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
  await until(() => lives.find('live/film')?.stats().readers === 0)
  input.destroy()
})

t.test('a viewer that reads nothing is disconnected after stallMs, and holds up nobody', async t => {
  const clock = new TestClock()
  const { lives, url } = await page(t, { options: { clock, limits: { stallMs: 1000 } } })
  const input = await lives.publish('live/film')
  input.write(video.header())
  await turnOfTheLoop()
  const request = http.get(url('/live/film.flv'))
  const response = await new Promise<http.IncomingMessage>(resolve => request.once('response', resolve))
  request.on('error', () => {})
  response.pause()
  const closed = new Promise(resolve => response.once('close', resolve).on('error', () => {}))
  // more than the buffers of both sockets hold
  for (let at = 0; at < 800; at += 40) {
    input.write(video.keyframe(at, 1_000_000))
    for (let i = 0; i < 20; i++) await turnOfTheLoop()
  }
  const other = await fetch(url('/live/film.flv'))
  t.ok((await watched(other, 1)).length > 0, 'another one is not held up')
  clock.pass(1000)
  response.resume()
  await closed
  await until(() => lives.find('live/film')?.stats().readers === 0)
  t.equal(clock.timers, 0)
  input.destroy()
})

t.test('on the port of a server of RTMP, and with next as Express has it', async t => {
  const lives = new LiveStreams({ holdMs: 0, mergeMs: 0 })
  const hear: Hear = async play => pipeline(await lives.play(play.path), play.accept(), () => {})
  const watch = httpFlv(hear)
  const http = (request: http.IncomingMessage, response: http.ServerResponse) =>
    watch(request, response, () => response.end('the page'))
  const server = createServer({ http }, session => session.on('play', hear))
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as net.AddressInfo
  const input = await lives.publish('live/film')
  for (const message of film()) input.write(message)
  t.equal(await (await fetch(`http://127.0.0.1:${port}/`)).text(), 'the page')
  const response = await fetch(`http://127.0.0.1:${port}/live/film.flv`)
  t.same((await watched(response, 4)).slice(0, 4), film().slice(0, 4).map(word))
  input.destroy()
  await server[Symbol.asyncDispose]()
})
