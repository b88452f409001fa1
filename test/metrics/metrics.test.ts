import { spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync, writeFileSync } from 'node:fs'
import type net from 'node:net'
import { join } from 'node:path'
import { pipeline } from 'node:stream'
import { setImmediate as turnOfTheLoop } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { Registry } from 'prom-client'
import { connect, createServer, type LiveStream, LiveStreams, type Message, RtmpError, SessionHost } from 'rtmpipe'
import { type CollectMetricsOptions, collectMetrics } from 'rtmpipe/metrics'
import t from 'tap'
import { metricDescriptions } from '../../lib/metrics/metric-table.ts'
import { TestClock } from '../support/clock.ts'
import { folder } from '../support/films.ts'
import { audio, metadata, video } from '../support/media.ts'
import { Program, without } from '../support/programs.ts'

type Scope = { teardown(end: () => unknown): unknown }

/** A registry with the metrics of these, and what a scrape of it says: each series and its value. */
function scraped(t: Scope, options: CollectMetricsOptions) {
  const registry = new Registry()
  const metrics = collectMetrics(registry, options)
  t.teardown(() => metrics.stop())
  const scrape = async () => seriesOf(await registry.metrics())
  return { registry, metrics, scrape }
}

/** The series of a text in Prometheus's format. */
const seriesOf = (text: string): Record<string, number> =>
  Object.fromEntries(
    [...text.matchAll(/^(\w+(?:\{.*\})?) (\S+)$/gm)].map(([, series, value]) => [series, Number(value)])
  )

/** Those of one metric, by its labels. */
const of = (series: Record<string, number>, name: string): Record<string, number> =>
  Object.fromEntries(
    Object.entries(series).flatMap(([key, value]) => {
      const [, labels] = new RegExp(`^rtmpipe_${name}(?:\\{(.*)\\})?$`).exec(key) ?? ['']
      return key.startsWith('rtmpipe_') && new RegExp(`^rtmpipe_${name}(\\{|$)`).test(key)
        ? [[labels ?? '', value]]
        : []
    })
  )

const until = async (what: () => boolean) => {
  while (!what()) await turnOfTheLoop()
}

const table = () => new LiveStreams({ clock: new TestClock(), holdMs: 0, mergeMs: 0 })

const write = async (live: LiveStream, ...messages: Message[]) => {
  const input = live.input()
  for (const message of messages) input.write(message)
  await turnOfTheLoop()
  return input
}

