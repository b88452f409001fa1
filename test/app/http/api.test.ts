import { once } from 'node:events'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import http from 'node:http'
import net from 'node:net'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { type ClientSession, connect, createServer, type Publishing } from 'rtmpipe'
import { type ApiClient, type ApiEvent, apiClient } from 'rtmpipe/api'
import t from 'tap'
import { WebSocket } from 'ws'
import { ApiEvents } from '../../../lib/app/http/api-events.ts'
import type { LogFields } from '../../../lib/app/log.ts'
import { type ServeOptions, type Serving, serve } from '../../../lib/app/serve.ts'
import { folder, tags } from '../../support/films.ts'
import { LiveServer } from '../../support/live-server.ts'
import { audio, metadata, video } from '../../support/media.ts'
import { CheckedApi, faults, openapi } from '../../support/openapi.ts'
import { Program, without } from '../../support/programs.ts'

type Scope = { teardown(end: () => unknown): unknown }

const TOKEN = 'a token: with %&?'
const bearer = { Authorization: `Bearer ${TOKEN}` }
const json = { 'Content-Type': 'application/json' }

const checked = new CheckedApi()

/** A server in this process, as `rtmpipe serve` runs it. */
async function served(t: Scope, options: Partial<ServeOptions> = {}) {
  const lines: [event: string, fields: LogFields][] = []
  const log = (event: string, fields: LogFields = {}) => lines.push([event, fields])
  const serving: Serving = await serve(
    { host: '127.0.0.1', port: 0, httpPort: 0, apiToken: TOKEN, ...options },
    (event, fields) => void log(event, fields)
  )
  let stopped: Promise<void> | undefined
  const stop = () => {
    stopped ??= serving.stop()
    return stopped
  }
  t.teardown(stop)
  const site = lines.map(([, { url }]) => `${url}`).find(url => url.startsWith('http:'))!
  const api = apiClient(site, { token: options.apiToken ?? TOKEN, fetch: checked.fetch })
  return { stop, site, api, lines, app: `${serving.url}/live` }
}

/** A request by hand, which is checked too. */
const asks = (site: string, path: string, init: RequestInit = {}) =>
  checked.fetch(new URL(path, site), { ...init, headers: { ...bearer, ...init.headers } })

/** An encoder that has sent a second. */
async function publishes(t: Scope, app: string, name: string): Promise<{ session: ClientSession; out: Publishing }> {
  const session = await connect(app)
  t.teardown(() => session.close())
  const out = await session.publish(name)
  session.on('error', () => {})
  out.on('error', () => {})
  out.write(metadata(0, { width: 640, height: 360 }))
  for (const message of [video.header(), audio.header(), video.keyframe(0), audio.frame(20)]) out.write(message)
  for (let at = 40; at <= 1000; at += 40) out.write(at % 400 === 0 ? video.keyframe(at) : video.frame(at))
  return { session, out }
}

/** Looks until it is so. */
async function until<Value>(
  look: () => Promise<Value | undefined | false> | Value | undefined | false
): Promise<Value> {
  for (;;) {
    const value = await look()
    if (value !== undefined && value !== false) return value
    await sleep(5)
  }
}

const isThere = (api: ApiClient, path: string) =>
  until(async () => (await api.streams()).find(stream => stream.path === path && stream.video?.frames === 26))

