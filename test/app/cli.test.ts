import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import http from 'node:http'
import net from 'node:net'
import type { NetworkInterfaceInfo } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import {
  commandMessage,
  connect,
  createCommand,
  FlvReader,
  isKeyframe,
  isMetadata,
  isSequenceHeader,
  isVideo,
  LiveStream,
  messageWire,
  pullLive,
  pushLive
} from 'rtmpipe'
import t from 'tap'
import { WebSocket } from 'ws'
import { reachable } from '../../lib/app/doors.ts'
import { textLog } from '../../lib/app/log.ts'
import { bringsKey } from '../../lib/app/publish-key.ts'
import { readServe } from '../../lib/app/subcommands/serve.ts'
import { UsageError } from '../../lib/app/words.ts'
import { dialRtws } from '../../lib/ws/index.ts'
import { film, folder, grows, packets, says, tags } from '../support/films.ts'
import { audio, metadata, video, word } from '../support/media.ts'
import { line } from '../support/peer.ts'
import { players, publishers } from '../support/players.ts'
import { Program, without } from '../support/programs.ts'

t.jobs = 4
const buffered = true
type Scope = { teardown(end: () => unknown): unknown }
const cli = fileURLToPath(new URL('../../lib/app/cli.js', import.meta.url))
const rtmpipe = (t: Scope, ...args: string[]) => new Program(t, process.execPath, [cli, ...args])
const serve = async (t: Scope, ...args: string[]) => {
  const program = rtmpipe(t, 'serve', '--port', '0', ...args)
  const [, url] = await program.says(/listening (rtmp:\/\/127\.0\.0\.1:\d+)/)
  return { program, url: url! }
}

t.test('what it says of itself', { buffered }, async t => {
  for (const args of [[], ['--help'], ['serve', '-h']]) {
    const { code, out } = await rtmpipe(t, ...args).ends()
    t.equal(code, 0)
    t.match(out.toString(), /rtmpipe serve \[options\]/, args.join(' '))
  }
  const { out: played } = await rtmpipe(t, 'play', '--help').ends()
  t.match(played.toString(), /^rtmpipe play URL/, 'a subcommand tells of itself alone')
  const { out } = await rtmpipe(t, '--version').ends()
  t.equal(out.toString().trim(), JSON.parse(readFileSync('package.json', 'utf8')).version)
})

t.test('bad words: one line, and exit code 2', { buffered }, async t => {
  const calls: [string[], RegExp][] = [
    [['srve'], /unknown command srve; commands: serve, play, publish, relay, proxy, inspect, fix; see rtmpipe --help$/],
    [['serve', '--prot', '1935'], /unknown option '--prot'; see rtmpipe serve --help$/],
    [['serve', '--port'], /option '--port <value>' argument missing$/],
    [['serve', 'extra'], /unexpected argument 'extra'$/]
  ]
  for (const [args, says] of calls) {
    const program = rtmpipe(t, ...args)
    const { code, out } = await program.ends()
    t.equal(code, 2, args.join(' '))
    t.equal(out.length, 0, 'nothing on standard output')
    t.match(program.said.trim(), says)
    t.equal(program.said.trim().split('\n').length, 1, 'one line')
  }
})

t.test('values that an option of serve does not take', async t => {
  const calls: [string[], RegExp][] = [
    [['--port', 'x'], /--port must be an integer from 0 to 65535, not x$/],
    [['--port', '65536'], /not 65536$/],
    [['--merge-ms', '-1'], /argument is ambiguous|--merge-ms/],
    [['--hold-ms', '86400001'], /--hold-ms must be an integer from 0 to 86400000, not 86400001$/],
    [['--drain-to', 'rtmp://h/live'], /--drain-to must be a URL of the form rtmp:\/\/HOST\[:PORT\]$/],
    [['--drain-to', 'http://h'], /--drain-to must be a URL of the form rtmp:\/\/HOST\[:PORT\]$/],
    [['--idle-ms', '0'], /--idle-ms must be an integer from 1 to 86400000, not 0$/],
    [['--log', 'xml'], /--log must be text or json, not xml$/],
    [['--tls-cert', 'cert.pem'], /--tls-cert and --tls-key must be given together$/],
    [['--publish-key', ''], /--publish-key must not be empty$/],
    [['--record', 'x', '--record-every-ms', '0'], /--record-every-ms must be greater than 0$/],
    [['--record-every-bytes', '1'], /require --record$/],
    [['--record-all-tracks'], /--record-all-tracks requires --record$/],
    [['--record-on-request'], /--record-on-request requires --record$/],
    [['--api-token', ''], /--api-token must not be empty$/]
  ]
  for (const [args, message] of calls)
    t.throws(() => readServe(args), { constructor: UsageError, message }, args.join(' '))
})