t.test('a known run over sockets: so many in, so many out, so many dropped', async t => {
  const lives = new LiveStreams({ holdMs: 0, mergeMs: 0 })
  const report = (error?: Error | null) => error && t.fail(error.message)
  const server = createServer(session => {
    session.on('publish', async publish => pipeline(publish.accept(), await lives.publish(publish.path), report))
    session.on('play', async play => pipeline(await lives.play(play.path), play.accept(), report))
  })
  server.on('sessionError', () => {})
  t.teardown(() => server.close())
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const url = `rtmp://127.0.0.1:${(server.address() as net.AddressInfo).port}/live`
  const { scrape } = scraped(t, { host: server, streams: lives })

  const encoder = await connect(url)
  const publishing = await encoder.publish('film')
  const film = [
    metadata(),
    video.header(),
    video.frame(0), // ahead of the first keyframe
    video.keyframe(40),
    audio.frame(45),
    video.frame(80),
    video.frame(120)
  ]
  for (const message of film) publishing.write(message)
  const live = lives.get('live/film')
  await until(() => live.stats().messagesIn === film.length)
  const players = await Promise.all([connect(url), connect(url)])
  // metadata and sequence header, and what has come from the keyframe on
  for (const player of players) {
    const playing = await player.play('film')
    let played = 0
    playing.on('data', () => played++)
    await until(() => played === 6)
  }
  const sum = (name: 'bytesIn' | 'bytesOut' | 'messagesIn' | 'messagesOut') =>
    [encoder, ...players].reduce((all, each) => all + each.stats()[name], 0)
  await until(() => server.stats().bytesIn === sum('bytesOut') && server.stats().bytesOut === sum('bytesIn'))

  const now = await scrape()
  // what players have, with the 16 bytes of @setDataFrame that the encoder puts ahead of metadata
  const bytes = film.reduce((sum, { payload }) => sum + payload.length, 16)
  t.same(of(now, 'sessions'), { '': 3 })
  t.same(of(now, 'sessions_begun_total'), { '': 3 })
  t.same(of(now, 'message_streams'), { 'state="publishing"': 1, 'state="playing"': 2 })
  t.same(of(now, 'sessions_received_bytes_total'), { '': sum('bytesOut') }, 'what the clients have sent')
  t.same(of(now, 'sessions_sent_bytes_total'), { '': sum('bytesIn') })
  t.same(of(now, 'sessions_received_messages_total'), { '': sum('messagesOut') })
  t.same(of(now, 'sessions_sent_messages_total'), { '': sum('messagesIn') })
  for (const [metric, path] of [
    ['stream', 'path="live/film"'],
    ['streams', '']
  ] as const) {
    const dropped = path && `${path},`
    t.same(of(now, `${metric}_received_messages_total`), { [path]: film.length })
    t.same(of(now, `${metric}_received_bytes_total`), { [path]: bytes })
    t.same(of(now, `${metric}_sent_messages_total`), { [path]: 2 * 6 })
    t.same(of(now, `${metric}_readers`), { [path]: 2 })
    t.same(of(now, `${metric}_dropped_messages_total`), {
      [`${dropped}cause="input"`]: 1,
      [`${dropped}cause="lag"`]: 0,
      [`${dropped}cause="overflow"`]: 0,
      [`${dropped}cause="keyframe"`]: 0
    })
  }
  t.same(of(now, 'stream_published'), { 'path="live/film"': 1 })
  t.same(of(now, 'streams'), { 'state="published"': 1, 'state="waiting"': 0 })

  await connect(url)
  const failing = [...server.sessions].at(-1)!
  failing.destroy(new RtmpError('ERR_RTMP_STALLED'))
  await Promise.all([encoder, ...players].map(each => each.close()))
  await until(() => server.sessions.size === 0 && lives.size === 0)
  const later = await scrape()
  t.same(of(later, 'sessions_ended_total'), {
    'reason="left"': 3,
    'reason="closed"': 0,
    'reason="ERR_RTMP_STALLED"': 1
  })
  t.same(of(later, 'stream_received_messages_total'), {}, 'a stream that is gone has no series')
  t.same(of(later, 'streams_received_messages_total'), { '': film.length }, 'and stays in the total')
})

t.test('times are in seconds; reasons that nobody knows are one', async t => {
  const clock = new TestClock()
  const streams = new LiveStreams({ clock, holdMs: 0, mergeMs: 0 })
  const live = streams.get('live/film')
  const input = live.input()
  const gop = async (at: number) => {
    for (const message of [video.keyframe(at), video.frame(at + 40)]) input.write(message)
    await turnOfTheLoop()
    clock.pass(500)
  }
  await gop(0)
  const slow = live.player({ maxLagMs: 10_000 })
  slow.read()
  await turnOfTheLoop()
  for (let at = 500; at <= 4000; at += 500) await gop(at)
  const ended = { left: 1, closed: 2, ERR_RTMP_IDLE: 3, other: 4, ERR_OF_AN_APPLICATION: 5, constructor: 6 }
  const host = { stats: () => ({ ...new SessionHost().stats(), ended }) }
  const { scrape } = scraped(t, { host, streams })
  const now = await scrape()
  const path = 'path="live/film"'
  const [reader] = live.readerStats()
  t.ok(reader!.lagMs >= 2000, `${reader!.lagMs} ms behind`)
  t.same(of(now, 'stream_lag_seconds'), { [path]: reader!.lagMs / 1000 })
  t.same(of(now, 'stream_ring_seconds'), { [path]: live.stats().ring.ms / 1000 })
  t.same(of(now, 'stream_keyframe_interval_seconds'), { [path]: 0.5 })
  t.same(of(now, 'stream_frames_total'), { [path]: 18 })
  t.same(of(now, 'sessions_ended_total'), {
    'reason="left"': 1,
    'reason="closed"': 2,
    'reason="ERR_RTMP_IDLE"': 3,
    'reason="other"': 15
  })
  const delays = ['mean', 'p99', 'max'].map(each => now[`rtmpipe_event_loop_delay_${each}_seconds`])
  t.ok(
    delays.every(each => each! >= 0 && each! < 600),
    `${delays} seconds`
  )
})

