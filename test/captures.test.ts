import net from 'node:net'
import { pipeline, Readable } from 'node:stream'
import { buffer } from 'node:stream/consumers'
import { isDeepStrictEqual } from 'node:util'
import {
  type Chunk,
  ChunkReader,
  ClientHandshake,
  chunkDecoder,
  chunkEncoder,
  commandMessage,
  connect,
  isCommandType,
  type Message,
  MessageReader,
  messageAssembler,
  readAudioTagHeader,
  readCommand,
  readVideoTagHeader,
  ServerHandshake,
  type Truncated
} from 'rtmpipe'
import t from 'tap'
import {
  type CapturedSide,
  capturedMedia,
  captureNames,
  type ExpectedMessage,
  listed,
  readCapture
} from './support/captures.ts'
import { bytewise, cut } from './support/chop.ts'
import { LiveServer } from './support/live-server.ts'
import { byKind } from './support/media.ts'

const HANDSHAKE = 3073

/** The pure readers over the pieces of one direction. */
function decode(pieces: Iterable<Buffer>): { messages: ExpectedMessage[]; cut: Truncated | undefined } {
  const chunks = new ChunkReader()
  const assembled = new MessageReader()
  const messages: ExpectedMessage[] = []
  for (const piece of pieces) {
    chunks.feed(piece)
    while (chunks.next()) {
      if (chunks.control !== undefined) assembled.heed(chunks.control)
      const message = assembled.add(chunks.header, chunks.source, chunks.start, chunks.end, chunks.last)
      if (message !== undefined) messages.push(listed(message, chunks.header.format!))
    }
  }
  return { messages, cut: chunks.cut() }
}

/** The same through the stages. */
async function throughStages(bytes: Buffer): Promise<ExpectedMessage[]> {
  const decoder = chunkDecoder()
  const formats: number[] = []
  const begun = new Map<number, number>()
  decoder.on('data', ({ header, last }: Chunk) => {
    if (!begun.has(header.chunkStreamId)) begun.set(header.chunkStreamId, header.format!)
    if (!last) return
    formats.push(begun.get(header.chunkStreamId)!)
    begun.delete(header.chunkStreamId)
  })
  const messages: Message[] = await Readable.from(cut(bytes, 7), { objectMode: false })
    .pipe(decoder)
    .pipe(messageAssembler())
    .toArray()
  return messages.map((message, i) => listed(message, formats[i]!))
}

const sides = (name: string): [string, CapturedSide][] => {
  const { client, server } = readCapture(name)
  return [
    ['client', client],
    ['server', server]
  ]
}

for (const name of captureNames) {
  t.test(name, async t => {
    for (const [who, side] of sides(name)) {
      const bytes = side.bytes.subarray(HANDSHAKE)
      const whole = decode([bytes])
      t.same(whole.messages, side.expected, `${who}, whole`)
      t.equal(whole.cut !== undefined, side.truncatedTail > 0, `${who}, its end`)
      t.same(decode(bytewise(bytes)), whole, `${who}, each byte alone`)
      for (const seed of [1, 2, 3, 4, 5]) t.same(decode(cut(bytes, seed)), whole, `${who}, cut by seed ${seed}`)
      t.same(decode(cut(bytes, 6, 20)), whole, `${who}, cut small`)
      t.same(await throughStages(bytes), side.expected, `${who}, through the stages`)
    }
  })
}

const steps = (from: number, by: number, count: number) => Array.from({ length: count }, (_, i) => from + i * by)

t.test('any beginning of a capture gives the beginning of its messages', async t => {
  for (const name of captureNames) {
    const { client, server } = readCapture(name)
    for (const [who, { bytes, expected }] of Object.entries({ client, server })) {
      // cut at every byte of its first kilobyte, where all kinds of messages are, at each fifth of the next five, and here and there
      const cuts = [...steps(0, 1, 1000), ...steps(1000, 5, 1000), ...steps(6000, 4001, 50)]
      const wrong = cuts.filter(length => {
        const { messages } = decode([bytes.subarray(HANDSHAKE, HANDSHAKE + length)])
        return messages.some((message, i) => !isDeepStrictEqual(message, expected[i]))
      })
      t.same(wrong, [], `${name}: ${who}`)
    }
  }
})