t.test('a stream, who publishes it and who reads it', async t => {
  const { api, app, site } = await served(t)
  t.same(await api.streams(), [])
  await publishes(t, app, 'film')
  const player = await connect(app)
  t.teardown(() => player.close())
  const playing = (await player.play('film')).resume()
  playing.on('error', () => {})
  const viewer = await fetch(new URL('/live/film.flv', site), { headers: { 'User-Agent': 'a viewer' } })
  const stream = await until(async () => {
    const found = await api.stream('live/film')
    const isLevel =
      found.readers.length === 2 && found.readers.every(({ lagMs, messagesOut }) => messagesOut > 0 && lagMs === 0)
    return isLevel && found.video?.frames === 26 && found
  })
  t.match(stream, {
    path: 'live/film',
    isPublished: true,
    publisher: { session: '1', scheme: 'rtmp', peer: /^127\.0\.0\.1:\d+$/, agent: 'FMLE/3.0 (compatible; rtmpipe)' },
    video: { codec: 'AVC', width: 640, height: 360, frames: 26, keyframes: 3, keyframeIntervalMs: 400 },
    audio: { codec: 'AAC', sampleRate: 44_100, channels: 2, messages: 1 },
    messagesIn: 30,
    ring: { maxMs: 20_000 },
    drops: { input: 0, lag: 0 },
    readers: [
      { id: '1', kind: 'rtmp', owner: '2', to: /^127\.0\.0\.1:\d+$/, waitingBytes: 0, maxLagMs: 5000 },
      { id: '2', kind: 'http-flv', owner: 'http-1', to: /^127\.0\.0\.1:\d+$/, waitingBytes: 0, maxLagMs: 5000 }
    ]
  })
  t.match(await api.streams(), [{ path: 'live/film', messagesIn: 30 }])
  t.match(await api.sessions(), [
    { id: '1', kind: 'rtmp', app: 'live', publishing: ['live/film'], playing: [], messagesIn: /^3\d$/ },
    { id: '2', kind: 'rtmp', app: 'live', publishing: [], playing: ['live/film'] },
    {
      id: 'http-1',
      kind: 'http-flv',
      scheme: 'http',
      app: 'live',
      agent: 'a viewer',
      playing: ['live/film'],
      messagesIn: 0
    }
  ])
  t.match(await api.server(), { version: /^\d/, needsKey: false, canRecord: false, canWrite: true, sessions: 3 })
  t.same(
    (await api.server()).urls.map(url => url.replace(/\d+$/, '')),
    ['rtmp://127.0.0.1:', 'rtmpe://127.0.0.1:', 'rtmpt://127.0.0.1:', 'rtmpte://127.0.0.1:']
  )
  await viewer.body?.cancel()
  await until(async () => (await api.sessions()).length === 2)
})

t.test('a list of streams has a hundred readers of each, and counts them all', async t => {
  const { api, app, site } = await served(t)
  const { out } = await publishes(t, app, 'film')
  const reader = () => http.get(new URL('/live/film.flv', site)).on('error', () => {})
  const others = Array.from({ length: 101 }, () => reader().on('response', response => response.resume()))
  t.teardown(() => {
    for (const request of others) request.destroy()
  })
  const { readers } = await until(async () => {
    const stream = await api.stream('live/film')
    return stream.readerCount === 101 && stream
  })
  t.equal(readers.length, 101)
  // the last to join reads nothing, and is furthest behind
  const [slow] = await once(reader(), 'response')
  t.teardown(() => slow.destroy())
  let at = 1000
  const listed = await until(async () => {
    at += 40
    out.write(video.frame(at, 1_000_000))
    const [stream] = await api.streams()
    return stream!.readers[0]!.lagMs > 0 && stream
  })
  t.equal(listed.readers.length, 100)
  t.equal(listed.readerCount, 102)
  t.equal(listed.readers[0]!.id, '102')
})

t.test('any session can be ended: a publisher, a player, a viewer over HTTP or WebSocket', async t => {
  const { api, app, site } = await served(t)
  const { session } = await publishes(t, app, 'film')
  const player = await connect(app)
  player.on('error', () => {})
  const playing = (await player.play('film')).resume().on('error', () => {})
  const viewer = await fetch(new URL('/live/film.flv', site))
  await until(async () => (await api.sessions()).length === 3)
  const webSocket = new WebSocket(new URL('/live/film.flv', site.replace('http', 'ws')))
  const { id } = await until(async () => (await api.sessions()).find(({ kind }) => kind === 'ws-flv'))
  t.match(await api.sessions(), [{}, {}, { id: 'http-1' }, { id, scheme: 'ws', playing: ['live/film'] }])
  t.match((await api.stream('live/film')).readers.at(-1), { kind: 'ws-flv', owner: id })
  t.equal((await api.server()).wsFlv, true)
  await api.closeSession(id)
  await once(webSocket, 'close')
  await api.closeSession('http-1')
  await viewer.arrayBuffer().catch(() => {})
  await api.closeSession('2')
  await new Promise(resolve => playing.once('close', resolve))
  await api.closeSession('1')
  await new Promise(resolve => session.once('close', resolve))
  await until(async () => (await api.sessions()).length === 0)
  for (const id of ['1', 'http-1', 'http-99', '0', '-1', 'NaN', '1e0', '..', 'constructor'])
    await t.rejects(api.closeSession(id), { name: 'ApiError', code: 'not_found', status: 404 }, id)
})