t.test('names that strangers choose make no more series than maxStreams, and none by playing', async t => {
  const streams = table()
  const { scrape } = scraped(t, { streams, maxStreams: 3 })
  const longest = 'x'.repeat(60_000)
  for (let i = 0; i < 50; i++) streams.get(`guess/${i}`).player()
  await write(streams.get(longest), video.keyframe(0))
  for (let i = 0; i < 50; i++) await write(streams.get(`film/${i}`), video.keyframe(0), audio.frame(5))
  const now = await scrape()
  t.same(of(now, 'stream_received_messages_total'), {
    'path="film/0"': 2,
    'path="film/1"': 2,
    'path="film/2"': 2,
    'path=""': 47 * 2 + 1
  })
  t.same(of(now, 'stream_readers')['path=""'], 50)
  t.same(of(now, 'streams_received_messages_total'), { '': 101 })
  t.same(of(now, 'streams'), { 'state="published"': 51, 'state="waiting"': 50 })
  const series = Object.keys(now).length
  for (let i = 50; i < 200; i++) await write(streams.get(`film/${i}`), video.keyframe(0))
  t.equal(Object.keys(await scrape()).length, series)
})

t.test('no counter goes back: neither when streams go, nor when there is room for others', async t => {
  const clock = new TestClock()
  const streams = new LiveStreams({ clock, holdMs: 1, mergeMs: 0 })
  const { scrape } = scraped(t, { streams, maxStreams: 1 })
  const seen: Record<string, number>[] = []
  const look = async () => seen.push(await scrape())
  const ends = async (input: { destroy(): unknown }) => {
    input.destroy()
    await turnOfTheLoop()
    clock.pass(1)
    await turnOfTheLoop()
    await turnOfTheLoop()
  }
  const first = await write(streams.get('a'), video.keyframe(0))
  await write(streams.get('b'), video.keyframe(0), video.frame(40))
  const kept = streams.get('b')
  await look()
  await ends(first)
  t.equal(streams.size, 1)
  await look()
  // there is room, and b stays with the rest, whoever publishes it
  const another = kept.input({ takeover: true })
  another.write(video.keyframe(80))
  await write(streams.get('c'), video.keyframe(0))
  await look()
  await ends(another)
  t.equal(streams.size, 1)
  await look()
  // one who kept the stream joins it again: it counts on
  await write(kept, video.keyframe(120))
  await look()
  const totals = (name: string) => seen.map(each => of(each, name))
  t.same(
    totals('streams_received_messages_total').map(each => each['']),
    [3, 3, 5, 5, 6]
  )
  t.same(totals('stream_received_messages_total'), [
    { 'path="a"': 1, 'path=""': 2 },
    { 'path=""': 2 },
    { 'path="c"': 1, 'path=""': 3 },
    { 'path="c"': 1, 'path=""': 3 },
    { 'path="c"': 1, 'path=""': 4 }
  ])
})

t.test('a name is escaped, and Prometheus accepts every line', { skip: without('promtool') }, async t => {
  const streams = table()
  const { registry } = scraped(t, { host: new SessionHost(), streams })
  const odd = 'live/a"b\\c\nd{e="f"} 7\n# TYPE x counter\u2028ü\0'
  await write(streams.get(odd), video.keyframe(0))
  await write(streams.get('__proto__'), video.keyframe(0))
  const text = await registry.metrics()
  t.match(text, 'rtmpipe_stream_published{path="live/a\\"b\\\\c\\nd{e=\\"f\\"} 7\\n# TYPE x counter\u2028ü\0"} 1\n')
  t.match(text, 'rtmpipe_stream_published{path="__proto__"} 1\n')
  const { status, stdout, stderr } = spawnSync('promtool', ['check', 'metrics'], { input: text, encoding: 'utf8' })
  t.same({ status, said: stdout + stderr }, { status: 0, said: '' })
})

