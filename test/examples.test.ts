import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import net from 'node:net'
import { join } from 'node:path'
import {
  ChunkWriter,
  chunkDecoder,
  FlvReader,
  FlvWriter,
  handshakeStream,
  isKeyframe,
  isVideo,
  MessageWriter,
  windowAcknowledgementSize
} from 'rtmpipe'
import t from 'tap'
import { readCapture } from './support/captures.ts'
import { folder } from './support/films.ts'
import { audio, metadata, video } from './support/media.ts'
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

t.test('every example opens with what it teaches, and how to run it', async t => {
  const examples = new URL('../../examples/', import.meta.url)
  for (const name of readdirSync(examples)) {
    const source = readFileSync(new URL(name, examples), 'utf8')
    t.match(source, /^\/\*\*\n \* .*This example shows how to:\n \* {2}1\. .*dist\/examples\//s, name)
  }
})