t.test('a recording: every stream, until it is stopped; again; and on request alone', async t => {
  const record = folder(t)
  const { api, app } = await served(t, { record })
  await publishes(t, app, 'film')
  const [{ id, file } = {}] = await until(async () => {
    const all = await api.recordings()
    return all[0]?.file != null && all
  })
  t.match(file, /^live\/film-[\dTZ.]+\.flv$/)
  const { readers } = await api.stream('live/film')
  t.match(readers, [{ kind: 'recording', owner: id, to: file, maxLagMs: 30_000 }])
  await t.rejects(api.startRecording('live/film'), { code: 'conflict', status: 409 })
  await api.stopRecording(id!)
  t.ok(tags(readFileSync(join(record, file!))).length > 25, 'its file is complete')
  t.same(await api.recordings(), [])
  await t.rejects(api.stopRecording(id!), { code: 'not_found' })
  const again = await api.startRecording('live/film')
  t.match(again, { id: '2', path: 'live/film', file: null, error: null })
  await until(async () => (await api.recordings())[0]?.state === 'live')
  t.equal(readdirSync(join(record, 'live')).length, 2)
  for (const path of ['live/other', '../live/film', 'live/../live/film', ''])
    await t.rejects(api.startRecording(path), { code: 'not_found' }, path)

  const quiet = await served(t, { record: join(record, 'quiet'), recordOnRequest: true })
  await publishes(t, quiet.app, 'film')
  await isThere(quiet.api, 'live/film')
  t.same(await quiet.api.recordings(), [])
  await quiet.api.startRecording('live/film')
  await until(() => existsSync(join(record, 'quiet', 'live')))

  const none = await served(t)
  await t.rejects(none.api.startRecording('live/film'), { code: 'conflict', message: /--record DIR/ })
})

t.test('a relay to another server, whose key nobody is told', async t => {
  const { api, app, lines } = await served(t)
  await publishes(t, app, 'film')
  await isThere(api, 'live/film')
  const other = new LiveServer(t)
  const url = await other.listen()
  const relay = await api.startRelay('live/film', `${url}/app/secret?key=secret`)
  t.match(relay, { id: '1', path: 'live/film', to: url, error: null })
  await other.happens('publish app/secret?key=secret')
  const live = await until(async () => (await api.relays()).find(({ state }) => state === 'live'))
  t.match((await api.stream('live/film')).readers, [{ kind: 'relay', owner: '1', to: url }])
  await api.stopRelay(live.id)
  await other.happens('unpublish app/secret')
  t.same(await api.relays(), [])

  let refusals = 0
  const refusing = createServer(session => {
    session.on('publish', each =>
      refusals++ === 0 ? each.reject('NetStream.Publish.Denied', 'secret') : void each.accept().resume()
    )
  })
  await new Promise<void>(resolve => refusing.listen(0, '127.0.0.1', resolve))
  t.teardown(() => refusing[Symbol.asyncDispose]())
  const { port } = refusing.address() as net.AddressInfo
  await api.startRelay('live/film', `rtmp://user:secret@127.0.0.1:${port}/app/secret`)
  const refused = await until(async () => (await api.relays()).find(({ state }) => state === 'refused'))
  t.match(refused, { id: '2', to: 'rtmp://…', error: 'NetStream.Publish.Denied' })
  const tried = await until(async () => (await api.relays()).find(({ id, state }) => id === '2' && state === 'live'))
  t.equal(tried.error, null, 'a second later')
  t.match(await api.startRelay('live/film', 'rtmps://[::1]/app/secret'), { to: 'rtmps://[::1]' })
  for (const to of [
    'http://127.0.0.1/live/secret',
    'rtmp:secret',
    'rtmp://127.0.0.1',
    'rtmp://127.0.0.1:0/a/secret',
    ''
  ])
    await t.rejects(api.startRelay('live/film', to), { code: 'bad_request', message: /^(?!.*secret)/s }, to)
  await t.rejects(api.startRelay('live/none', `${url}/app/secret`), { code: 'not_found' })
  t.match(lines.filter(([event]) => event === 'relay')[0], ['relay', { path: 'live/film', to: url, message: 'live' }])
  t.notMatch(JSON.stringify([lines, await api.relays(), await api.streams()]), /secret/)
})