t.test(
  'docs/metrics.md: Prometheus takes its files, and its alerts ask for what is there',
  {
    skip: without('promtool')
  },
  async t => {
    const home = folder(t)
    const page = readFileSync('docs/metrics.md', 'utf8')
    const blocks = [...page.matchAll(/```yaml\n([\s\S]*?)```/g)].map(([, yaml]) => yaml!)
    t.equal(blocks.length, 2)
    for (const [i, kind] of ['config', 'rules'].entries()) {
      const file = join(home, `${kind}.yml`)
      writeFileSync(file, blocks[i]!)
      const { status, stdout, stderr } = spawnSync('promtool', ['check', kind, file], { encoding: 'utf8' })
      t.equal(status, 0, stdout + stderr)
    }
    const names = new Set(metricDescriptions.map(({ name }) => name))
    const asked = [...blocks[1]!.matchAll(/\brtmpipe_\w+/g)].map(([name]) => name)
    t.same(
      asked.filter(name => !names.has(name)),
      []
    )
    t.ok(asked.length > 5)
  }
)

t.test('it can be undone, and done again; two calls on one registry are a mistake that is told', async t => {
  const streams = table()
  const { registry, metrics } = scraped(t, { host: new SessionHost(), streams })
  const before = registry.getMetricsAsArray().length
  t.throws(() => collectMetrics(registry, { streams }), /already been registered/)
  t.equal(registry.getMetricsAsArray().length, before, 'the mistake has changed nothing')
  t.equal(streams.listenerCount('publish'), 1)
  metrics.stop()
  t.same(registry.getMetricsAsArray(), [])
  t.same([streams.listenerCount('publish'), streams.listenerCount('remove')], [0, 0])
  {
    using again = collectMetrics(registry, { streams })
    t.ok(again)
    t.notMatch(await registry.metrics(), 'rtmpipe_sessions')
    t.match(await registry.metrics(), 'rtmpipe_streams{state="published"} 0')
  }
  t.same(registry.getMetricsAsArray(), [])
  t.throws(() => collectMetrics(registry, { streams, maxStreams: -1 }), RangeError)
  t.throws(() => collectMetrics(registry, { streams, maxStreams: Number.NaN }), RangeError)
})

t.test('one scrape asks once, whatever the number of metrics', async t => {
  let asked = 0
  const stats = () => {
    asked++
    return new SessionHost().stats()
  }
  const { scrape } = scraped(t, { host: { stats } })
  t.equal(asked, 0)
  await scrape()
  t.equal(asked, 1)
  await scrape()
  t.equal(asked, 2)
})

/** Makes Node find no prom-client, as where it is not installed. */
const hidden = `data:text/javascript,${encodeURIComponent(`
  import { register } from 'node:module'
  register('data:text/javascript,' + encodeURIComponent(\`export async function resolve(name, context, next) {
    if (name !== 'prom-client') return next(name, context)
    throw Object.assign(new Error('not installed'), { code: 'ERR_MODULE_NOT_FOUND' })
  }\`))`)}`

t.test('rtmpipe serve: GET /metrics, behind its token, and advice where prom-client is not installed', async t => {
  const cli = fileURLToPath(new URL('../../lib/app/cli.js', import.meta.url))
  const serve = async (node: string[], ...args: string[]) => {
    const program = new Program(t, process.execPath, [
      ...node,
      cli,
      'serve',
      '--port',
      '0',
      '--http-port',
      '0',
      ...args
    ])
    const [, web] = await program.says(/listening (http:\S+)/)
    return (path: string, init?: RequestInit) => fetch(new URL(path, web), init)
  }
  const [ask, without, behind] = await Promise.all([
    serve([], '--demo'),
    serve(['--import', hidden]),
    serve([], '--api-token', 'secret')
  ])
  const response = await ask('/metrics')
  t.equal(response.status, 200)
  t.match(response.headers.get('content-type'), /^text\/plain; version=0\.0\.4/)
  const now = seriesOf(await response.text())
  t.same(of(now, 'stream_published'), { 'path="live/demo"': 1 })
  t.ok(now.process_resident_memory_bytes! > 0, 'and prom-client tells of the process')
  t.equal((await ask('/metrics', { method: 'POST' })).status, 405)
  t.equal((await ask('/metricsx')).status, 404)
  const advice = await without('/metrics')
  t.equal(advice.status, 404)
  t.equal(await advice.text(), '/metrics requires the package prom-client: npm install prom-client\n')
  t.equal((await behind('/metrics')).status, 401)
  t.equal((await behind('/metrics', { headers: { Authorization: 'Bearer secret' } })).status, 200)
})
