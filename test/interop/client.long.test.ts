import { execFileSync } from 'node:child_process'
import { createReadStream, createWriteStream } from 'node:fs'
import type net from 'node:net'
import { join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import {
  connect,
  createServer,
  flvDecoder,
  flvEncoder,
  isKeyframe,
  isVideo,
  type Message,
  pace,
  readRtmpUrl,
  splitStreamUrl
} from 'rtmpipe'
import t from 'tap'
import { collect } from '../support/collect.ts'
import { film, folder, packets, packetsOf } from '../support/films.ts'
import { freePort, nginx, played, reached } from '../support/nginx.ts'
import { players } from '../support/players.ts'
import { Program, without } from '../support/programs.ts'

/** Our publisher and our player on servers that are not ours: what comes out is what went in, packet for packet, times too. */
t.jobs = 3
const options = { skip: without('ffmpeg', 'rtmpdump', 'nginx'), buffered: true }

/** Publishes a file as a user does. */
async function publish(file: string, url: string, name: string): Promise<void> {
  await using session = await connect(url)
  await pipeline(createReadStream(file), flvDecoder(), pace(), await session.publish(name))
}

/** Plays into a file as a user does. */
async function play(url: string, name: string, file: string, options = {}): Promise<string[]> {
  await using session = await connect(url)
  await pipeline(await session.play(name, options), flvEncoder(), createWriteStream(file))
  return packets(file)
}

for (const audio of ['aac', 'libmp3lame']) {
  t.test(`published to nginx-rtmp with ${audio}, and played there by ffmpeg and by us`, { ...options }, async t => {
    const home = folder(t)
    const source = film(join(home, 'film.flv'), { audio })
    const url = `${await nginx(t, home)}/live`
    const byFfmpeg = players.ffmpeg(t, `${url}/film`)
    const byUs = play(url, 'film', join(home, 'us.flv'))
    await played(home, 2)
    await publish(source, url, 'film')
    const sent = packets(source)
    t.same(await byUs, sent, 'we get every packet')
    t.same(await byFfmpeg.packets(), sent, 'ffmpeg gets every packet')
  })
}

t.test('published to ffmpeg -listen', { ...options }, async t => {
  const home = folder(t)
  const source = film(join(home, 'film.flv'))
  const port = await freePort()
  const url = `rtmp://127.0.0.1:${port}/live`
  const framemd5 = ['-map', '0:v?', '-map', '0:a?', '-c', 'copy', '-f', 'framemd5', '-']
  const ffmpeg = new Program(t, 'ffmpeg', ['-v', 'error', '-copyts', '-listen', '1', '-i', `${url}/film`, ...framemd5])
  await using session = await reached(url)
  await pipeline(createReadStream(source), flvDecoder(), pace(), await session.publish('film'))
  await session.close()
  const { out } = await ffmpeg.ends()
  const got = out
    .toString()
    .split('\n')
    .filter(line => line !== '' && !line.startsWith('#'))
    .map(line => line.replace(/\s/g, ''))
  t.same(got, packets(source))
})

t.test('played from ffmpeg -listen: media on message stream 0, to the last packet', { ...options }, async t => {
  const home = folder(t)
  const source = film(join(home, 'film.flv'), { seconds: 2 })
  const url = `rtmp://127.0.0.1:${await freePort()}/live`
  new Program(t, 'ffmpeg', [
    '-v',
    'error',
    '-re',
    '-i',
    source,
    '-c',
    'copy',
    '-f',
    'flv',
    '-listen',
    '1',
    `${url}/film`
  ])
  await using session = await reached(url)
  const messages: Message[] = []
  for await (const message of await session.play('film')) messages.push(message)
  t.same(packetsOf(messages, home), packets(source))
})

t.test('a recording on nginx-rtmp, whole and from a time', { ...options }, async t => {
  const home = folder(t)
  const source = film(join(home, 'film.flv'), { seconds: 6 })
  const url = `${await nginx(t, home)}/vod`
  const byFfmpeg = players.ffmpeg(t, `${url}/film`)
  t.same(await play(url, 'film', join(home, 'us.flv')), await byFfmpeg.packets(), 'what ffmpeg gets')
  t.equal(packets(join(home, 'us.flv')).length, packets(source).length)
  const indexed = ['-c', 'copy', '-flvflags', 'add_keyframe_index', join(home, 'indexed.flv')]
  execFileSync('ffmpeg', ['-v', 'error', '-i', source, ...indexed])
  // nginx-rtmp sends no sequence headers then, to rtmpdump neither
  await using session = await connect(url)
  const late = await collect<Message>(await session.play('indexed', { start: 3000 }))
  const frames = late.filter(message => isVideo(message))
  t.ok(frames[0]!.timestamp >= 3000 && isKeyframe(frames[0]!), `from the keyframe at ${frames[0]!.timestamp} ms`)
  t.ok(frames.at(-1)!.timestamp >= 5900, 'to the last')
  await t.rejects(play(url, 'none', join(home, 'none.flv')), { code: 'ERR_RTMP_REFUSED' })
})

/** URLs, and what rtmpdump makes of those that it reads in another way. */
const urls: [url: string, rtmpdump?: string][] = [
  ['rtmp://H/live/film'],
  ['rtmp://H/live/film?key=a'],
  ['rtmp://H/live/instance/film'],
  ['rtmp://H/live/_definst_/film?key=a&b=c'],
  ['rtmp://H/a/b/c/d', 'a/b/c d'],
  ['rtmp://H/vod/film.flv'],
  ['rtmp://H/vod/folder/film.mp4', 'vod/folder mp4:film'],
  ['rtmp://H/vod/mp4:folder/film.mp4', 'vod/mp4:folder mp4:film'],
  ['rtmp://H/live/instance/mp4:film'],
  ['rtmp://H/live/key#1?a=#+'],
  // rtmpdump asks nothing of a URL that names no stream
  ['rtmp://H/cam1', ''],
  ['rtmp://H/cam1?user=a&pass=b', '']
]

t.test('a stream URL is split as ffmpeg splits it, and mostly rtmpdump', { ...options }, async t => {
  const asked: string[] = []
  const server = createServer(session => {
    session.on('play', play => {
      const query = play.name && play.rawQuery ? `?${play.rawQuery}` : ''
      asked.push(`${String(session.connection!.info.app)} ${play.name}${query}`)
      play.reject()
    })
  })
  server.on('sessionError', () => {})
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  t.teardown(() => server.close())
  const host = `127.0.0.1:${(server.address() as net.AddressInfo).port}`
  for (const [pattern, rtmpdump] of urls) {
    const url = pattern.replace('H', host)
    const { url: appUrl, name } = splitStreamUrl(url)
    await new Program(t, 'ffmpeg', ['-v', 'error', '-i', url, '-f', 'null', '-']).ends()
    await new Program(t, 'rtmpdump', ['-q', '-r', url, '-o', '/dev/null']).ends()
    const ours = `${readRtmpUrl(appUrl).app} ${name}`
    t.same(asked.splice(0), [ours, rtmpdump ?? ours].filter(Boolean), pattern)
  }
})