t.test('the token: all of it is needed, in the header alone', async t => {
  const { site } = await served(t)
  const wrong = ['', 'Bearer', 'Bearer ', TOKEN, `Basic ${TOKEN}`, `Bearer ${TOKEN}x`, `Bearer ${TOKEN.slice(0, -1)}`]
  for (const path of ['/api/streams', '/api/events', '/api/openapi.json', '/api/none', `/api/streams?token=${TOKEN}`]) {
    for (const Authorization of wrong) {
      const response = await asks(site, path, { headers: { Authorization } })
      t.equal(response.status, 401, `${path} ${Authorization}`)
      t.equal(response.headers.get('www-authenticate'), 'Bearer')
      t.match(await response.json(), { error: { code: 'unauthorized', message: /^(?!.*a token: with)/ } })
    }
  }
  for (const method of ['POST', 'DELETE', 'PUT', 'OPTIONS'])
    t.equal((await asks(site, '/api/relays', { method, headers: { Authorization: '' } })).status, 401)
  t.equal((await asks(site, '/api/streams', { headers: { Authorization: `bearer  ${TOKEN}` } })).status, 200)
})

t.test('without a token this machine reads, and nobody changes anything', async t => {
  const record = folder(t)
  const { site, app } = await served(t, { apiToken: undefined, record })
  await publishes(t, app, 'film')
  const api = apiClient(site, { fetch: checked.fetch })
  const [{ id } = {}] = await until(async () => {
    const all = await api.recordings()
    return all.length > 0 && all
  })
  t.match(await api.server(), { canWrite: false })
  const forbidden = { code: 'forbidden', status: 403, message: /--api-token TOKEN/ }
  await t.rejects(api.stopRecording(id!), forbidden)
  await t.rejects(api.startRecording('live/film'), forbidden)
  await t.rejects(api.startRelay('live/film', 'rtmp://127.0.0.1/live/x'), forbidden)
  await t.rejects(api.stopRelay('1'), forbidden)
  await t.rejects(api.closeSession('1'), forbidden)
  t.equal((await api.sessions()).length, 1)
  const open = await served(t, { apiToken: undefined, httpHost: '0.0.0.0' })
  const others = apiClient(open.site, { fetch: checked.fetch })
  await t.rejects(others.streams(), { code: 'forbidden', status: 403, message: /--api-token TOKEN/ })
  t.match(await (await served(t, { httpHost: '0.0.0.0' })).api.streams(), [])
  const rebound = await new Promise<http.IncomingMessage>(resolve =>
    http.get(new URL('/api/streams', site), { headers: { host: 'evil.example' } }, resolve)
  )
  t.equal(rebound.resume().statusCode, 421)
})

t.test('methods and paths: GET changes nothing, HEAD is GET without a body, the rest is told', async t => {
  const { site } = await served(t)
  for (const [template, actions] of Object.entries(openapi.paths)) {
    const path = template.replace(/\{\w+\}/, 'x')
    const allowed = Object.keys(actions).flatMap(each => (each === 'get' ? ['GET', 'HEAD'] : [each.toUpperCase()]))
    for (const method of ['GET', 'HEAD', 'POST', 'DELETE', 'PUT', 'PATCH', 'OPTIONS', 'PROPFIND']) {
      if (allowed.includes(method)) continue
      const response = await asks(site, path, { method })
      t.equal(response.status, 405, `${method} ${path}`)
      t.equal(response.headers.get('allow'), allowed.join(', '))
    }
    if (!allowed.includes('HEAD') || path.endsWith('x')) continue
    const head = await asks(site, path, { method: 'HEAD' })
    t.equal(head.status, 200, path)
    t.equal(await head.text(), '')
  }
  const head = await asks(site, '/api/streams', { method: 'HEAD' })
  t.equal(head.headers.get('content-length'), `${(await (await asks(site, '/api/streams')).text()).length}`)
  const missing = ['', '/', '/none', '/streams/', '/streams/x', '/sessions/', '/events/x', '/constructor', '/server/x']
  for (const path of missing)
    t.equal((await asks(site, `/api${path}`)).status, path === '/sessions/x' ? 405 : 404, path)
  t.equal((await fetch(new URL('/apiary', site))).status, 404)
  for (const path of ['%', '%ff', 'live%2', '%c3%28'])
    t.equal((await asks(site, `/api/streams/${path}`)).status, 400, path)
  t.match(await (await asks(site, '/api/openapi.json?x=1')).json(), { openapi: /^3\.1/ })
})