t.test('a port that is taken: one line, and exit code 1', { buffered }, async t => {
  const other = net.createServer()
  await new Promise<void>(resolve => other.listen(0, '127.0.0.1', resolve))
  t.teardown(() => other.close())
  const { port } = other.address() as net.AddressInfo
  const program = rtmpipe(t, 'serve', '--port', `${port}`)
  t.equal((await program.ends()).code, 1)
  t.match(
    program.said.trim(),
    `rtmpipe: port ${port} on 127.0.0.1 is already in use; choose another, or 0 for any free port`
  )
})

t.test('a server on all addresses tells those that another machine can type', { buffered }, async t => {
  const at = (address: string, internal = false) => ({ address, internal }) as NetworkInterfaceInfo
  const interfaces = {
    lo: [at('127.0.0.1', true), at('::1', true)],
    eth0: [at('fd00::2'), at('fe80::1'), at('192.0.2.2')],
    wlan0: [at('198.51.100.7')]
  }
  t.same(reachable('0.0.0.0', interfaces), ['192.0.2.2', '198.51.100.7'])
  t.same(reachable('::', interfaces), ['192.0.2.2', '198.51.100.7', 'fd00::2'])
  t.same(reachable('127.0.0.1', interfaces), ['127.0.0.1'])
  t.same(reachable('0.0.0.0', { lo: interfaces.lo }), ['127.0.0.1'], 'one that is alone')
  t.same(reachable('::', { lo: interfaces.lo }), ['::1'])
  const program = rtmpipe(t, 'serve', '--port', '0', '--host', '0.0.0.0', '--demo')
  await program.says(/Ctrl-C stops it/)
  t.notMatch(program.said, '0.0.0.0')
  const [first] = reachable('0.0.0.0')
  t.match(program.said, `listening rtmp://${first}:`)
  t.match(program.said, `ffplay rtmp://${first}:`)
})

t.test('Ctrl-C and SIGTERM end it', { buffered }, async t => {
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    const { program } = await serve(t)
    program.kill(signal)
    t.equal((await program.ends()).code, 0)
    t.match(program.said, /closing/)
  }
})

/** A client by hand, which hears everything and never leaves by itself. */
function stays(t: Scope, url: string, kind: 'publish' | 'play', name: string, localAddress = '127.0.0.1') {
  const socket = net.connect({ port: Number(new URL(url).port), host: '127.0.0.1', localAddress })
  t.teardown(() => socket.destroy())
  const wire = messageWire(socket, { role: 'client' })
  const heard: string[] = []
  wire.on('error', () => {}).on('data', message => heard.push(line(message)))
  wire.on('close', () => heard.push('closed'))
  wire.write(commandMessage(createCommand('connect', 1, [{ app: 'live' }])))
  wire.write(commandMessage(createCommand('createStream', 2, [null])))
  wire.write(commandMessage(createCommand(kind, 3, [null, name], { messageStreamId: 1 })))
  const hears = async (word: RegExp, times = 1) => {
    while (heard.filter(each => word.test(each)).length < times) await sleep(10)
  }
  return { wire, heard, hears }
}

t.test(
  'a player hears the last frame and the last words, though it is slow, and if it stays it is left',
  { buffered },
  async t => {
    const { program, url } = await serve(t)
    const [slow, quick] = [stays(t, url, 'play', 'film'), stays(t, url, 'play', 'film')]
    await Promise.all([slow, quick].map(each => each.hears(/Play\.Start/)))
    slow.wire.pause()
    const session = await connect(`${url}/live`)
    const publishing = await session.publish('film')
    session.on('error', () => {})
    publishing.on('error', () => {})
    for (let at = 0; at < 240; at++) {
      const frame = at === 0 ? video.keyframe(at, 60_000) : video.frame(at, 60_000)
      if (!publishing.write(frame)) await once(publishing, 'drain')
    }
    await quick.hears(/ v/, 240)
    program.kill('SIGTERM')
    await program.says(/closing/)
    slow.wire.resume()
    t.equal((await program.ends()).code, 0)
    await slow.hears(/closed/)
    const last = slow.heard.findLastIndex(each => each.startsWith('#1 v'))
    t.equal(slow.heard[last], '#1 v@239')
    t.match(slow.heard.slice(last + 1), [
      /onPlayStatus NetStream\.Play\.Complete/,
      'StreamEof 1',
      /NetStream\.Play\.UnpublishNotify/,
      'closed'
    ])
  }
)

