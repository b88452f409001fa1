import { readFileSync } from 'node:fs'
import net from 'node:net'
import { join } from 'node:path'
import { finished } from 'node:stream/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import {
  AmfDate,
  type AmfValue,
  amfCommandParser,
  amfCommandSerializer,
  type Command,
  chunkDecoder,
  chunkEncoder,
  connect,
  FlvReader,
  handshakeStream,
  isAudio,
  isCommand,
  isVideo,
  type Message,
  MessageTypeId,
  messageAssembler,
  messageChunker,
  messageWire,
  onStatus,
  readAudioTagHeader,
  readVideoTagHeader,
  resultCommand,
  splitStreamUrl,
  stage,
  TypedObject,
  writeAmf0,
  writeAmf3,
  Xml
} from 'rtmpipe'
import t, { type Test } from 'tap'
import { film, folder, packets } from '../support/films.ts'
import { players, publishers } from '../support/players.ts'
import { example, Program, without } from '../support/programs.ts'

/**
 * Real programs on the relay of bare stages: what is played is what was published, packet for packet, times too.
 */
t.jobs = 3
const buffered = true
const skip = without('ffmpeg', 'rtmpdump', 'gst-launch-1.0')

async function relay(t: Test, chunkSize = 4096): Promise<{ server: Program; url: string; port: string }> {
  const server = example(t, 'by-hand', '0', `${chunkSize}`)
  const [, port] = await server.says(/listening rtmp:\/\/127\.0\.0\.1:(\d+)/)
  return { server, url: `rtmp://127.0.0.1:${port}/live/film`, port: port! }
}

for (const [audio, chunkSize] of [
  ['aac', 128],
  ['aac', 4096],
  ['libmp3lame', 128],
  ['libmp3lame', 4096]
] as const) {
  t.test(`H.264 and ${audio}, published in chunks of ${chunkSize}`, { skip, buffered }, async t => {
    const home = folder(t)
    const source = film(join(home, 'film.flv'), { audio })
    const { server, url } = await relay(t, chunkSize)
    const watching = [players.ffmpeg, players.rtmpdump, players.gstreamer].map(play => play(t, url, home))
    await server.says(/^play film/m, 3)

    t.equal((await publishers.ffmpeg(t, source, url).ends()).code, 0, 'the publisher is content')

    const sent = packets(source)
    t.ok(sent.length > 150, `${sent.length} packets`)
    for (const player of watching) {
      t.same(await player.packets(), sent, 'it plays what was published')
      t.equal((await player.program.ends()).code, 0, 'and is content')
    }
    t.notMatch(server.said, /gone: (?!read ECONNRESET|write EPIPE)/, 'and every connection ends, if not politely')
  })
}

t.test('who joins late hears at once, sees from a keyframe on, and misses nothing', { skip, buffered }, async t => {
  const source = film(join(folder(t), 'film.flv'), { seconds: 5 })
  const { server, url } = await relay(t)
  const { url: app, name } = splitStreamUrl(url)
  await using session = await connect(app)
  const publishing = await session.publish(name)
  const sends = [...new FlvReader().messages(readFileSync(source))]
  for (const message of sends.slice(0, sends.length / 3)) publishing.write(message)
  // its answer says that what went ahead of it has been heard
  await session.createStream()
  const player = players.ffmpeg(t, url)
  await server.says(/^play film/m)
  for (const message of sends.slice(sends.length / 3)) publishing.write(message)
  publishing.end()
  const got = await player.packets()
  const sent = packets(source)
  t.ok(got.length < sent.length, `${got.length} of ${sent.length} packets`)
  const [video, sound] = ['0,', '1,'].map(track => {
    const [all, some] = [sent, got].map(lines => lines.filter(line => line.startsWith(track)))
    t.same(some, all!.slice(-some!.length))
    return { all: all!, first: all!.length - some!.length }
  })
  t.equal(video!.first % 25, 0, 'the first of a group of 25')
  const at = ({ all, first }: { all: string[]; first: number }) => Number(all[first]!.split(',')[1])
  t.ok(at(sound!) < at(video!), 'audio does not wait for it')
})