t.test('a path is a name, whatever it contains', async t => {
  const { api, app, site } = await served(t)
  const names = ['..', 'a/../b', '%2e%2e', 'a b?', 'é/ü', '__proto__']
  for (const name of names) {
    const { out } = await publishes(t, app, encodeURIComponent(name).replaceAll('%2F', '/'))
    void out
  }
  const streams = await until(async () => {
    const all = await api.streams()
    return all.length === names.length && all
  })
  for (const { path } of streams) t.equal((await api.stream(path)).path, path)
  for (const path of ['../../etc/passwd', 'live/film\0', 'x'.repeat(8000)])
    await t.rejects(api.stream(path), { code: 'not_found' }, path.slice(0, 20))
  t.equal((await asks(site, `/api/streams/${'x'.repeat(15_000)}`)).status, 404)
})

t.test('bodies: JSON alone, small, and what is asked for', async t => {
  const { api, site, app } = await served(t, { record: folder(t) })
  await publishes(t, app, 'film')
  await isThere(api, 'live/film')
  const post = async (
    body: NonNullable<RequestInit['body']>,
    headers: Record<string, string> = json,
    path = '/api/relays'
  ) => {
    const response = await asks(site, path, { method: 'POST', body, headers, duplex: 'half' } as RequestInit)
    const { error } = (await response.json()) as { error?: { code: string } }
    return error?.code
  }
  const right = JSON.stringify({ path: 'live/film', to: 'rtmp://127.0.0.1:1/live/x' })
  for (const type of [
    'text/plain',
    'application/x-www-form-urlencoded',
    'multipart/form-data',
    'application/jsonp',
    'x; application/json'
  ])
    t.equal(await post(right, { 'Content-Type': type }), 'unsupported_media_type', type)
  const wrong = [
    '',
    '{',
    'null',
    '[]',
    '"x"',
    '{}',
    '{"path":"live/film"}',
    '{"path":1,"to":"x"}',
    right.replace('}', ',"x":"y"}')
  ]
  for (const body of [...wrong, '{"__proto__":"live/film","to":"x"}']) t.equal(await post(body), 'bad_request', body)
  t.equal(await post(`${right}${' '.repeat(16 * 1024)}`), 'too_large')
  const chunked = new ReadableStream({
    pull(controller) {
      controller.enqueue(new Uint8Array(4096).fill(32))
    }
  })
  t.equal(await post(chunked), 'too_large', 'without an announcement')
  t.equal(await post(right, { 'Content-Type': 'Application/JSON; charset=utf-8' }), undefined)
  t.equal((await api.relays()).length, 1)
  // half a body, and the client is gone
  const socket = net.connect(Number(new URL(site).port), '127.0.0.1')
  socket.write(`POST /api/relays HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer ${TOKEN}\r\n`)
  socket.end(`Content-Type: application/json\r\nContent-Length: ${right.length}\r\n\r\n{"path"`)
  await once(socket.resume(), 'close')
  t.equal((await api.relays()).length, 1)
})

t.test('events: the streams at once and every second, and the log as it comes', async t => {
  const { api, app, site, stop } = await served(t)
  const heard: ApiEvent[] = []
  const listening = (async () => {
    for await (const event of api.events()) {
      t.equal(
        faults({ $ref: `#/components/schemas/${event.event === 'log' ? 'LogReport' : 'StreamList'}` }, event.data),
        undefined
      )
      heard.push(event)
    }
  })()
  await until(() => heard.length > 0)
  t.same(heard, [{ event: 'streams', data: { streams: [] } }])
  await publishes(t, app, 'film')
  await until(() => heard.some(({ event, data }) => event === 'log' && 'event' in data && data.event === 'publish'))
  await until(() =>
    heard.some(({ event, data }) => event === 'streams' && 'streams' in data && data.streams.length === 1)
  )
  const raw = await asks(site, '/api/events')
  t.match(Object.fromEntries(raw.headers), { 'content-type': 'text/event-stream', 'cache-control': 'no-store' })
  await raw.body?.cancel()
  for await (const { event } of api.events()) {
    t.equal(event, 'streams')
    break
  }
  const leaving = new AbortController()
  const aborted = t.rejects(
    async () => {
      for await (const _ of api.events({ signal: leaving.signal })) leaving.abort()
    },
    { name: 'AbortError' }
  )
  await aborted
  await stop()
  await listening
  t.pass('and they end with the server')
})

