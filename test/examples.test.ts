import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { createReadStream, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import net from 'node:net'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import {
  ChunkWriter,
  chunkDecoder,
  connect,
  FlvReader,
  FlvWriter,
  flvDecoder,
  handshakeStream,
  isKeyframe,
  isVideo,
  MessageWriter,
  pace,
  type Refused,
  readCodecConfig,
  windowAcknowledgementSize
} from 'rtmpipe'
import t from 'tap'
import { WebSocket } from 'ws'
import { capturedMedia, readCapture } from './support/captures.ts'
import { folder } from './support/films.ts'
import { LiveServer } from './support/live-server.ts'
import { audio, metadata, stream, video, word } from './support/media.ts'
import { example } from './support/programs.ts'

/** Each example as a person runs it. by-hand is also run by test/interop, with the programs it is for. */

t.test('echo-handshake', async t => {
  const program = example(t, 'echo-handshake')
  t.equal((await program.ends()).code, 0)
  t.match(program.said, 'client: hello behind the handshake')
  t.match(program.said, 'server: all echoed')
})

t.test('by-hand acknowledges what it receives, the handshake too', async t => {
  const [, port] = await example(t, 'by-hand', '0').says(/listening rtmp:\/\/127\.0\.0\.1:(\d+)/)
  const socket = net.connect(Number(port), '127.0.0.1')
  const plain = handshakeStream(socket, { role: 'client' })
  plain.on('error', () => 'it is closed below')
  t.teardown(() => plain.destroy())
  const [writer, headers] = [new MessageWriter({ chunkSize: 65536 }), new ChunkWriter()]
  const sent = [windowAcknowledgementSize(10_000), video.frame(0, 20_000)].map(each => writer.bytes(each, headers))
  const received = 3073 + Buffer.concat(sent).length
  for (const bytes of sent) plain.write(bytes)
  for await (const { control } of plain.pipe(chunkDecoder())) {
    if (control?.kind !== 'Acknowledgement') continue
    t.equal(control.sequenceNumber, received)
    break
  }
})

t.test('decode-capture', async t => {
  const file = join(folder(t), 'client.bin')
  writeFileSync(file, readCapture('ffmpeg-publish').client.bytes)
  const { code, out } = await example(t, 'decode-capture', file).ends()
  const lines = out.toString().trim().split('\n')
  t.equal(code, 0)
  t.equal(lines.length, 247)
  t.match(lines[0], /0 ms {2}stream 0 {2}connect\(\{"app":"live"/)
  t.match(lines.at(-1), /deleteStream\(null, 1\)/)
})

t.test('inspect', async t => {
  const file = join(folder(t), 'client.bin')
  writeFileSync(file, readCapture('rtmpdump-play-live').client.bytes)
  const { code, out } = await example(t, 'inspect', file).ends()
  t.equal(code, 0)
  const lines = out.toString().trim().split('\n')
  t.equal(lines[0], 'chunk format 0, chunk stream 3, type 20: 128 of 140 bytes')
  t.ok(lines.includes('connect, transaction 1'))
  t.ok(lines.includes('chunk format 1, chunk stream 2, type 4: 10 of 18 bytes'), 'librtmp opens chunk stream 2 so')
})

t.test('decode-capture, without a file, with none, and with one that is no capture', async t => {
  const without = example(t, 'decode-capture')
  t.equal((await without.ends()).code, 2)
  t.match(without.said, 'usage: decode-capture FILE')
  const none = example(t, 'decode-capture', join(folder(t), 'none'))
  t.equal((await none.ends()).code, 1)
  t.match(none.said, 'ENOENT')
  const noise = join(folder(t), 'noise')
  writeFileSync(noise, Buffer.alloc(5000, 0x30))
  const broken = example(t, 'decode-capture', noise)
  t.equal((await broken.ends()).code, 1)
  t.match(broken.said, /ERR_RTMP_/)
})

t.test('custom-stage', async t => {
  const home = folder(t)
  const [from, to] = [join(home, 'in.flv'), join(home, 'out.flv')]
  const writer = new FlvWriter()
  const film = [
    metadata(),
    video.header(),
    audio.header(),
    video.keyframe(0),
    audio.frame(5),
    video.frame(40),
    video.keyframe(80)
  ]
  writeFileSync(from, Buffer.concat(film.flatMap(message => writer.write(message))))
  const program = example(t, 'custom-stage', from, to)
  t.equal((await program.ends()).code, 0)
  t.match(program.said, '2 keyframes')
  const messages = [...new FlvReader().messages(readFileSync(to))]
  t.same(
    messages.map(({ timestamp }) => timestamp),
    [40, 40, 40, 40, 45, 120],
    'late by 40 ms, and one frame less'
  )
  t.equal(messages.filter(message => isVideo(message) && isKeyframe(message)).length, 2)
})

/** A file of `seconds`, with a keyframe in each. */
function flv(path: string, seconds: number): string {
  const writer = new FlvWriter()
  writeFileSync(path, Buffer.concat(stream(seconds).flatMap(message => writer.write(message))))
  return path
}

t.test('key-check: a key is looked up by its hash, and becomes the name of its user', async t => {
  const file = join(folder(t), 'keys.json')
  const id = (key: string) => createHash('sha256').update(key).digest('hex')
  const keys = {
    [id('key-of-ada')]: { user: 'ada', until: '2999-01-01' },
    [id('old-key')]: { user: 'bob', until: '2001-01-01' }
  }
  const program = example(t, 'key-check', file, '0')
  const [, url] = await program.says(/listening (\S+)/)
  const session = await connect(`${url}/live`)
  t.teardown(() => session.close())
  const publish = async (key: string) => {
    try {
      await session.publish(key)
      return 'published'
    } catch (error) {
      return (error as Refused).message
    }
  }
  t.match(await publish('key-of-ada'), 'internal server error')
  await program.says(/ENOENT/)
  writeFileSync(file, JSON.stringify(keys))
  t.match(await publish('key'), 'NetStream.Publish.Denied, the key is not valid')
  t.match(await publish('old-key'), 'NetStream.Publish.Denied, the key is not valid')
  t.equal(await publish('key-of-ada'), 'published')
  await program.says(/publish live\/ada/)
})

t.test('delay: a stream a second time, a second late', async t => {
  const file = flv(join(folder(t), 'film.flv'), 3)
  const [, url] = await example(t, 'delay', '1', '0').says(/listening (\S+)/)
  const [live, late] = [await connect(`${url}/live`), await connect(`${url}/late`)]
  const got: string[] = []
  const gets = async (name: string, from: AsyncIterable<{ timestamp: number; payload: Buffer }>) => {
    for await (const { timestamp, payload } of from) if (payload.length >= 20) got.push(`${name} ${timestamp}`)
  }
  const played = [gets('live', await live.play('film')), gets('late', await late.play('film'))]
  const publisher = await connect(`${url}/live`)
  await pipeline(createReadStream(file), flvDecoder(), pace(), await publisher.publish('film'))
  await publisher.close()
  await Promise.all(played)
  for (const session of [live, late]) await session.close()
  const times = [0, 20, 500, 520, 1000, 1020, 1500, 1520, 2000, 2020, 2500, 2520]
  for (const name of ['live', 'late']) {
    t.same(
      got.filter(each => each.startsWith(name)),
      times.map(time => `${name} ${time}`)
    )
  }
  t.ok(got.indexOf('late 0') > got.indexOf('live 520'))
})

t.test('split-tracks: each track of FFmpeg 8 under a name of its own, and all under that of the publish', async t => {
  const program = example(t, 'split-tracks', '0')
  const [, url] = await program.says(/listening (\S+)/)
  const session = await connect(`${url}/live`, { capabilities: { multitrack: true } })
  const gets = async (name: string) => {
    const sizes = new Set<string>()
    for await (const message of await session.play(name)) {
      for (const config of readCodecConfig(message))
        if (config.kind === 'video') sizes.add(`track ${config.trackId}: ${config.width}x${config.height}`)
    }
    return [...sizes]
  }
  const played = ['film', 'film_120p', 'film_60p'].map(gets)
  const publisher = await connect(`${url}/live`)
  const publishing = await publisher.publish('film?clientConfigId=id-1')
  await pipeline(Readable.from(capturedMedia('ffmpeg8-publish-two-tracks')), publishing)
  await publisher.close()
  t.same(await Promise.all(played), [['track 0: 160x120', 'track 1: 80x60'], ['track 0: 160x120'], ['track 0: 80x60']])
  await session.close()
  await program.says(/live\/film follows id-1\nlive\/film_120p: AVC, 160x120\nlive\/film_60p: AVC, 80x60/)
})

t.test('load-test: publishers and players, each counted', async t => {
  const file = flv(join(folder(t), 'film.flv'), 5)
  const server = new LiveServer(t, { live: { holdMs: 0 } })
  const url = `${await server.listen()}/live/film`
  const players = example(t, 'load-test', 'play', `${url}-2`, '4')
  await server.happens('play live/film-2', 4)
  const publishers = example(t, 'load-test', 'publish', url, '3', file)
  await players.says(/4 open, 0 failed, [1-9]\d* messages\/s, \d+\.\d Mbit\/s/)
  await publishers.says(/3 open, 0 failed, [1-9]\d* messages\/s/)
  for (const program of [players, publishers]) {
    t.equal((await program.ends()).code, 0)
    t.match(program.said, 'done, 0 failed')
  }
  const nowhere = example(t, 'load-test', 'play', 'rtmp://127.0.0.1:1/live/film', '2')
  await nowhere.ends()
  t.match(nowhere.said, /2: .*ECONNREFUSED.*done, 2 failed/s)
  t.equal((await example(t, 'load-test', 'play').ends()).code, 2)
})

t.test('metrics', async t => {
  const program = example(t, 'metrics', '0')
  const [, url] = await program.says(/listening rtmp:\/\/(127\.0\.0\.1:\d+)/)
  const session = await connect(`rtmp://${url}/live`)
  const publishing = await session.publish('film')
  publishing.write(video.keyframe(0))
  const scrape = async () => (await fetch(`http://${url}/metrics`)).text()
  let text = await scrape()
  while (!text.includes('rtmpipe_stream_received_messages_total{path="live/film"} 1\n')) text = await scrape()
  t.match(text, '\nrtmpipe_sessions 1\n')
  t.match(text, '\nprocess_resident_memory_bytes ')
  await session.close()
  await program.says(/session ended after \d+ ms: left, \d{4,} bytes in, \d{4,} bytes out/)
})

t.test('every example opens with what it teaches, and how to run it', async t => {
  const examples = new URL('../../examples/', import.meta.url)
  for (const name of readdirSync(examples).filter(name => name.endsWith('.ts'))) {
    const source = readFileSync(new URL(name, examples), 'utf8')
    t.match(source, /^\/\*\*\n \* .*This example shows how to:\n \* {2}1\. .*dist\/examples\//s, name)
  }
})

for (const framework of ['express', 'fastify', 'hono']) {
  t.test(`http-flv-${framework}`, async t => {
    const program = example(t, `http-flv-${framework}`, '0', '0')
    const [, web] = await program.says(/listening (http:\S+)/)
    const [, rtmp] = await program.says(/listening (rtmp:\S+)/)
    t.match(await (await fetch(web!)).text(), 'watch /live/NAME.flv')
    t.equal((await fetch(`${web}live/film.flv`)).status, 404, 'not published')
    const session = await connect(rtmp!)
    const publishing = await session.publish('film')
    const film = [metadata(), video.header(), audio.header(), video.keyframe(0), audio.frame(5), video.frame(40)]
    for (const message of film) publishing.write(message)
    let response: Response
    do response = await fetch(`${web}live/film.flv`)
    while (response.status === 404)
    t.equal(response.headers.get('content-type'), 'video/x-flv')
    t.equal((await fetch(`${web}live/film.flv`, { method: 'HEAD' })).status, 200)
    const socket = new WebSocket(`${web!.replace('http', 'ws')}live/film.flv`)
    const messages: Buffer[] = []
    socket.on('message', data => messages.push(data as Buffer))
    await once(socket, 'open')
    publishing.end()
    await once(socket, 'close')
    const body = Buffer.from(await response.arrayBuffer())
    t.same([...new FlvReader().messages(body)].map(word), film.map(word))
    t.ok(Buffer.concat(messages).equals(body), 'the same over WebSocket')
    session.close()
  })
}
