import { once } from 'node:events'
import { readFileSync, writeFileSync } from 'node:fs'
import http from 'node:http'
import type net from 'node:net'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { Ajv } from 'ajv'
import {
  connect,
  createServer,
  type GoLiveRequest,
  goLiveConfiguration,
  goLiveStreamUrl,
  splitStreamUrl
} from 'rtmpipe'
import t from 'tap'
import { WebSocket } from 'ws'
import { Slots } from '../../lib/app/slots.ts'
import { help, readServe } from '../../lib/app/subcommands/serve.ts'
import { certificate } from '../support/certificates.ts'
import { film, folder } from '../support/films.ts'
import { video } from '../support/media.ts'
import { freePort, nginx } from '../support/nginx.ts'
import { players, publishers } from '../support/players.ts'
import { Program, without } from '../support/programs.ts'

t.jobs = 4
const buffered = true
type Scope = { teardown(end: () => unknown): unknown }
const cli = fileURLToPath(new URL('../../lib/app/cli.js', import.meta.url))
const rtmpipe = (t: Scope, ...args: string[]) => new Program(t, process.execPath, [cli, ...args])
const serve = async (t: Scope, ...args: string[]) => {
  const program = rtmpipe(t, 'serve', '--port', '0', '--http-port', '0', ...args)
  const [, url] = await program.says(/listening (rtmp:\/\/127\.0\.0\.1:\d+)/)
  const [, web] = await program.says(/listening (http:\/\/127\.0\.0\.1:\d+)/)
  return { program, url: url!, web: web! }
}

type Form = Record<string, string>

