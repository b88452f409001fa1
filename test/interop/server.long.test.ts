import { spawnSync } from 'node:child_process'
import { statSync } from 'node:fs'
import net from 'node:net'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import {
  createServer,
  isAudio,
  isVideo,
  type Message,
  type Publish,
  Refused,
  readAudioTagHeader,
  readVideoTagHeader
} from 'rtmpipe'
import t from 'tap'
import { listed, readCapture } from '../support/captures.ts'
import { film, folder, grows, packets, packetsOf } from '../support/films.ts'
import { LiveServer } from '../support/live-server.ts'
import { players, publishers } from '../support/players.ts'
import { Program, without } from '../support/programs.ts'

/** Real encoders and real players on the server: what is played is what was published, packet for packet, times too. */
t.jobs = 3
const skip = without('ffmpeg', 'rtmpdump', 'gst-launch-1.0', 'cvlc')
const options = { skip, buffered: true }

const cases: [name: string, { audio: string; chunkSize: number; path: string; query?: string }][] = [
  ['AAC in chunks of 128', { audio: 'aac', chunkSize: 128, path: 'live/film' }],
  [
    'AAC in chunks of 4096, with a query',
    { audio: 'aac', chunkSize: 4096, path: 'live/film', query: '?user=ada&key=b' }
  ],
  ['MP3 in chunks of 128, at an Adobe-style path', { audio: 'libmp3lame', chunkSize: 128, path: 'a/b/c/film' }],
  ['MP3 in chunks of 4096', { audio: 'libmp3lame', chunkSize: 4096, path: 'live/film' }]
]

for (const [name, { audio, chunkSize, path, query = '' }] of cases) {
  t.test(`ffmpeg publishes H.264 and ${name}`, { ...options }, async t => {
    const home = folder(t)
    const source = film(join(home, 'film.flv'), { audio })
    const server = new LiveServer(t, { chunkSize, live: { holdMs: 100 } })
    const url = `${await server.listen()}/${path}`
    const all = Object.entries(players).map(([player, play]) => [player, play(t, url, home)] as const)
    await server.happens(`play ${path}`, all.length)
    t.equal((await publishers.ffmpeg(t, source, `${url}${query}`).ends()).code, 0)
    t.ok(server.events.includes(`publish ${path}${query || '?'}`), `published as ${path}${query}`)
    const sent = packets(source)
    t.ok(sent.length > 150, `${sent.length} packets`)
    for (const [player, playing] of all) t.same(await playing.packets(), sent, `${player} gets every one`)
  })
}

for (const sink of ['rtmp2sink', 'rtmpsink'] as const) {
  t.test(`GStreamer's ${sink} publishes`, { ...options }, async t => {
    const home = folder(t)
    const source = film(join(home, 'film.flv'))
    const server = new LiveServer(t, { live: { holdMs: 100 } })
    const url = `${await server.listen()}/live/film`
    const received = server.received('live/film')
    const playing = [players.ffmpeg(t, url), players.gstreamer(t, url, home)]
    await server.happens('play live/film', 2)
    const publisher = publishers[sink](t, source, url)
    await publisher.ends()
    const messages = await received
    const frames = messages.filter(isFrame).length
    t.equal(frames, packets(source).length, 'every frame of the film has come')
    const got = packetsOf(messages, home)
    for (const player of playing) t.same(await player.packets(), got, 'and is played')
  })
}

const isFrame = (message: Message): boolean =>
  (isVideo(message) && readVideoTagHeader(message.payload)?.packetType === 1) ||
  (isAudio(message) && readAudioTagHeader(message.payload)?.packetType === 1)