/** Beside 127.0.0.1 Linux has all of 127.0.0.0/8. */
const elsewhere = '127.0.0.2'

t.test(
  'an encoder that comes back takes over from its old connection; another is refused',
  { skip: process.platform !== 'linux' && `${elsewhere} may not be there`, buffered },
  async t => {
    const { program, url } = await serve(t)
    const old = stays(t, url, 'publish', 'film?key=a')
    await old.hears(/Publish\.Start/)
    const others = [stays(t, url, 'publish', 'film?key=b'), stays(t, url, 'publish', 'film?key=a', elsewhere)]
    for (const other of others) await other.hears(/Publish\.BadName/)
    t.notMatch(program.said, 'in place of')
    const again = stays(t, url, 'publish', 'film?key=a')
    await again.hears(/Publish\.Start/)
    await program.says(/publish live\/film from 127\.0\.0\.1:\d+ in place of 127\.0\.0\.1:\d+/)
    await program.says(/unpublish live\/film from 127\.0\.0\.1:\d+/)
    t.notMatch(program.said, /key=|in place of[\s\S]*in place of/)
    const player = stays(t, url, 'play', 'film')
    await player.hears(/Play\.Start/)
    again.wire.write(video.keyframe(0))
    await player.hears(/v key@/)
  }
)

t.test('the demo plays by rtmfp and by rtws, published again by one and played by the other', { buffered }, async t => {
  const home = folder(t)
  const { program } = await serve(t, '--rtmfp-port', '0', '--rtws', '--demo')
  const [[, rtws], [, rtmfp]] = [
    await program.says(/listening (rtws:\/\/127\.0\.0\.1:\d+)/),
    await program.says(/listening (rtmfp:\/\/127\.0\.0\.1:\d+)/)
  ]
  const copy = join(home, 'demo.flv')
  const player = rtmpipe(t, 'play', `${rtmfp}/live/demo`, '-o', copy)
  await grows(copy, 50_000)
  player.kill('SIGINT')
  t.equal((await player.ends()).code, 0)
  const publisher = rtmpipe(t, 'publish', copy, `${rtmfp}/live/copy`)
  await program.says(/publish live\/copy from 127/)
  const session = await connect(`${rtws}/live`, { dial: dialRtws })
  for await (const message of await session.play('copy')) if (isVideo(message) && isKeyframe(message)) break
  session.close()
  await program.says(/stop live\/copy for 127/)
  publisher.kill('SIGINT')
  t.equal((await publisher.ends()).code, 0)

  const last = rtmpipe(t, 'publish', '--loop', copy, `${rtmfp}/live/last`)
  await program.says(/publish live\/last from 127/)
  program.kill('SIGTERM')
  await last.says(/peer disconnected/)
  t.equal((await last.ends()).code, 1)
})

t.test('--takeover: any publisher takes over', { buffered }, async t => {
  const { program, url } = await serve(t, '--takeover')
  for (const key of ['a', 'b', 'c']) await stays(t, url, 'publish', `film?key=${key}`).hears(/Publish\.Start/)
  await program.says(/in place of/, 2)
  await program.says(/unpublish/, 2)
})

t.test('--hold-ms: players are kept for so long', { buffered }, async t => {
  for (const [args, ends] of [
    [['--hold-ms', '0'], true],
    [['--hold-ms', '86400000'], false]
  ] as const) {
    const { program, url } = await serve(t, ...args)
    const player = stays(t, url, 'play', 'film')
    const publisher = stays(t, url, 'publish', 'film')
    await publisher.hears(/Publish\.Start/)
    publisher.wire.write(video.keyframe(0))
    await player.hears(/v key@0/)
    publisher.wire.end()
    await program.says(/unpublish/)
    if (ends) await player.hears(/UnpublishNotify/)
    else {
      await stays(t, url, 'publish', 'film').hears(/Publish\.Start/)
      t.notMatch(player.heard, /UnpublishNotify/)
    }
  }
})