/** A server of hooks: it answers with a status, or a status and a Location, or not at all. */
async function hooks(t: Scope, answers: (form: Form) => number | [number, string] | undefined = () => 204) {
  const forms: Form[] = []
  const server = http.createServer(async (request, response) => {
    const form = Object.fromEntries(new URLSearchParams((await request.toArray()).join('')))
    t.teardown(() => response.destroy())
    if (
      request.method !== 'POST' ||
      request.headers['content-type']?.split(';')[0] !== 'application/x-www-form-urlencoded'
    )
      forms.push({ wrong: `${request.method} ${request.headers['content-type']}` })
    forms.push(form)
    const answer = answers(form)
    if (answer === undefined) return
    const [status, location] = Array.isArray(answer) ? answer : [answer]
    response.writeHead(status, location === undefined ? {} : { Location: location }).end('whatever')
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  t.teardown(() => server.close())
  const url = `http://127.0.0.1:${(server.address() as net.AddressInfo).port}/hook?secret=s3cret`
  /** The next form of this call that has come, and the last of several. */
  const called = async (call: string, times = 1): Promise<Form> => {
    for (;;) {
      const those = forms.filter(form => form.call === call)
      if (those.length >= times) return those[times - 1]!
      await sleep(5)
    }
  }
  return { url, forms, called }
}

t.test(
  'what nginx-rtmp tells its hooks, told by this server too',
  { skip: without('ffmpeg', 'nginx'), buffered },
  async t => {
    const home = folder(t)
    const source = film(join(home, 'film.flv'), { seconds: 1 })
    const theirs = await hooks(t)
    const ours = await hooks(t)
    const at = theirs.url
    const base = await nginx(t, home, `on_publish ${at}; on_play ${at}; on_done ${at};`)
    const { url } = await serve(t, '--on-publish', ours.url, '--on-play', ours.url, '--on-done', ours.url)
    for (const [server, { called }] of [
      [base, theirs],
      [url, ours]
    ] as const) {
      const player = players.ffmpeg(t, `${server}/live?a=1/film?token=a%20b%2Bc&name=evil`)
      await called('play')
      t.equal(
        (await publishers.ffmpeg(t, source, `${server}/live/film?key=x%26y&addr=192.0.2.1&was=evil`).ends()).code,
        0
      )
      await called('done')
      player.program.kill('SIGINT')
      await called('done', 2)
    }
    // the query of the app is told here too, and there only the beginning of flashver
    const known = ({ tcurl = '', flashver = '', a, clientid, start, duration, reset, ...form }: Form): Form => ({
      ...Object.fromEntries(Object.entries(form).filter(([name]) => !['was', 'bytes', 'time'].includes(name))),
      flashver: flashver.slice(0, 31),
      tcurl: tcurl.replace(/:\d+/, ''),
      // a stranger cannot override them here
      ...(form.name === 'evil' && { name: 'film' }),
      ...(form.addr === '192.0.2.1' && { addr: '127.0.0.1' })
    })
    const byKeys = (one: Form, other: Form) => Object.keys(one).length - Object.keys(other).length
    for (const call of ['publish', 'play', 'done']) {
      const [one, other] = [theirs, ours].map(({ forms }) => forms.filter(form => form.call === call).map(known))
      t.same(other!.sort(byKeys), one!.sort(byKeys), call)
    }
    t.same(
      ours.forms.filter(({ name, addr, was }) => name !== 'film' || addr !== '127.0.0.1' || was === 'evil'),
      []
    )
  }
)

t.test('on-publish and on-play: 2xx accepts, all else refuses, and nothing secret is logged', { buffered }, async t => {
  const { url: hook, forms } = await hooks(t, ({ status }) => Number(status))
  const { program, url, web } = await serve(t, '--on-publish', hook, '--on-play', hook, '--refuse-missing')
  await using publisher = await connect(`${url}/live`)
  for (const status of [400, 403, 404, 500, 302, 304]) {
    const refused = { code: 'ERR_RTMP_REFUSED', status: 'NetStream.Publish.Denied' }
    await t.rejects(publisher.publish(`film?status=${status}&key=k3y`), refused, `${status}`)
  }
  await publisher.publish('film?status=201&key=k3y')
  await using player = await connect(`${url}/live`)
  await t.rejects(player.play('film?status=403&key=k3y'), { code: 'ERR_RTMP_REFUSED', status: 'NetStream.Play.Failed' })
  await player.play('film?status=200&key=k3y')
  for (const [status, answered] of [
    [403, 403],
    [200, 200]
  ] as const) {
    const response = await fetch(`${web}/live/film.flv?status=${status}&key=k3y`, { method: 'HEAD' })
    t.equal(response.status, answered, 'a viewer over HTTP is decided on as any')
  }
  const socket = new WebSocket(`${web.replace('http', 'ws')}/live/film.flv?status=403&key=k3y`)
  const [, { statusCode }] = (await once(socket, 'unexpected-response')) as [unknown, http.IncomingMessage]
  socket.on('error', () => {}).terminate()
  t.equal(statusCode, 403, 'one over WebSocket too')
  t.match(forms.at(-1), {
    call: 'play',
    app: 'live',
    name: 'film',
    addr: '127.0.0.1',
    clientid: /^http\d+$/,
    tcurl: `${web}/live`,
    key: 'k3y'
  })
  await program.says(/denied live\/film from 127\.0\.0\.1:\d+ by on-publish: HTTP status 304/)
  await program.says(/denied live\/film for 127\.0\.0\.1:\d+ by on-play: HTTP status 403/, 3)
  t.notMatch(program.said, /s3cret|k3y|\/hook/)
})

t.test(
  'a hook that is not there, or never answers, refuses; a slow one holds its own session alone',
  { buffered },
  async t => {
    const gone = await serve(t, '--on-publish', `http://127.0.0.1:${await freePort()}/`)
    await using refused = await connect(`${gone.url}/live`)
    await t.rejects(refused.publish('film'), { code: 'ERR_RTMP_REFUSED', status: 'NetStream.Publish.Denied' })
    await gone.program.says(/denied live\/film from \S+ by on-publish: .*ECONNREFUSED/)
    const { url: hook, called } = await hooks(t, ({ name }) => (name === 'slow' ? undefined : 204))
    const { program, url } = await serve(t, '--on-publish', hook, '--on-play', hook, '--on-done', hook)
    const slow = await connect(`${url}/live`)
    const asking = slow.publish('slow')
    const whatCame = asking.then(
      () => 'published',
      () => 'ended'
    )
    await called('publish')
    for (const name of ['one', 'two']) {
      await using publisher = await connect(`${url}/live`)
      const publishing = await publisher.publish(name)
      await using player = await connect(`${url}/live`)
      const playing = await player.play(name)
      publishing.write(video.keyframe(0))
      t.match(await once(playing, 'data'), [{ timestamp: 0 }], name)
    }
    t.notMatch(program.said, /denied/)
    await slow.close()
    t.equal(await whatCame, 'ended')
    const late = await serve(t, '--on-publish', hook, '--hook-timeout-ms', '50')
    await using waits = await connect(`${late.url}/live`)
    await t.rejects(waits.publish('slow'), { code: 'ERR_RTMP_REFUSED', status: 'NetStream.Publish.Denied' })
    await late.program.says(/denied live\/slow from \S+ by on-publish: no answer in time/)
  }
)

t.test('so many are asked at a time, the others in order, whether they fail or not', async t => {
  const slots = new Slots(2)
  const [running, begun, ends]: [Set<number>, number[], (() => void)[]] = [new Set(), [], []]
  const all = [0, 1, 2, 3, 4].map(task =>
    slots.run(async () => {
      begun.push(task)
      running.add(task)
      await new Promise<void>(resolve => ends.push(resolve))
      running.delete(task)
      if (task % 2 === 1) throw new Error('odd')
      return task
    })
  )
  const settled = Promise.allSettled(all)
  for (const expected of [[0, 1], [1, 2], [2, 3], [3, 4], [4]]) {
    while (begun.at(-1) !== expected.at(-1)) await sleep(1)
    t.same([...running], expected)
    ends.shift()!()
    await sleep(1)
  }
  t.same(
    (await settled).map(({ status }) => status),
    ['fulfilled', 'rejected', 'fulfilled', 'rejected', 'fulfilled']
  )
  t.same(begun, [0, 1, 2, 3, 4])
})

t.test('a Location without a scheme is another name, for publishers and for players', { buffered }, async t => {
  const { url: hook, called } = await hooks(t, ({ name }) => [302, `not-${name}`])
  const { program, url, web } = await serve(t, '--on-publish', hook, '--on-play', hook, '--on-done', hook)
  const publisher = await connect(`${url}/live`)
  const publishing = await publisher.publish('secret')
  const player = await connect(`${url}/live`)
  const playing = await player.play('secret')
  publishing.write(video.keyframe(0))
  t.match(await once(playing, 'data'), [{ timestamp: 0 }])
  await program.says(/ publish live\/not-secret from/)
  await program.says(/ (play|wait) live\/not-secret for/)
  const over = await fetch(`${web}/live/secret.flv`, { method: 'HEAD' })
  t.equal(over.status, 200)
  await player.close()
  await publisher.close()
  t.match(await called('done'), { name: 'secret', app: 'live' }, 'the end is told by the name that was asked for')
})

t.test('a Location that is an rtmp URL: a publish is sent there too, a play is refused', { buffered }, async t => {
  const names: string[] = []
  const ended: Promise<unknown>[] = []
  const origin = createServer(session =>
    session.on('publish', publish => {
      names.push(`${publish.path}?${publish.rawQuery}`)
      ended.push(once(publish.accept().resume(), 'close'))
    })
  )
  await new Promise<void>(resolve => origin.listen(0, '127.0.0.1', resolve))
  t.teardown(() => origin.close())
  const { port } = origin.address() as net.AddressInfo
  const { url: hook } = await hooks(t, ({ to }) => [307, `${to}://127.0.0.1:${port}/far/away?key=k3y`])
  const { program, url } = await serve(t, '--on-publish', hook, '--on-play', hook)
  const publisher = await connect(`${url}/live`)
  for (const to of ['http', 'x'])
    await t.rejects(publisher.publish(`film?to=${to}`), {
      code: 'ERR_RTMP_REFUSED',
      status: 'NetStream.Publish.Denied'
    })
  const publishing = await publisher.publish('film?to=rtmp')
  publishing.write(video.keyframe(0))
  await program.says(/relay live\/film to rtmp:\/\/127\.0\.0\.1:\d+ live/)
  t.same(names, ['far/away?key=k3y'])
  await publisher.close()
  await program.says(/unpublish live\/film/)
  await Promise.all(ended)
  await using player = await connect(`${url}/live`)
  await t.rejects(player.play('film?to=rtmp'), { code: 'ERR_RTMP_REFUSED', status: 'NetStream.Play.Failed' })
  await program.says(/by on-play: a play cannot be redirected to a URL/)
  t.notMatch(program.said, /k3y|s3cret/)
})

t.test(
  'on-done: every publish and play that began, with bytes and seconds, also when the server ends',
  { buffered },
  async t => {
    const { url: hook, forms, called } = await hooks(t, ({ call }) => (call === 'done' ? 500 : 204))
    const { program, url, web } = await serve(t, '--on-done', hook)
    const publisher = await connect(`${url}/live`)
    const publishing = await publisher.publish('film?a=b')
    publisher.on('error', () => {})
    publishing.on('error', () => {})
    await using other = await connect(`${url}/live`)
    await t.rejects(other.publish('film'), { code: 'ERR_RTMP_REFUSED', status: 'NetStream.Publish.BadName' })
    const player = await connect(`${url}/live`)
    const playing = await player.play('film')
    const viewer = await fetch(`${web}/live/film.flv`)
    publishing.write(video.keyframe(0, 10_000))
    await once(playing, 'data')
    await viewer.body!.getReader().read()
    await player.close()
    t.match(await called('done'), { was: 'play', name: 'film', app: 'live', bytes: /^1\d{4}$/, time: /^\d+(\.\d+)?$/ })
    await program.says(/hook failed live\/film for \S+ by on-done: HTTP status 500/)
    program.kill('SIGTERM')
    t.equal((await program.ends()).code, 0)
    const rest = forms.slice(1).sort((a, b) => (a.was! < b.was! ? -1 : 1))
    t.match(rest, [
      { was: 'play', clientid: 'http1', bytes: /^1\d{4}$/ },
      { was: 'publish', a: 'b', bytes: /^1\d{4}$/ }
    ])
  }
)

/** A request for a go-live configuration, of what OBS always sends. */
const goesLive = (authentication: string): GoLiveRequest => ({
  service: 'IVS',
  schema_version: '2025-01-25',
  authentication,
  client: { name: 'obs-studio', version: '32.2.1', supported_codecs: ['h264'] },
  capabilities: {
    cpu: { physical_cores: 4, logical_cores: 8 },
    memory: { total: 2e9, free: 1e9 },
    system: { name: 'Linux', version: '6.8', bits: 64 }
  },
  preferences: {
    vod_track_audio: false,
    canvases: [
      { width: 1280, height: 720, canvas_width: 1280, canvas_height: 720, framerate: { numerator: 30, denominator: 1 } }
    ]
  }
})

const x264 = (width: number, height: number) => ({ type: 'obs_x264', width, height, settings: { bitrate: 800 } })
const ladder = {
  encoder_configurations: [x264(1920, 1080), x264(1280, 720), x264(640, 360)],
  audio_configurations: { live: [{ codec: 'aac', track_id: 0, channels: 2, settings: { bitrate: 160 } }] }
}
const ladderFile = (t: Scope, json: object): string => {
  const file = join(folder(t), 'ladder.json')
  writeFileSync(file, JSON.stringify(json))
  return file
}

t.test('go-live: OBS is told the tracks that fit and this server, if its key is right', { buffered }, async t => {
  const keys = ['--publish-key', 'k3y', '--tls']
  const { program, url, web } = await serve(t, '--go-live', ladderFile(t, ladder), ...keys)
  const { hostname, port } = new URL(url)
  await program.says(new RegExp(`obs --config-url ${web}/go-live\n`))
  await program.says(new RegExp(`"multitrack_video_configuration_url":"${web}/go-live"`))
  const configuration = await goLiveConfiguration(`${web}/go-live`, goesLive('film?key=k3y'))
  t.same(
    configuration.encoder_configurations.map(({ height }) => height),
    [720, 360]
  )
  t.same(
    configuration.ingest_endpoints.map(({ url_template: template }) => template),
    [`rtmp://${hostname}:${port}/live/{stream_key}`, `rtmps://${hostname}:${port}/live/{stream_key}`]
  )
  const to = splitStreamUrl(goLiveStreamUrl(configuration, 'film?key=k3y', 'RTMP'))
  await using publisher = await connect(to.url)
  await publisher.publish(to.name)
  await program.says(/ publish live\/film from/)
  for (const key of ['film', 'film?key=s3cret', 'other'])
    await t.rejects(goLiveConfiguration(`${web}/go-live`, goesLive(key)), {
      code: 'ERR_RTMP_GO_LIVE_REFUSED',
      message: /wrong key/
    })
  await program.says(/denied live\/film from 127/, 2)
  t.notMatch(program.said, /k3y|s3cret/)
  const { port: webPort } = new URL(web)
  const asked = http
    .request({ port: webPort, path: '/go-live', method: 'POST', headers: { Host: 'evil.example' } })
    .end()
  const [{ statusCode }] = (await once(asked, 'response')) as [http.IncomingMessage]
  t.equal(statusCode, 421, 'not under the name of a stranger')
})

t.test('go-live: endpoints of the file; a key for one stream; no advice among lines of JSON', { buffered }, async t => {
  const elsewhere = [{ protocol: 'RTMP', url_template: 'rtmp://other.example/app/{stream_key}' }]
  const file = ladderFile(t, { ...ladder, ingest_endpoints: elsewhere })
  const config = join(folder(t), 'serve.json')
  writeFileSync(config, JSON.stringify({ goLive: file, publishKeys: [{ key: 'k3y', path: 'app/film' }], log: 'json' }))
  const program = rtmpipe(t, 'serve', '--config', config, '--port', '0', '--http-port', '0')
  const [, web] = await program.says(/"url":"(http:\/\/127\.0\.0\.1:\d+)/)
  const ask = (key: string) => goLiveConfiguration(`${web}/go-live`, goesLive(key))
  t.match((await ask('film?key=k3y')).ingest_endpoints, elsewhere)
  await t.rejects(ask('other?key=k3y'), { code: 'ERR_RTMP_GO_LIVE_REFUSED' })
  await program.says(/"event":"denied","path":"app\/other"/)
  t.notMatch(program.said, /config-url/)
})

t.test('go-live: a file that is wrong is named, with the field', async t => {
  const says = (file: string, ...args: string[]) => {
    try {
      return readServe(['--go-live', file, ...args])
    } catch (error) {
      return (error as Error).message
    }
  }
  const wrong = ladderFile(t, { ...ladder, encoder_configurations: [{ ...x264(1, 1), width: 0 }] })
  t.match(says(wrong), /^--go-live .*ladder\.json: .*encoder_configurations\[0\]\.width must be a whole number/)
  t.match(says(join(folder(t), 'none.json')), /^--go-live .*none\.json: ENOENT/)
  t.match(says(ladderFile(t, [])), /^--go-live .*encoder_configurations is missing/)
  t.match(says(ladderFile(t, ladder), '--no-http'), /^--go-live requires HTTP$/)
  t.match(commandSays(t, `{\n  "goLive": "${wrong}"\n}`), /^serve\.json:2: goLive .*encoder_configurations\[0\]/)
})

const schema = JSON.parse(readFileSync('lib/app/serve.schema.json', 'utf8'))

/** Whether the command accepts a configuration, or what it says. */
function commandSays(t: Scope, text: string, ...args: string[]): true | string {
  const file = join(folder(t), 'serve.json')
  writeFileSync(file, text)
  try {
    readServe(['--config', file, ...args])
    return true
  } catch (error) {
    return (error as Error).message.replace(`${file}:`, 'serve.json:')
  }
}

t.test('the schema has every option, and accepts and refuses what the command does', async t => {
  const options = [...help.matchAll(/--([a-z][a-z-]*[a-z])/g)].map(([, name]) => name!)
  const keys = options.map(name => name.replace(/-([a-z])/g, (_, letter) => letter.toUpperCase()))
  const known = Object.keys(schema.properties).filter(key => !['$schema', 'relays', 'publishKeys'].includes(key))
  t.same(known.sort(), [...new Set(keys)].filter(key => key !== 'config').sort())
  const validate = new Ajv({ strict: true }).compile(schema)
  const accepted: readonly object[] = [
    {},
    { $schema: 'node_modules/rtmpipe/lib/app/serve.schema.json' },
    { host: '::1', port: 0, log: 'json', demo: true, tls: false, rawTimestamps: true, takeover: true },
    { tlsCert: 'a.pem', tlsKey: 'b.pem' },
    { proxyProtocolFrom: ['10.0.0.0/8', '127.0.0.1', '::1', 'fd00::/8', '::ffff:10.0.0.1/128'] },
    { record: 'rec', recordOnRequest: true, recordAllTracks: true, recordEveryMs: 1, recordEveryBytes: 1e9 },
    { publishKey: '-k', publishKeys: [{ key: 'a' }, { key: 'b', path: 'live/film' }] },
    { relays: [{ path: 'live/film', to: 'rtmps://u:p@other.example:443/live/film?key=abc' }] },
    {
      onPublish: 'http://127.0.0.1:1/a?b=c',
      onPlay: 'https://example',
      onDone: 'http://[::1]/@',
      hookTimeoutMs: 60_000
    },
    { drainTo: 'rtmps://b.example:1936' },
    { refuseMissing: false, holdMs: 0, idleMs: 86_400_000, mergeMs: 10_000 },
    { httpPort: 65_535, httpHost: '::', httpName: ['a', 'b'], httpOrigin: '*', noHttp: true, apiToken: 't' }
  ]
  const refused: readonly unknown[] = [
    [],
    'x',
    null,
    ...['port', 'httpPort'].flatMap(key => [-1, 65_536, 1.5, '1935', true, null].map(value => ({ [key]: value }))),
    ...['holdMs', 'idleMs', 'mergeMs', 'hookTimeoutMs'].flatMap(key =>
      [-1, 86_400_001, 0.5].map(value => ({ [key]: value }))
    ),
    ...['idleMs', 'hookTimeoutMs'].map(key => ({ [key]: 0 })),
    { hookTimeoutMs: 60_001 },
    { mergeMs: 10_001 },
    ...['', 'b.example', 'rtmp://b.example/live', 'rtmp://u:p@b.example', 7].map(drainTo => ({ drainTo })),
    { prot: 1935 },
    { Port: 1935 },
    { 'hold-ms': 5 },
    { config: 'other.json' },
    { toString: 1 },
    { host: 1 },
    { log: 'xml' },
    { log: true },
    { demo: 'true' },
    { tlsCert: 'a.pem' },
    { tlsKey: 'a.pem' },
    { recordOnRequest: true },
    { recordAllTracks: true },
    { recordEveryMs: 1 },
    { recordEveryBytes: 1 },
    { record: 'rec', recordEveryMs: 0 },
    { record: 'rec', recordEveryBytes: 0 },
    { publishKey: '' },
    { publishKeys: [{ key: '' }] },
    { publishKeys: [{ key: 'a', path: '' }] },
    { publishKeys: [{ path: 'live/film' }] },
    { publishKeys: ['a'] },
    { publishKeys: { a: 'b' } },
    { relays: [{ path: 'live/film' }] },
    { relays: [{ to: 'rtmp://other/live/film' }] },
    { relays: [{ path: '', to: 'rtmp://other/live/film' }] },
    { relays: [{ path: 'live/film', to: 'http://other/live/film' }] },
    { relays: [{ path: 'live/film', to: 'rtmp://other' }] },
    { relays: [{ path: 'live/film', to: 'rtmp://other/' }] },
    { relays: [{ path: 'live/film', to: '' }] },
    { relays: [{ path: 'live/film', to: 'rtmp://other/live/film', key: 'x' }] },
    ...['onPublish', 'onPlay', 'onDone'].flatMap(key =>
      ['', 'example', 'ftp://a/', 'http://user:password@a/', 'http://', 1].map(value => ({ [key]: value }))
    ),
    ...['', 'proxy.example', '10.0.0.0/33', '::/129', '10.0.0.0/'].map(from => ({ proxyProtocolFrom: [from] })),
    { proxyProtocolFrom: '127.0.0.1' },
    { httpName: 'a' },
    { httpName: [1] },
    { apiToken: '' }
  ]
  for (const [configs, is] of [
    [accepted, true],
    [refused, false]
  ] as const) {
    for (const config of configs) {
      const text = JSON.stringify(config)
      t.equal(validate(config), is, `${text}: the schema`)
      const said = commandSays(t, text)
      if (is) t.equal(said, true, `${text}: the command`)
      else t.match(said, /^serve\.json:1: \S/, `${text}: the command`)
    }
  }
})

t.test('an error names the file, the line and the key, and no secret', async t => {
  const says: readonly (readonly [text: string, message: string])[] = [
    ['{\n  // a comment\n\n  "port": 70000\n}', 'serve.json:4: port must be an integer from 0 to 65535, not 70000'],
    ['{\n  "port": "1935"\n}', 'serve.json:2: port must be an integer, not a string'],
    ['{\n  "idleMs": 5,\n  "prot": 1\n}', 'serve.json:3: unknown key prot'],
    ['{\n  "port": 1,\n  "port": 2\n}', 'serve.json:3: port is given twice'],
    ['{\n  "port": 1\n  "host": "a"\n}', 'serve.json:3: comma expected'],
    ['{\n  "tlsCert": "a.pem"\n}', 'serve.json:2: tlsCert and tlsKey must be given together'],
    ['{\n\n  "recordEveryMs": 5\n}', 'serve.json:3: recordEveryMs and recordEveryBytes require record'],
    [
      '{\n  "relays": [\n    { "path": "a/b", "to": "rtmp://a/b/c" },\n    { "path": "a/b",\n      "to": "s3cret" }\n  ]\n}',
      'serve.json:5: relays[1].to must be the URL of a stream: rtmp://host/app/name'
    ],
    ['{\n  "publishKeys": [\n    { "path": "a/b" }\n  ]\n}', 'serve.json:3: publishKeys[0].key is required'],
    ['{\n  "onDone": "s3cret"\n}', 'serve.json:2: onDone must be an http or https URL without a user'],
    ['[]', 'serve.json:1: the file must be an object, not an array']
  ]
  for (const [text, message] of says) t.equal(commandSays(t, text), message)
  t.equal(commandSays(t, '\uFEFF{ "port": 0, /* trailing */ }'), true)
  t.match(
    commandSays(t, '{ "port": 1 }', '--port', 'x'),
    /^--port must be an integer from 0 to 65535, not x$/,
    'an error of the command line is its own'
  )
  const program = rtmpipe(t, 'serve', '--config', join(folder(t), 'none.json'))
  t.equal((await program.ends()).code, 2)
  t.match(program.said, /^rtmpipe: --config \S+none\.json: .*ENOENT[^\n]*\n$/)
})

t.test('the command line wins', async t => {
  const file = join(folder(t), 'serve.json')
  writeFileSync(file, JSON.stringify({ port: 1, host: '::1', httpName: ['a'], holdMs: 7, takeover: true }))
  const { options } = readServe(['--port=0', '--config', file, '--http-name', 'b', '--hold-ms', '0'])
  t.match(options, { port: 0, host: '::1', httpNames: ['b'], holdMs: 0, takeover: true })
})

t.test('SIGHUP reloads the file and takes nobody off; a wrong file changes nothing', { buffered }, async t => {
  const home = folder(t)
  const file = join(home, 'serve.json')
  const names: string[] = []
  const origin = createServer(session =>
    session.on('publish', publish => {
      names.push(publish.path)
      publish
        .accept()
        .resume()
        .on('close', () => names.push(`${publish.path} ended`))
    })
  )
  await new Promise<void>(resolve => origin.listen(0, '127.0.0.1', resolve))
  t.teardown(() => origin.close())
  const there = `rtmp://127.0.0.1:${(origin.address() as net.AddressInfo).port}/far`
  const named = async (name: string) => {
    while (!names.includes(name)) await sleep(5)
  }
  const { url: hook, called } = await hooks(t, () => 403)
  const write = (config: object | string) =>
    writeFileSync(file, typeof config === 'string' ? config : JSON.stringify(config))
  write({ publishKeys: [{ key: 'one', path: 'live/film' }], relays: [{ path: 'live/film', to: `${there}/one` }] })
  const { program, url } = await serve(t, '--config', file)
  let reloads = 0
  const reload = async (config: object | string, says = /config reloaded/) => {
    write(config)
    program.kill('SIGHUP')
    if (says.source === 'config reloaded') reloads++
    await program.says(says, says.source === 'config reloaded' ? reloads : 1)
  }
  const may = async (name: string) => {
    await using session = await connect(`${url}/live`)
    return await session.publish(name).then(
      () => true,
      error => error.status
    )
  }
  const denied = 'NetStream.Publish.Denied'
  await using publisher = await connect(`${url}/live`)
  const publishing = await publisher.publish('film?key=one')
  await using player = await connect(`${url}/live`)
  const playing = await player.play('film')
  const plays = async (at: number) => {
    publishing.write(video.keyframe(at))
    const [{ timestamp }] = await once(playing, 'data')
    t.equal(timestamp, at, 'publisher and player are there')
  }
  await plays(0)
  await named('far/one')
  t.equal(await may('other?key=one'), denied, 'a key of another path')

  await reload({
    publishKey: 'two',
    record: join(home, 'rec'),
    onPlay: hook,
    holdMs: 1,
    relays: [{ path: 'live/film', to: `${there}/two` }]
  })
  await program.says(/config holdMs stays as it is until a restart/)
  await plays(40)
  await named('far/one ended')
  await named('far/two')
  await program.says(/record live\/film to \S+rec/)
  t.equal(await may('other?key=one'), denied)
  t.equal(await may('other?key=two'), true)
  await using refused = await connect(`${url}/live`)
  await t.rejects(refused.play('film'), { code: 'ERR_RTMP_REFUSED', status: 'NetStream.Play.Failed' })
  t.match(await called('play'), { name: 'film' })

  await reload(
    '{\n  "publishKey": 5\n}',
    /config not reloaded: \S+serve\.json:2: publishKey must be a string, not an integer/
  )
  await reload({ publishKey: 'three', record: '/proc/none' }, /config not reloaded: cannot record to \/proc\/none/)
  await plays(80)
  t.equal(await may('other?key=three'), denied, 'what was in force still is')
  t.equal(await may('other?key=two'), true)

  await reload({ idleMs: 1 })
  await plays(120)
  const silent = await connect(`${url}/live`).catch(() => undefined)
  // it may be ended before it has heard that it is connected
  if (silent)
    await once(
      silent.on('error', () => {}),
      'close'
    )
  await program.says(/error .*limits\.idleMs/)
  await plays(160)
  await named('far/two ended')
  t.equal(publisher.destroyed || player.destroyed, false)
})

t.test('SIGHUP reads other files of a certificate', { buffered }, async t => {
  const home = folder(t)
  const file = join(home, 'serve.json')
  const [one, two] = [await certificate(), await certificate()]
  for (const [name, { key, cert }] of Object.entries({ one, two })) {
    writeFileSync(join(home, `${name}.key`), key)
    writeFileSync(join(home, `${name}.pem`), cert)
  }
  const files = (name: string) =>
    writeFileSync(file, JSON.stringify({ tlsKey: join(home, `${name}.key`), tlsCert: join(home, `${name}.pem`) }))
  files('one')
  const { program, url } = await serve(t, '--config', file)
  const connects = (ca: string) => connect(`${url.replace('rtmp', 'rtmps')}/live`, { tls: { ca } })
  await using session = await connects(one.cert)
  files('two')
  program.kill('SIGHUP')
  await program.says(/certificate reloaded/)
  await using other = await connects(two.cert)
  for (const each of [session, other]) t.equal(await each.call('_checkbw'), 0)
})

t.test(
  'the unit of systemd is valid, and the image starts the command',
  { skip: without('systemd-analyze') },
  async t => {
    const unit = join(folder(t), 'rtmpipe.service')
    writeFileSync(
      unit,
      readFileSync('docs/rtmpipe.service', 'utf8').replace('/usr/local/bin/rtmpipe', process.execPath)
    )
    const verify = new Program(t, 'systemd-analyze', ['verify', unit])
    t.equal((await verify.ends()).code, 0)
    t.equal(verify.said, '')
    const image = readFileSync('Dockerfile', 'utf8')
    const [entry, words] = ['ENTRYPOINT', 'CMD'].map(
      name => JSON.parse(new RegExp(`^${name} (\\[.*\\])$`, 'm').exec(image)![1]!) as string[]
    )
    t.equal(entry![1], `/app/${JSON.parse(readFileSync('package.json', 'utf8')).bin.rtmpipe}`)
    t.match(readServe(words!.slice(1)).options, { host: '0.0.0.0', httpHost: '0.0.0.0' })
  }
)