t.test('OBS publishes, as it was captured', { buffered: true }, async t => {
  const { client } = readCapture('obs-publish')
  const received: Message[] = []
  const server = createServer(session => {
    session.on('publish', publish => {
      t.match(publish, { path: 'live/obskey', kind: 'live' })
      publish.accept().on('data', (message: Message) => received.push(message))
    })
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  const socket = net.connect((server.address() as net.AddressInfo).port, '127.0.0.1')
  socket.write(client.bytes.subarray(0, 1537))
  await new Promise(resolve => socket.once('data', resolve))
  socket.resume().end(client.bytes.subarray(1537))
  await new Promise(resolve => socket.once('close', resolve))
  server.close()
  const expected = client.expected.filter(([, , stream, , type]) => stream === 1 && type !== 20)
  t.same(
    received.map(message => listed(message, 0).slice(3)),
    expected.map(each => each.slice(3))
  )
})

t.test('who joins at any moment gets a keyframe first', { ...options }, async t => {
  const source = film(join(folder(t), 'film.flv'), { seconds: 8 })
  const server = new LiveServer(t)
  const url = `${await server.listen()}/live/film`
  // over and over, for as long as it takes
  publishers.ffmpeg(t, source, url, '-stream_loop', '-1')
  await server.happens('publish live/film')
  const probes: Promise<string>[] = []
  for (let i = 0; i < 10; i++) {
    await sleep(200 + Math.random() * 300)
    const first = [
      '-v',
      'error',
      '-select_streams',
      'v',
      '-show_entries',
      'packet=flags',
      '-of',
      'csv=p=0',
      '-read_intervals',
      '%+#1',
      url
    ]
    probes.push(new Program(t, 'ffprobe', first).ends().then(({ out }) => out.toString().trim()))
  }
  for (const [i, flags] of (await Promise.all(probes)).entries()) t.match(flags, /^K/, `player ${i + 1}: ${flags}`)
})

t.test('a publisher that is killed and comes back leaves its players playing', { ...options }, async t => {
  const home = folder(t)
  const source = film(join(home, 'film.flv'), { seconds: 6 })
  const server = new LiveServer(t, { live: { holdMs: 15_000 } })
  const url = `${await server.listen()}/live/film`
  const all = [players.ffmpeg(t, url), players.vlc(t, url, home)]
  await server.happens('play live/film', 2)
  const first = publishers.ffmpeg(t, source, url)
  await server.has('live/film', 100)
  first.kill('SIGKILL')
  await server.happens('unpublish live/film')
  await sleep(500)
  const second = publishers.ffmpeg(t, source, url)
  await server.happens('publish live/film', 2)
  t.equal((await second.ends()).code, 0)
  await server.happens('unpublish live/film', 2)
  server.at('live/film').end()
  for (const player of all) {
    const lines = await player.packets()
    const sent = packets(source)
    t.ok(lines.length > sent.length + 40, `${lines.length} packets of ${sent.length} and some`)
    t.same(bodies(lines.slice(-sent.length)), bodies(sent), 'all that came the second time')
    for (const stream of ['0', '1']) {
      const times = lines.filter(line => line.startsWith(`${stream},`)).map(line => Number(line.split(',')[1]))
      t.same(
        times,
        [...times].sort((a, b) => a - b),
        `stream ${stream} never goes back`
      )
    }
  }
})

/** Packets without their times; the header that comes anew behind them is side data of theirs. */
const bodies = (lines: readonly string[]): string[] => lines.map(line => line.split(',').slice(4, 6).join(' '))

/** What an application decides, and how ffmpeg and GStreamer take it. */
const decisions: [string, (publish: Publish) => unknown, { granted: boolean; says: RegExp }][] = [
  ['accepted after 500 ms', publish => sleep(500).then(() => publish.accept().resume()), { granted: true, says: /^$/ }],
  [
    'rejected',
    publish => publish.reject('NetStream.Publish.Denied', 'no such key'),
    { granted: false, says: /no such key/ }
  ],
  ['rejected after 500 ms', publish => sleep(500).then(() => publish.reject()), { granted: false, says: /refused/ }],
  [
    'thrown at',
    () => {
      throw new Refused('NetStream.Publish.BadName', 'taken')
    },
    { granted: false, says: /taken/ }
  ],
  ['never decided', () => {}, { granted: false, says: /authorization timed out/ }]
]

for (const [how, decide, { granted, says }] of decisions) {
  t.test(`a publish that is ${how}`, { ...options }, async t => {
    const source = film(join(folder(t), 'film.flv'), { seconds: 1 })
    let asked = 0
    const limits = { decisionMs: how === 'never decided' ? 1000 : 600_000 }
    const server = createServer({ limits }, session => {
      session.on('publish', publish => {
        asked++
        return decide(publish)
      })
    })
    server.on('sessionError', () => {})
    await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
    t.teardown(() => server.close())
    const url = `rtmp://127.0.0.1:${(server.address() as net.AddressInfo).port}/live/film`
    const ffmpeg = publishers.ffmpeg(t, source, url)
    const { code } = await ffmpeg.ends()
    t.equal(code === 0, granted, `ffmpeg: ${ffmpeg.said.trim()}`)
    t.match(ffmpeg.said.trim(), says)
    const gst = publishers.rtmp2sink(t, source, url)
    const end = await gst.ends()
    t.equal(end.code === 0, granted, `GStreamer: ${gst.said.split('\n')[0]}`)
    if (!granted) t.match(gst.said, /publish|Publish|refused|denied|Not authorized/i)
    t.equal(asked, 2)
  })
}

t.test('kill -9 while recording leaves every packet but those of the last second', { ...options }, async t => {
  const home = folder(t)
  const source = film(join(home, 'film.flv'), { seconds: 8 })
  const cli = new URL('../../lib/app/cli.js', import.meta.url).pathname
  const server = new Program(t, process.execPath, [cli, 'serve', '--port', '0', '--record', join(home, 'rec')])
  const [, base] = await server.says(/listening (rtmp:\/\/\S+)/)
  const [, file] = await (async () => {
    const player = players.rtmpdump(t, `${base}/live/film`, home)
    await server.says(/wait live\/film/)
    publishers.ffmpeg(t, source, `${base}/live/film`)
    const recorded = await server.says(/record live\/film to (\S+)/)
    await grows(recorded[1]!, statSync(source).size / 2)
    server.kill('SIGKILL')
    await server.ends()
    await player.program.ends()
    return recorded
  })()
  const count = (path: string) => {
    const { stdout } = spawnSync('ffprobe', ['-v', 'quiet', '-show_entries', 'packet=pts', '-of', 'csv=p=0', path])
    return stdout.toString().trim().split('\n').map(Number)
  }
  const recorded = count(file!)
  const played = count(join(home, 'rtmpdump.flv'))
  t.ok(recorded.length > 150, `${recorded.length} packets recorded, ${played.length} played`)
  t.ok(
    Math.max(...recorded) > Math.max(...played) - 1000,
    `up to ${Math.max(...recorded)} ms of ${Math.max(...played)}`
  )
  const sent = packets(source)
  const written = packets(file!)
  t.same(written, sent.slice(0, written.length), 'each as it was sent')
})