t.test('--idle-ms: a peer that sends nothing is ended', { buffered }, async t => {
  const { program, url } = await serve(t, '--idle-ms', '50')
  const silent = stays(t, url, 'play', 'film')
  await silent.hears(/closed/)
  await program.says(/error .*limits\.idleMs/)
})

t.test('--drain-to: at SIGTERM those that can go to another server, and no frame is lost', { buffered }, async t => {
  const two = await serve(t)
  const one = await serve(t, '--drain-to', two.url)
  const away = new LiveStream()
  const source = new LiveStream({ holdMs: 0 })
  const input = source.input()
  let at = 0
  const frame = async () => {
    for (const message of [at % 400 === 0 ? video.keyframe(at) : video.frame(at), audio.frame(at + 5)])
      input.write(message)
    at += 40
    await sleep(2)
  }
  for (const message of [metadata(), video.header(), audio.header()]) input.write(message)
  const got = (live: LiveStream) => {
    const words: string[] = []
    live
      .subscribe({ wait: true })
      .on('data', message => isMetadata(message) || isSequenceHeader(message) || words.push(word(message)))
    return words
  }
  const [sent, seen] = [got(source), got(away)]
  const push = pushLive(source, `${one.url}/live/film?key=a`)
  const pull = pullLive(`${one.url}/live/film`, away)
  while (seen.length === 0) await frame()
  // this one does not state that it follows, and stays to the end
  const stayed = stays(t, one.url, 'play', 'film')
  while (!stayed.heard.some(each => /v key@/.test(each))) await frame()
  const moved = Promise.all([push, pull].map(relay => once(relay, 'moved')))
  let isDone = false
  void moved.then(() => {
    isDone = true
  })
  one.program.kill('SIGTERM')
  while (!isDone) await frame()
  t.same(await moved, [[`${two.url}/live`], [`${two.url}/live`]])
  await one.program.says(/draining .*2 of 3 connections/)
  for (let i = 0; i < 20; i++) await frame()
  input.end()
  t.equal((await one.program.ends()).code, 0)
  while (seen.at(-1) !== sent.at(-1)) await sleep(5)
  t.same(seen, sent.slice(sent.indexOf(seen[0]!)))
  await stayed.hears(/closed/)
  for (const relay of [push, pull]) relay.close()
})

t.test('the second signal waits for nothing, whichever it is', { buffered }, async t => {
  for (const [first, second] of [
    ['SIGTERM', 'SIGTERM'],
    ['SIGINT', 'SIGTERM'],
    ['SIGTERM', 'SIGINT']
  ] as const) {
    const { program, url } = await serve(t, '--demo')
    await stays(t, url, 'play', 'demo').hears(/v key@/)
    program.kill(first)
    await program.says(/closing/)
    program.kill(second)
    t.equal((await program.ends()).code, null, `${first}, ${second}`)
  }
})

t.test(
  '--http-port: a port that is named and taken is an error, and one that is not named is replaced',
  { skip: process.platform !== 'linux' && 'an address of its own may not be there', buffered },
  async t => {
    const own = `127.77.${(process.pid >> 8) & 255}.${process.pid & 255}`
    const taken = net.createServer().listen(8080, own)
    await once(taken, 'listening')
    t.teardown(() => taken.close())
    const { program } = await serve(t, '--http-host', own)
    const [, port] = await program.says(/listening http:\/\/127\.77\.\d+\.\d+:(\d+)\/\n/)
    t.not(port, '8080')
    const named = rtmpipe(t, 'serve', '--port', '0', '--http-host', own, '--http-port', '8080')
    t.equal((await named.ends()).code, 1)
    t.equal(named.said.trim(), `rtmpipe: port 8080 on ${own} is already in use; choose another, or 0 for any free port`)
    const none = await serve(t, '--no-http')
    await none.program.says(/listening rtmpte:/)
    t.notMatch(none.program.said, 'http:')
  }
)