t.test('a listener that does not read is let go, and there are so many', async t => {
  const events = new ApiEvents()
  const log = events.heard(() => {})
  let gone = 0
  const server = http.createServer((_request, response) => {
    response.once('close', () => gone++)
    try {
      events.listen(response)
    } catch {
      response.writeHead(503).end()
    }
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  t.teardown(() => server.close())
  const { port } = server.address() as net.AddressInfo
  const hears = () => {
    const socket = net.connect(port, '127.0.0.1').on('error', () => {})
    socket.write('GET / HTTP/1.1\r\nHost: x\r\n\r\n')
    return socket
  }
  const [slow, quick] = [hears().pause(), hears()]
  let bytes = 0
  quick.on('data', piece => {
    bytes += piece.length
  })
  await until(() => bytes > 0)
  for (let said = 1; gone === 0; said++) {
    log('event', { message: 'x'.repeat(1_000_000) })
    await until(() => bytes > said * 1_000_000)
  }
  t.equal(quick.destroyed, false)
  slow.destroy()
  const others = Array.from({ length: 300 }, hears)
  const statuses = await Promise.all(others.map(async each => `${(await once(each, 'data'))[0]}`.slice(9, 12)))
  t.equal(statuses.filter(status => status === '200').length, 255)
  t.equal(statuses.filter(status => status === '503').length, 45)
  for (const each of [...others, quick]) each.destroy()
  await until(async () => {
    const [answer] = await once(hears(), 'data')
    return `${answer}`.startsWith('HTTP/1.1 200')
  })
  events.close()
})

t.test('each curl of docs/api.md, as it is written', { skip: without('curl') }, async t => {
  const { app, site, api } = await served(t, { apiToken: 'secret', record: folder(t), recordOnRequest: true })
  await publishes(t, app, 'film')
  await isThere(api, 'live/film')
  const commands = readFileSync('docs/api.md', 'utf8').match(/^curl .*$/gm)!
  t.equal(commands.length, 13)
  // the session that publishes is ended last
  const isLast = (command: string) => Number(command.endsWith('sessions/1'))
  for (const command of commands.toSorted((one, other) => isLast(one) - isLast(other))) {
    const here = command.replace('http://127.0.0.1:8080/', site).replace('curl', 'curl -sS --fail-with-body')
    const program = new Program(t, 'env', ['RTMPIPE_API_TOKEN=secret', 'sh', '-c', `exec ${here}`])
    if (command.endsWith('events')) {
      await program.says(/event: streams\ndata: \{"streams":\[\{"path":"live\/film"/)
      program.kill()
    } else t.match(await program.ends(), { code: 0 }, `${command}\n${program.said}`)
  }
})

t.test(
  'openapi.json: each operation was answered, each answer is as it says, and it names what the types name',
  async t => {
    t.same(checked.wrong, [])
    const wanted = Object.values(openapi.paths).flatMap(actions =>
      Object.values(actions).map(({ operationId, responses }) => `${operationId} ${Object.keys(responses)[0]}`)
    )
    t.same(
      wanted.filter(each => !checked.answered.has(each)),
      []
    )
    t.comment([...checked.answered].sort().join(', '))
    const source = readFileSync('lib/api/types.ts', 'utf8')
    for (const [, name, base, body] of source.matchAll(/^export interface (\w+)(?: extends (\w+))? \{\n(.*?)\n\}/gms)) {
      const [, inherited = ''] = new RegExp(`^export interface ${base} \\{\\n(.*?)\\n\\}`, 'ms').exec(source) ?? []
      const members = [...`${inherited}\n${body}`.matchAll(/^ {2}readonly (\w+):/gm)].map(([, member]) => member)
      const { properties = {} } = openapi.components.schemas[name!] ?? {}
      t.same(Object.keys(properties), members, name!)
    }
  }
)