t.test(
  'tshark finds nothing malformed in what we send',
  { skip: skip || without('tshark') || notRoot(), buffered },
  async t => {
    const home = folder(t)
    const source = film(join(home, 'film.flv'), { seconds: 1 })
    const { server, url, port } = await relay(t)
    const pcap = join(home, 'capture.pcapng')
    const dissect = async (filter: string, ...more: string[]) =>
      (
        await new Program(t, 'tshark', ['-r', pcap, '-d', `tcp.port==${port},rtmpt`, '-Y', filter, ...more]).ends()
      ).out.toString()
    const capture = new Program(t, 'tshark', ['-q', '-i', 'lo', '-f', `tcp port ${port}`, '-w', pcap])
    await capture.says(/Capture started/)
    const player = players.ffmpeg(t, url)
    await server.says(/^play film/m)
    await publishers.ffmpeg(t, source, url).ends()
    await player.program.ends()
    await server.says(/^gone/m, 2)
    const point = new TypedObject('org.Point', { x: 1.5, y: 'text' })
    await says(Number(port), ['text', 'text', new AmfDate(0), point, ['a', 3.5], new Xml('<x/>')])
    // what was captured is written a moment later
    while ((await dissect('rtmpt.header.typeid == 17')) === '') await sleep(200)
    capture.kill('SIGINT')
    await capture.ends()
    const calls = await dissect('rtmpt')
    for (const name of ['connect', 'createStream', 'publish', 'play', '_result', 'onStatus', 'Video Data']) {
      t.match(calls, name, `tshark reads ${name}`)
    }
    const [, amf3] = (await dissect('rtmpt.header.typeid == 17', '-V')).split('Switch to AMF3 (0x11)')
    const values = [...(amf3?.matchAll(/^ {12}([A-Z].*)/gm) ?? [])].map(([, line]) => line)
    t.same(
      values.filter(line => !/^(AMF3 type|Length|End)/.test(line!)),
      ["String 'text'", 'String reference 0', 'DateJan  1, 1970 00:00:00.000000000 UTC', 'Object', 'Array', 'XML'],
      'and reads our AMF3, as far as it reads any: it is lost behind a reference to an object, and in bytes'
    )
    t.equal(await dissect('_ws.malformed || _ws.expert.severity == error'), '', 'and finds nothing wrong')
  }
)

t.test("the user's own line, on a socket", { skip, buffered }, async t => {
  const source = film(join(folder(t), 'film.flv'), { seconds: 1 })
  const heard: Message[] = []
  const server = net.createServer(socket => {
    const yourSession = stage<Message | Command, Message | Command>((item, push) => {
      if (!isCommand(item)) heard.push(item)
      else if (item.name === 'publish') push(onStatus(1, 'NetStream.Publish.Start', 'go on'))
      else if (item.transactionId > 0) push(resultCommand(item, null, 1))
    })()
    const plain = handshakeStream(socket)
    plain.on('error', () => 'a peer may break off at any moment')
    plain.on('close', () => server.close())
    // biome-ignore format: one line, as it stands in the README
    plain.pipe(chunkDecoder()).pipe(messageAssembler()).pipe(amfCommandParser()).pipe(yourSession).pipe(amfCommandSerializer()).pipe(messageChunker()).pipe(chunkEncoder()).pipe(plain)
  })
  const closed = new Promise(resolve => server.on('close', resolve))
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as net.AddressInfo
  t.equal((await publishers.ffmpeg(t, source, `rtmp://127.0.0.1:${port}/live/film`).ends()).code, 0)
  await closed
  const video = heard.filter(message => isVideo(message) && readVideoTagHeader(message.payload)?.packetType === 1)
  const audio = heard.filter(message => isAudio(message) && readAudioTagHeader(message.payload)?.packetType === 1)
  t.equal(video.length + audio.length, packets(source).length)
})

/** Says one value of AMF3, in a command of type 17. */
async function says(port: number, value: AmfValue): Promise<void> {
  const wire = messageWire(net.connect(port, '127.0.0.1'), { role: 'client' })
  const payload = Buffer.concat([Buffer.of(0), writeAmf0('keep', 0, null), Buffer.of(0x11), writeAmf3(value)])
  wire.end({ type: MessageTypeId.CommandAmf3, messageStreamId: 0, chunkStreamId: 3, timestamp: 0, payload })
  await finished(wire.resume()).catch(() => 'a peer may break off at any moment')
}

function notRoot(): false | string {
  return process.getuid?.() === 0 ? false : 'capturing takes root'
}