t.test('a stream is watched over HTTP: the log and the end are those of a player', { buffered }, async t => {
  const { program, url } = await serve(t, '--http-port', '0')
  const [, web] = await program.says(/listening (http:\S+)/)
  t.equal((await fetch(`${web}live/film.flv`)).status, 404)
  await program.says(/not found live\/film for 127\.0\.0\.1:\d+/)
  const session = await connect(`${url}/live`)
  const publishing = await session.publish('film')
  publishing.write(video.keyframe(0))
  await program.says(/publish live\/film/)
  const viewer = await fetch(`${web}live/film.flv`)
  await program.says(/play live\/film for 127\.0\.0\.1:\d+/)
  const leaving = new AbortController()
  const other = await fetch(`${web}live/film.flv`, { signal: leaving.signal })
  t.equal(other.status, 200)
  leaving.abort()
  await program.says(/stop live\/film for 127\.0\.0\.1:\d+/)
  const h2c = { Connection: 'Upgrade, HTTP2-Settings', Upgrade: 'h2c', 'HTTP2-Settings': '' }
  const [offered] = (await once(http.get(`${web}nothing`, { headers: h2c }), 'response')) as [http.IncomingMessage]
  t.equal(offered.resume().statusCode, 404, 'an offer of h2c is declined')
  const socket = new WebSocket(`${web!.replace('http', 'ws')}live/film.flv`)
  const messages: Buffer[] = []
  socket.on('message', data => messages.push(data as Buffer))
  const closed = once(socket, 'close')
  while (messages.length < 2) await sleep(10)
  session.on('error', () => {})
  publishing.on('error', () => {})
  program.kill('SIGTERM')
  const body = Buffer.from(await viewer.arrayBuffer())
  t.same([...new FlvReader().messages(body)].map(word), ['v key@0'], 'to its last frame')
  t.match(await closed, [1000])
  t.same(Buffer.concat(messages), body)
  t.equal((await program.ends()).code, 0)
})

t.test('it logs for programs too', { buffered }, async t => {
  const program = rtmpipe(t, 'serve', '--port', '0', '--log', 'json')
  await program.says(/listening/)
  program.kill()
  await program.ends()
  const events = program.said
    .trim()
    .split('\n')
    .map(line => JSON.parse(line))
  const listening = (url: string) => ({ event: 'listening', url: new RegExp(`^${url}$`) })
  const doors = ['rtmp', 'rtmpe', 'rtmpt', 'rtmpte'].map(scheme => listening(`${scheme}://127\\.0\\.0\\.1:\\d+`))
  t.match(events, [listening('http://127\\.0\\.0\\.1:\\d+/'), ...doors, { event: 'closing' }], 'the page first')
  t.match(events[0].time, /^\d{4}-\d\d-\d\dT/)
})

