import { once } from 'node:events'
import { copyFileSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import net from 'node:net'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { connect, createServer, FlvReader, isKeyframe, isVideo, type Message, Refused } from 'rtmpipe'
import t from 'tap'
import { play } from '../../lib/app/transfer.ts'
import { TestClock } from '../support/clock.ts'
import { film, folder, grows, packets, says } from '../support/films.ts'
import { LiveServer } from '../support/live-server.ts'
import { video } from '../support/media.ts'
import { freePort, nginx, played } from '../support/nginx.ts'
import { players, publishers } from '../support/players.ts'
import { Program, without } from '../support/programs.ts'

/** The commands between servers, as a person runs them, with real programs at the other ends. */
t.jobs = 3
const buffered = true
type Scope = { teardown(end: () => unknown): unknown }
const cli = fileURLToPath(new URL('../../lib/app/cli.js', import.meta.url))
const rtmpipe = (t: Scope, ...args: string[]) => new Program(t, process.execPath, [cli, ...args])
const skip = without('ffmpeg', 'nginx', 'script')

t.test('bad words: one line, and exit code 2', { buffered }, async t => {
  const calls: [string[], RegExp][] = [
    [['play'], /URL is required$/],
    [['play', 'film'], /film has no stream name; expected rtmp:\/\/host\/app\/name$/],
    [['play', 'rtmp://host/'], /rtmp:\/\/host… has no stream name/],
    [['play', 'rtmp://h/a/b', 'more'], /unexpected argument 'more'$/],
    [['publish', 'film.flv'], /URL is required$/],
    [['publish', '-', 'rtmp://h/a/b', '--loop'], /--loop requires a file/],
    [['relay', 'rtmp://h/a/b'], /TO\.\.\. is required$/],
    [['proxy'], /--origin is required/],
    [['proxy', '--origin', 'host'], /host is not a URL/],
    [
      ['proxy', '--origin', 'rtmp://h', '--rewrite-key', 'x'],
      /--rewrite-key must be OLD=NEW, or OLD together with --as NEW$/
    ],
    [['proxy', '--origin', 'rtmp://h', '--as', 'x'], /--as NEW requires --rewrite-key OLD$/],
    [['inspect'], /FILE or URL is required$/]
  ]
  for (const [args, says] of calls) {
    const program = rtmpipe(t, ...args)
    t.equal((await program.ends()).code, 2, args.join(' '))
    t.match(program.said.trim(), says)
    t.equal(program.said.trim().split('\n').length, 1, 'one line')
  }
})

t.test('no password is shown, whatever is wrong with a call', { buffered }, async t => {
  const home = folder(t)
  const film = join(home, 'film.flv')
  writeFileSync(film, '')
  for (const secret of ['s3cret', 's3/cret#', 's3@cr/et']) {
    const url = `rtmp://ada:${secret}@127.0.0.1:1/live/film`
    const calls = [
      [url],
      ['play', url],
      ['play', url, url],
      ['play', url.replace(':1/', ':99999/')],
      ['play', '-k', url.slice(0, -5), `-o${url}`],
      ['publish', url, 'rtmp://127.0.0.1:1/live/film?pass=s3cret'],
      ['publish', film, url.replace('//', '/')],
      ['inspect', url.replace('rtmp://', '')],
      ['inspect', url.replace('rtmp:', 'rtmps:')],
      ['serve', `--port=${url}`],
      ['proxy', '--origin', url.replace('rtmp:', '')],
      ['relay', url, 'film']
    ]
    const tried = calls.map(async args => {
      const program = rtmpipe(t, ...args)
      t.not((await program.ends()).code, 0, args.join(' '))
      t.match(program.said, /^rtmpipe: .+\n$/)
      t.notMatch(program.said, /s3|cret|et@/)
    })
    await Promise.all(tried)
  }
})

t.test('what fails: one line, and exit code 1', { buffered }, async t => {
  const nobody = rtmpipe(t, 'play', `rtmp://127.0.0.1:${await freePort()}/live/film`)
  t.equal((await nobody.ends()).code, 1)
  t.match(nobody.said, /^rtmpipe: connect ECONNREFUSED \S+\n$/)
  const url = `rtmp://127.0.0.1:${await freePort()}/live/film`
  const missing = rtmpipe(t, 'publish', '/no/such/file', url)
  t.equal((await missing.ends()).code, 1)
  t.match(missing.said, /^rtmpipe: ENOENT.*\n$/, 'before anybody is connected to')
  const film = join(folder(t), 'film.mp4')
  writeFileSync(film, Buffer.from('00000020667479706d703432', 'hex'))
  for (const args of [
    [film, url],
    ['--loop', film, url]
  ]) {
    const other = rtmpipe(t, 'publish', ...args)
    t.equal((await other.ends()).code, 1)
    t.match(
      other.said,
      /^rtmpipe: .*only FLV is supported.*ffmpeg -i FILE -c copy -f flv - \| rtmpipe publish - URL\n$/
    )
  }
  const file = rtmpipe(t, 'inspect', '/no/such/file')
  t.equal((await file.ends()).code, 1)
  t.match(file.said, /^rtmpipe: ENOENT.*\n$/)
})

t.test('publish and play, by way of nginx-rtmp', { skip, buffered }, async t => {
  const home = folder(t)
  const source = film(join(home, 'film.flv'))
  const url = `${await nginx(t, home)}/live/film`
  const player = rtmpipe(t, 'play', url, '-o', join(home, 'played.flv'))
  const piped = new Program(t, 'sh', ['-c', `"${process.execPath}" "${cli}" play ${url} -o - > ${home}/piped.flv`])
  const byFfmpeg = players.ffmpeg(t, url)
  await played(home, 3)
  const publisher = rtmpipe(t, 'publish', source, url)
  t.equal((await publisher.ends()).code, 0)
  t.equal(publisher.said, '', 'no progress where there is no terminal')
  const sent = packets(source)
  for (const program of [player, piped]) t.equal((await program.ends()).code, 0)
  t.same(packets(join(home, 'played.flv')), sent)
  const file = readFileSync(join(home, 'played.flv'))
  t.match(says(file), { duration: Number, filesize: file.length }, 'a file tells of itself')
  t.same(packets(join(home, 'piped.flv')), sent)
  t.same(await byFfmpeg.packets(), sent)
})

t.test('--fast from standard input, and --loop until Ctrl-C', { skip, buffered }, async t => {
  const home = folder(t)
  const source = film(join(home, 'film.flv'), { seconds: 1 })
  const server = new LiveServer(t, { live: { holdMs: 100 } })
  const url = await server.listen()
  const fast = server.received('live/fast')
  const args = `publish - ${url}/live/fast --fast`
  await new Program(t, 'sh', ['-c', `"${process.execPath}" "${cli}" ${args} < ${source}`]).ends()
  t.equal(
    (await fast).filter(isVideo).length,
    [...new FlvReader().messages(readFileSync(source))].filter(isVideo).length
  )
  const looped = server.received('live/loop')
  const looping = rtmpipe(t, 'publish', '--loop', source, `${url}/live/loop`)
  await server.happens('publish live/loop')
  for await (const { timestamp } of server.at('live/loop').subscribe()) if (timestamp > 1500) break
  looping.kill('SIGINT')
  t.equal((await looping.ends()).code, 0)
  const times = (await looped).filter(isVideo).map(({ timestamp }) => timestamp)
  t.ok(times.at(-1)! > 1500, `${times.at(-1)} ms of a film of one second`)
  t.same(
    times,
    [...times].sort((a, b) => a - b)
  )
})

t.test('a server that breaks off: all that it sent is in the file, and then comes the error', { buffered }, async t => {
  const file = join(folder(t), 'played.flv')
  const server = createServer(session =>
    session.on('play', async play => {
      const out = play.accept()
      for (let at = 0; at < 300; at++) out.write(video.keyframe(at, 1000))
      await new Promise<void>(resolve => out.write(video.keyframe(300), () => resolve()))
      setImmediate(() => session.destroy())
    })
  )
  server.on('sessionError', () => {})
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  t.teardown(() => server.close())
  const { port } = server.address() as net.AddressInfo
  const player = rtmpipe(t, 'play', `rtmp://127.0.0.1:${port}/live/film`, '-o', file)
  t.equal((await player.ends()).code, 1)
  t.match(player.said, /^rtmpipe: .*peer disconnected\n$/)
  const reader = new FlvReader()
  t.equal([...reader.messages(readFileSync(file))].at(-1)!.timestamp, 300)
  t.equal(reader.cut(), undefined)
})

t.test('a player ends its file well at Ctrl-C', { skip, buffered }, async t => {
  const home = folder(t)
  const source = film(join(home, 'film.flv'), { seconds: 4 })
  const server = new LiveServer(t)
  const url = `${await server.listen()}/live/film`
  const file = join(home, 'played.flv')
  const player = rtmpipe(t, 'play', url, '-o', file)
  await server.happens('play live/film')
  const publisher = publishers.ffmpeg(t, source, url)
  await server.happens('publish live/film')
  await grows(file, statSync(source).size / 3)
  player.kill('SIGINT')
  t.equal((await player.ends()).code, 0)
  await server.happens('stop live/film')
  const reader = new FlvReader()
  t.ok([...reader.messages(readFileSync(file))].length > 30)
  t.equal(reader.cut(), undefined)
  publisher.kill()
})

t.test('a player says that it waits, where nothing has come for two seconds', { buffered }, async t => {
  const server = new LiveServer(t, { live: { holdMs: 0 } })
  const url = await server.listen()
  for (const isThere of [false, true]) {
    const name = `live/${isThere}`
    const session = await connect(`${url}/live`)
    const publishing = isThere ? await session.publish('true') : undefined
    publishing?.write(video.keyframe(0))
    const clock = new TestClock()
    const said: string[] = []
    const ending = new AbortController()
    const got = new Promise(resolve => {
      const options = { signal: ending.signal, clock, advise: (text: string) => said.push(text), each: resolve }
      void play(`${url}/${name}`, undefined, options).then(() => said.push('ended'))
    })
    await server.happens(`play ${name}`)
    if (isThere) await got
    while (clock.timers === 0) await sleep(5)
    clock.pass(1999)
    t.same(said, [])
    clock.pass(1)
    t.match(said, isThere ? [] : [/the stream is not published, or sends none; waiting/])
    ending.abort()
    while (said.at(-1) !== 'ended') await sleep(5)
    t.equal(clock.timers, 0)
    await session.close()
  }
})

t.test('it ends when it is told to, though the server it connects to says nothing', { buffered }, async t => {
  const mute = net.createServer()
  await new Promise<void>(resolve => mute.listen(0, '127.0.0.1', resolve))
  t.teardown(() => mute.close())
  const ending = new AbortController()
  const { port } = mute.address() as net.AddressInfo
  const played = play(`rtmp://127.0.0.1:${port}/live/film`, undefined, { signal: ending.signal })
  const [socket] = (await once(mute, 'connection')) as [net.Socket]
  const gone = once(socket.resume(), 'close')
  ending.abort()
  await played
  await gone
})

t.test('a line of progress on a terminal', { skip, buffered }, async t => {
  const home = folder(t)
  const source = film(join(home, 'film.flv'), { seconds: 1 })
  const server = new LiveServer(t)
  const url = `${await server.listen()}/live/film`
  const command = `${process.execPath} ${cli} publish ${source} ${url}`
  const { out } = await new Program(t, 'script', ['-qec', command, '/dev/null']).ends()
  t.match(out.toString(), /\r00:00:00\.\d {2}\d+ kbit\/s, \d+ frames\/s, 0 dropped/)
})

t.test('relay: one in, two out', { skip, buffered }, async t => {
  const home = folder(t)
  const source = film(join(home, 'film.flv'), { seconds: 3 })
  const from = new LiveServer(t, { live: { holdMs: 100 } })
  const to = new LiveServer(t, { live: { holdMs: 100 } })
  const [a, b] = [await from.listen(), await to.listen()]
  const copies = ['one', 'two'].map(name => to.received(`live/${name}`))
  const relay = rtmpipe(t, 'relay', `${a}/live/film`, `${b}/live/one`, `${b}/live/two`)
  await relay.says(/from live/)
  await publishers.ffmpeg(t, source, `${a}/live/film`).ends()
  await relay.says(/from retrying: ended; retry in/)
  await relay.says(/to 1 ended[\s\S]*to 2 ended|to 2 ended[\s\S]*to 1 ended/)
  relay.kill('SIGINT')
  t.equal((await relay.ends()).code, 0)
  const count = (messages: Message[]) => messages.filter(isVideo).length
  const frames = count([...new FlvReader().messages(readFileSync(source))])
  for (const copy of copies) t.equal(count(await copy), frames)
})

t.test('relay: a source that is not there yet, and one that goes for longer than it is held', { buffered }, async t => {
  const source = rtmpipe(t, 'serve', '--port', '0', '--refuse-missing', '--hold-ms', '0')
  const [, a] = await source.says(/listening (rtmp:\S+)/)
  const to = new LiveServer(t, { live: { holdMs: 0 } })
  const relay = rtmpipe(t, 'relay', `${a}/live/film`, `${await to.listen()}/live/copy`)
  await relay.says(/from refused: NetStream\.Play\.StreamNotFound, stream is not published; retry in/, 2)
  for (const time of [1, 2]) {
    const copy = to.received('live/copy')
    const session = await connect(`${a}/live`)
    const publishing = await session.publish('film')
    const publish = setInterval(() => publishing.write(video.keyframe(0)), 20)
    await to.happens('publish live/copy', time)
    clearInterval(publish)
    publishing.end()
    await session.close()
    await relay.says(/from retrying: ended; retry in/, time)
    if (time === 2) break
    // the relay too holds its stream for a while
    await relay.says(/to 1 ended/)
    await to.happens('unpublish live/copy')
    t.ok(isKeyframe((await copy).find(isVideo)!))
  }
  relay.kill('SIGINT')
  t.equal((await relay.ends()).code, 0)
})

t.test(
  'proxy: ffmpeg on one side, nginx-rtmp on the other, and another key between them',
  { skip, buffered },
  async t => {
    const home = folder(t)
    const source = film(join(home, 'film.flv'))
    const origin = await nginx(t, home)
    const proxy = rtmpipe(t, 'proxy', '--listen', '0', '--origin', `${origin}/live`, '--rewrite-key', 'public=s3cret')
    const [, near] = await proxy.says(/listening (rtmp:\/\/\S+)/)
    const atOrigin = players.ffmpeg(t, `${origin}/live/s3cret`)
    const throughProxy = players.rtmpdump(t, `${near}/any/public`, home)
    await played(home, 2)
    t.equal((await publishers.ffmpeg(t, source, `${near}/any/public`).ends()).code, 0)
    const sent = packets(source)
    t.same(await atOrigin.packets(), sent)
    t.same(await throughProxy.packets(), sent)
    t.notMatch(proxy.said, 's3cret')
    proxy.kill('SIGINT')
    t.equal((await proxy.ends()).code, 0)
  }
)

t.test('proxy: what a client asks behind its app reaches the origin, and a key may be any', { buffered }, async t => {
  const asked: unknown[] = []
  const server = new LiveServer(t, {
    prepare: session =>
      session.on('connect', ({ info }) => {
        asked.push(info.app, info.tcUrl)
        throw new Refused('NetConnection.Connect.Rejected')
      })
  })
  const origin = await server.listen()
  const calls: [origin: string, app: string, tcUrl: string, asked: string][] = [
    ['', 'live?a=1', '/live?a=1', '/live?a=1'],
    ['', 'live', '/live?a=1', '/live?a=1'],
    ['', 'live', '/live', '/live'],
    ['/app', 'live?a=1', '/live?a=1', '/app?a=1'],
    ['/app', 'live', '/live?a=1', '/app?a=1'],
    ['/app?token=x+/', 'live', '/live', '/app?token=x+/'],
    ['/app?token=x', 'live?a=1&token=y&b', '/live', '/app?token=x&a=1&b'],
    ['/?token=x', 'live?a=1', '/live', '/live?token=x&a=1']
  ]
  for (const [path, app, tcUrl, wanted] of calls) {
    const proxy = rtmpipe(t, 'proxy', '--listen', '0', '--origin', `${origin}${path}`)
    const [, near] = await proxy.says(/listening (rtmp:\/\/\S+)/)
    await t.rejects(connect(`${near}/x`, { info: { app, tcUrl: `${near}${tcUrl}` } }), Refused)
    t.same(asked.splice(0), [wanted.slice(1), `${origin}${wanted}`], `${path} ${app}`)
  }
  const key = 'ab+/=='
  const rewriting = new LiveServer(t)
  const words = ['--listen', '0', '--origin', await rewriting.listen(), '--rewrite-key', key, '--as', 'a=b']
  const [, near] = await rtmpipe(t, 'proxy', ...words).says(/listening (rtmp:\/\/\S+)/)
  await using session = await connect(`${near}/live`)
  await session.publish(`${key}?c=1`)
  await rewriting.happens('publish live/a=b?c=1')
  await session.play(key)
  await rewriting.happens('play live/a=b')
})

t.test('proxy: at Ctrl-C those who pass through it hear of it', { skip, buffered }, async t => {
  const source = film(join(folder(t), 'film.flv'), { seconds: 60 })
  const origin = new LiveServer(t, { live: { holdMs: 100 } })
  const proxy = rtmpipe(t, 'proxy', '--listen', '0', '--origin', await origin.listen())
  const [, near] = await proxy.says(/listening (rtmp:\/\/\S+)/)
  const player = rtmpipe(t, 'play', `${near}/live/film`)
  await origin.happens('play live/film')
  const publisher = rtmpipe(t, 'publish', source, `${near}/live/film`)
  await origin.happens('publish live/film')
  proxy.kill('SIGINT')
  t.equal((await proxy.ends()).code, 0)
  t.match(proxy.said, /closing[\s\S]*closed[\s\S]*closed/)
  t.equal((await publisher.ends()).code, 1)
  await player.ends()
  for (const program of [publisher, player]) t.match(program.said, /NetConnection.Connect.Closed/)
  await origin.happens('unpublish live/film')
})

t.test('proxy: an origin that is not there is told to ffmpeg', { skip, buffered }, async t => {
  const source = film(join(folder(t), 'film.flv'), { seconds: 1 })
  const proxy = rtmpipe(t, 'proxy', '--listen', '0', '--origin', `rtmp://127.0.0.1:${await freePort()}`)
  const [, near] = await proxy.says(/listening (rtmp:\/\/\S+)/)
  const ffmpeg = publishers.ffmpeg(t, source, `${near}/live/film`)
  t.not((await ffmpeg.ends()).code, 0)
  t.match(ffmpeg.said, /ECONNREFUSED/)
  t.match((await proxy.says(/closed \S+ .*/))[0], /ECONNREFUSED/)
})

t.test('inspect: a capture, a film and a stream', { skip, buffered }, async t => {
  const home = folder(t)
  const source = film(join(home, 'film.flv'), { seconds: 1 })
  const capture = fileURLToPath(new URL('../../../test/captures/obs-publish.pcap', import.meta.url))
  copyFileSync(capture, join(home, 'obs.pcap'))
  const obs = await rtmpipe(t, 'inspect', join(home, 'obs.pcap')).ends()
  t.match(obs.out.toString(), /connect\(.*app: "live"/)
  const json = await rtmpipe(t, 'inspect', '--json', source).ends()
  for (const text of json.out.toString().trim().split('\n')) t.type(JSON.parse(text).kind, 'string')
  const server = new LiveServer(t)
  const url = `${await server.listen()}/live/film`
  const live = rtmpipe(t, 'inspect', url)
  await server.happens('play live/film')
  await publishers.ffmpeg(t, source, url).ends()
  await live.says(/Video.*keyframe/i)
  live.kill('SIGINT')
  t.equal((await live.ends()).code, 0)
  writeFileSync(join(home, 'noise'), 'noise')
  t.equal((await rtmpipe(t, 'inspect', join(home, 'noise')).ends()).code, 1)
})