t.test('chunks go out again as the bytes they came as', async t => {
  for (const name of captureNames) {
    for (const [who, side] of sides(name)) {
      const bytes = side.bytes.subarray(HANDSHAKE, side.bytes.length - side.truncatedTail)
      // librtmp and OBS open chunk stream 2 with a format 1 Acknowledgement: it goes out with its whole header
      const opensWell = new Set<number>()
      const canonical = side.expected.every(([format, id]) => format === 0 || opensWell.has(id) || !opensWell.add(id))
      const decoder = chunkDecoder()
      const encoder = chunkEncoder()
      pipeline(Readable.from([bytes], { objectMode: false }), decoder, encoder, () => {})
      const again = await buffer(encoder)
      if (canonical) t.ok(again.equals(bytes), `${name}, ${who}`)
      t.same(
        decode([again]).messages.map(unformatted),
        side.expected.map(unformatted),
        `${name}, ${who}, decoded again`
      )
    }
  }
})

const unformatted = ([, ...rest]: ExpectedMessage) => rest

t.test('a command that nobody touched goes out as the bytes it came as; a new one as the same values', async t => {
  for (const name of captureNames) {
    for (const [who, side] of sides(name)) {
      const chunks = new ChunkReader()
      const messages = new MessageReader()
      for (const { header, payload, last } of chunks.chunks(side.bytes.subarray(HANDSHAKE))) {
        const message = messages.add(header, payload, 0, payload.length, last)
        if (message === undefined || !isCommandType(message.type)) continue
        const command = readCommand(message)
        t.equal(commandMessage(command), message, `${name}, ${who}, ${command.name}`)
        t.ok(
          commandMessage({ ...command }).payload.equals(message.payload),
          `${name}, ${who}, ${command.name}, written anew`
        )
      }
    }
  }
})

t.test('the handshake of every capture is understood by both machines', async t => {
  for (const name of captureNames) {
    const { client, server } = readCapture(name)
    const asServer = new ServerHandshake()
    const heard = asServer.feed(client.bytes)
    t.equal(asServer.scheme, client.digests[0]?.scheme, `${name}, C1`)
    t.equal(heard.rest?.length, client.bytes.length - HANDSHAKE, `${name}, what follows C2`)
    const asClient = new ClientHandshake()
    asClient.feed(server.bytes)
    t.equal(asClient.scheme, server.digests[0]?.scheme, `${name}, S1`)
  }
})

t.test('what FFmpeg 8 published, sent again to a server, reaches players unchanged', async t => {
  const server = new LiveServer(t)
  const host = await server.listen()
  const { port } = server.server.address() as net.AddressInfo
  const streams = {
    'ffmpeg8-publish-hevc-aac': 'hevc',
    'ffmpeg8-publish-av1-opus': 'av1opus',
    'ffmpeg8-publish-two-tracks': 'film'
  }
  for (const [name, stream] of Object.entries(streams)) {
    await using knows = await connect(`${host}/live`, { capabilities: { multitrack: true } })
    await using other = await connect(`${host}/live`)
    const plays = await Promise.all([knows.play(stream), other.play(stream)])
    const heard = plays.map(play => play.toArray())
    const publisher = net.connect(port, '127.0.0.1').resume()
    publisher.end(readCapture(name).client.bytes)
    await server.happens(`unpublish live/${stream}`)
    server.at(`live/${stream}`).end()
    const [all, primary] = await Promise.all(heard as [Promise<Message[]>, Promise<Message[]>])
    const sent = byKind(capturedMedia(name))
    t.same(byKind(all), sent, name)
    t.ok(sent.audio.length > 20 && sent.video.length > 20, `${name}: ${sent.audio.length}, ${sent.video.length}`)
    const ofTrack0 = capturedMedia(name).filter(message => trackIdOf(message) === 0)
    t.same(byKind(primary), byKind(ofTrack0), `${name}, to a player that does not know Multitrack`)
    t.equal(ofTrack0.length < capturedMedia(name).length, stream === 'film', `${name}, tracks`)
  }
})

const trackIdOf = ({ type, payload }: Message): number | undefined =>
  (type === 9 ? readVideoTagHeader(payload) : type === 8 ? readAudioTagHeader(payload) : undefined)?.trackId ?? 0