t.test('a name that is no name to print is one line of its log', async t => {
  const lines: string[] = []
  textLog(line => lines.push(line))('publish', { path: 'live/a\n12:00:00 closing\u001b[2J', from: '127.0.0.1:1' })
  t.match(lines, [/^\d\d:\d\d:\d\d publish live\/a\\u000a12:00:00 closing\\u001b\[2J from 127\.0\.0\.1:1$/])
})

t.test('who reads its log may leave', { buffered }, async t => {
  const child = spawn(process.execPath, [cli, 'serve', '--port', '0', '--no-http'], {
    stdio: ['ignore', 'pipe', 'pipe']
  })
  t.teardown(() => child.kill())
  let said = ''
  child.stderr.on('data', text => {
    said += text
  })
  const [line] = await once(child.stdout, 'data')
  const closed = once(child, 'exit')
  child.stdout.destroy()
  // the next line finds nobody
  const [, port] = /:(\d+)$/m.exec(String(line))!
  net
    .connect(Number(port), '127.0.0.1')
    .on('error', () => {})
    .end('nonsense')
  t.same(await closed, [0, null])
  t.equal(said, '')
})

const skip = without('ffmpeg', 'rtmpdump')

t.test('the demo is there to be watched', { skip: without('ffmpeg'), buffered }, async t => {
  const { program, url } = await serve(t, '--demo')
  await program.says(/Ctrl-C stops it/)
  t.match(program.said, `ffplay ${url}/live/demo`)
  t.match(program.said, `Server ${url}/live   Stream Key film\n`)
  const file = join(folder(t), 'demo.flv')
  const ffmpeg = new Program(t, 'ffmpeg', ['-v', 'error', '-i', `${url}/live/demo`, '-t', '1', '-c', 'copy', file])
  t.equal((await ffmpeg.ends()).code, 0)
  const [first] = [...new FlvReader().messages(readFileSync(file))].filter(
    message => isVideo(message) && message.payload[1] === 1
  )
  t.ok(isKeyframe(first!))
  program.kill('SIGINT')
  t.equal((await program.ends()).code, 0, 'and ends with the server')
})

t.test('it records, and its recordings are whole when it is told to end', { skip, buffered }, async t => {
  const home = folder(t)
  const source = film(join(home, 'film.flv'), { seconds: 3 })
  const { program, url } = await serve(t, '--record', join(home, 'rec'))
  t.equal((await publishers.ffmpeg(t, source, `${url}/live/film`).ends()).code, 0)
  const cut = publishers.ffmpeg(t, source, `${url}/live/other`)
  const [, running] = await program.says(/record live\/other to (\S+)/)
  // behind the room in its metadata
  await grows(running!, 45_000 + statSync(source).size / 3)
  program.kill('SIGTERM')
  t.equal((await program.ends()).code, 0)
  await cut.ends()
  const [name] = readdirSync(join(home, 'rec', 'live')).filter(each => each.startsWith('film'))
  t.match(name, /^film-\d{8}T\d{6}\.\d{3}Z\.flv$/)
  t.same(packets(join(home, 'rec', 'live', name!)), packets(source))
  t.equal([...new FlvReader().messages(readFileSync(running!))].length > 30, true)
  t.match(program.said, `recorded live/other to ${running}`)
})

t.test('a folder that cannot be recorded into: one line, and exit code 1', { buffered }, async t => {
  const home = folder(t)
  writeFileSync(join(home, 'file'), '')
  const folders: readonly (readonly [string, RegExp])[] = [
    [join(home, 'file'), /file already exists \(EEXIST/],
    [join(home, 'file', 'rec'), /path component is not a folder \(ENOTDIR/],
    // nothing can be made there, whoever asks
    ...(process.platform === 'linux' ? ([['/proc/rec', /no such file or folder \(ENOENT/]] as const) : [])
  ]
  for (const [path, says] of folders) {
    const program = rtmpipe(t, 'serve', '--port', '0', '--record', path)
    t.equal((await program.ends()).code, 1)
    t.match(program.said, new RegExp(`^rtmpipe: cannot record to ${path}: .*\n$`))
    t.match(program.said, says)
  }
  await serve(t, '--record', join(home, 'none', 'yet'))
  t.same(readdirSync(join(home, 'none', 'yet')), [], 'one that is missing is made')
})

t.test('a recording that cannot be made is told, and the stream goes on', { skip, buffered }, async t => {
  const home = folder(t)
  const source = film(join(home, 'film.flv'), { seconds: 1 })
  const { program, url } = await serve(t, '--record', join(home, 'rec'))
  rmSync(join(home, 'rec'), { recursive: true })
  writeFileSync(join(home, 'rec'), 'a file where a folder should be')
  const player = players.rtmpdump(t, `${url}/live/film`, home)
  await program.says(/wait live\/film/)
  t.equal((await publishers.ffmpeg(t, source, `${url}/live/film`).ends()).code, 0)
  t.match(program.said, /record failed live\/film file already exists \(EEXIST.*\); retrying/)
  t.same(await player.packets(), packets(source))
  t.equal(program.said.match(/record failed/g)?.length, 1, 'once, as long as it is the same')
})

t.test('a name that no file can have is recorded under a safe one', { skip, buffered }, async t => {
  const home = folder(t)
  const source = film(join(home, 'film.flv'), { seconds: 1 })
  const { program, url } = await serve(t, '--record', join(home, 'rec'))
  for (const name of ['../../evil', 'a:b', 'x'.repeat(300)])
    await publishers.ffmpeg(t, source, `${url}/live/${name}`).ends()
  program.kill()
  await program.ends()
  t.match(program.said, /record live\/\.\.\/\.\.\/evil to \S+\/rec\/live\/\.%2E\/\.%2E\/evil-/)
  t.match(program.said, /record live\/a:b to \S+\/rec\/live\/a%3Ab-/)
  t.match(program.said, /record live\/x{300} to \S+\/rec\/live\/x+%~[0-9a-f]{16}-/)
  for (const [, path] of program.said.matchAll(/recorded \S+ to (\S+)/g)) t.same(packets(path!), packets(source))
  t.same(readdirSync(home).sort(), ['film.flv', 'rec'])
})

t.test('--record-every-ms begins files at keyframes', { skip, buffered }, async t => {
  const home = folder(t)
  const source = film(join(home, 'film.flv'), { seconds: 4 })
  const { program, url } = await serve(t, '--record', join(home, 'rec'), '--record-every-ms', '1500')
  await publishers.ffmpeg(t, source, `${url}/live/film`).ends()
  program.kill()
  await program.ends()
  const files = [...program.said.matchAll(/recorded live\/film to (\S+)/g)].map(([, path]) => readFileSync(path!))
  t.equal(files.length, 2)
  for (const file of files) {
    const frames = tags(file).map(({ message }) => message)
    t.equal(frames.find(message => isVideo(message) && message.payload[1] === 1)?.timestamp, 0)
    t.match(says(file), { duration: Number, filesize: file.length, width: 320, keyframes: { times: [0, 1] } })
  }
})

t.test('fix repairs the recordings of a server that was killed', { skip, buffered }, async t => {
  const home = folder(t)
  const source = film(join(home, 'film.flv'), { seconds: 4 })
  const { program, url } = await serve(t, '--record', join(home, 'rec'))
  const publisher = publishers.ffmpeg(t, source, `${url}/live/film`)
  const [, recorded] = await program.says(/record live\/film to (\S+)/)
  while (statSync(recorded!).size < 80_000) await sleep(10)
  program.kill('SIGKILL')
  await program.ends()
  await publisher.ends()
  const torn = join(home, 'torn.flv')
  writeFileSync(torn, readFileSync(recorded!).subarray(0, -7))
  const before = packets(recorded!)
  const fixed = rtmpipe(t, 'fix', recorded!, torn)
  t.equal((await fixed.ends()).code, 0)
  t.match(fixed.said, /^\S+\.flv: \d\.\d s, \d keyframes\n\S+torn\.flv: \d\.\d s, \d keyframes, \d+ bytes removed\n$/)
  t.same(packets(recorded!), before)
  const left = packets(torn)
  t.same(left, before.slice(0, left.length))
  // the last tag, unless the kill had torn it already
  t.ok(before.length - left.length <= 1)
  for (const path of [recorded!, torn]) t.equal(says(readFileSync(path)).filesize, statSync(path).size)
  const calls: [string[], number, RegExp][] = [
    [[], 2, /FILE\.\.\. is required$/],
    [[torn, torn, '-o', 'x.flv'], 2, /-o requires exactly one FILE$/],
    [[join(home, 'none.flv')], 1, /none\.flv: .*ENOENT/],
    [[fileURLToPath(import.meta.url)], 1, /FLV header is missing or invalid/]
  ]
  for (const [args, code, says] of calls) {
    const program = rtmpipe(t, 'fix', ...args)
    t.equal((await program.ends()).code, code)
    t.match(program.said.trim(), says)
    t.equal(program.said.trim().split('\n').length, 1, 'one line')
  }
})

const KIB = 64

t.test('a disk that is full ends the file and nothing else', { skip, buffered }, async t => {
  const home = folder(t)
  const source = film(join(home, 'film.flv'), { seconds: 2 })
  mkdirSync(join(home, 'rec'))
  // no file may grow beyond this: what a full disk is to a writer; and nobody else writes files in that process
  const limited = `ulimit -f ${KIB}; unset NODE_OPTIONS; exec "${process.execPath}" "${cli}" serve --port 0 --record "${join(home, 'rec')}"`
  const program = new Program(t, 'bash', ['-c', limited])
  const [, url] = await program.says(/listening (rtmp:\/\/127\.0\.0\.1:\d+)/)
  const playing = players.ffmpeg(t, `${url}/live/film`)
  await program.says(/wait live\/film/)
  t.equal((await publishers.ffmpeg(t, source, `${url}/live/film`).ends()).code, 0)
  t.match(program.said, /record failed live\/film file is too large \(EFBIG/)
  t.same(await playing.packets(), packets(source), 'who plays it gets every packet')
  program.kill()
  t.equal((await program.ends()).code, 0)
  for (const name of readdirSync(join(home, 'rec', 'live'))) {
    const file = readFileSync(join(home, 'rec', 'live', name))
    t.ok(file.length <= KIB * 1024)
    t.equal(says(file).filesize, file.length, 'what there is, is whole')
  }
})

t.test('a publish key is the right one as it stands, and with escapes, whatever signs it holds', async t => {
  const keys = [
    'abc',
    'ab+cd/ef==',
    'a%2Fb',
    '100%',
    'p&q',
    'a=1&b=2',
    'key=x',
    'a#b',
    'a?b',
    'ключ',
    'a b',
    '/',
    '&',
    '+'
  ]
  const mistaken: string[] = []
  const hears = (query: string, key: string, isRight: boolean) => {
    if (bringsKey(query, key) !== isRight) mistaken.push(`${query} for ${key}`)
  }
  for (const key of keys) {
    const escaped = encodeURIComponent(key)
    for (const said of [key, `${key}/`, escaped, escaped.replaceAll('%20', '+')])
      for (const query of [`key=${said}`, `a=1&key=${said}&b=2`, `key=wrong&key=${said}`]) hears(query, key, true)
    for (const said of [`${key}x`, `x${key}`, key.slice(0, -1), escaped.slice(0, -1), `${key}%`, ''])
      for (const query of [`key=${said}`, `a=1&key=${said}&b=2`, `kex=${key}`, `xkey=${key}`, said])
        hears(query, key, false)
  }
  hears('key=a/b', 'a%2Fb', true)
  hears(`key=right${'&key=wrong'.repeat(8)}`, 'right', false)
  t.same(mistaken, [])
})

t.test('a publish key behind the app or the name, as programs split its URL', { buffered }, async t => {
  const key = 'ab+cd/ef=='
  const { program, url } = await serve(t, '--publish-key', key)
  // the last two are FFmpeg's: rtmp://host/live/film?key=ab+cd/ef==
  const splits = [
    ['live', `film?key=${key}`],
    [`live?key=${key}`, 'film'],
    ['live', `film/?key=${key}/`],
    [`live/film?key=${key}`, ''],
    ['live/film?key=ab+cd', 'ef=='],
    ['film?key=ab+cd', 'ef==']
  ] as const
  for (const [app, name] of splits) {
    await using session = await connect(`${url}/${app}`)
    t.equal((await session.publish(name)).destroyed, false, `${app} ${name}`)
  }
  const wrong = [
    ['live', 'film?key=ab+cd'],
    ['live/film?key=ab+cd', 'ef='],
    ['live/film?key=ab+cd/ef', '==']
  ] as const
  for (const [app, name] of wrong) {
    await using session = await connect(`${url}/${app}`)
    await t.rejects(session.publish(name), { code: 'ERR_RTMP_REFUSED', status: 'NetStream.Publish.Denied' })
  }
  t.equal(program.said.match(/ publish live\/film from/g)?.length, 5)
  t.match(program.said, / publish film from/)
})

t.test('a publish key is asked for, and never logged', { skip, buffered }, async t => {
  const source = film(join(folder(t), 'film.flv'), { seconds: 1 })
  const { program, url } = await serve(t, '--publish-key', 's3cret')
  for (const key of ['', '?key=wrong', '?key=s3cre', '?key=s3cret1', '?kex=s3cret']) {
    const ffmpeg = publishers.ffmpeg(t, source, `${url}/live/film${key}`)
    t.not((await ffmpeg.ends()).code, 0, key || 'none')
    t.match(ffmpeg.said, /wrong key/)
  }
  t.equal((await publishers.ffmpeg(t, source, `${url}/live/film?key=s3cret`).ends()).code, 0)
  t.match(program.said, /publish live\/film from 127\.0\.0\.1/)
  t.equal(program.said.match(/denied live\/film/g)?.length, 5)
  t.notMatch(program.said, /s3cre|wrong/)
})

t.test('what nobody publishes is waited for, or refused', { skip, buffered }, async t => {
  const home = folder(t)
  const { program, url } = await serve(t, '--refuse-missing')
  const refused = new Program(t, 'ffmpeg', ['-v', 'error', '-i', `${url}/live/film`, '-f', 'null', '-'])
  t.not((await refused.ends()).code, 0)
  t.match(refused.said, /stream is not published/)
  t.match(program.said, /not found live\/film/)
  const waiting = await serve(t)
  const player = players.rtmpdump(t, `${waiting.url}/live/film`, home)
  await waiting.program.says(/wait live\/film/)
  const source = film(join(home, 'film.flv'), { seconds: 1 })
  t.equal((await publishers.ffmpeg(t, source, `${waiting.url}/live/film`).ends()).code, 0)
  t.same(await player.packets(), packets(source))
})

t.test('--merge-ms leaves every packet in its place', { skip, buffered }, async t => {
  const home = folder(t)
  const source = film(join(home, 'film.flv'), { seconds: 2 })
  for (const ms of ['0', '100']) {
    const { program, url } = await serve(t, '--merge-ms', ms)
    const playing = players.ffmpeg(t, `${url}/live/film`)
    await program.says(/wait live\/film/)
    await publishers.ffmpeg(t, source, `${url}/live/film`).ends()
    t.same(await playing.packets(), packets(source), `${ms} ms`)
  }
})
