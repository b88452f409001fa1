/**
 * Sound alone, as an endless .aac file over HTTP. This example shows how to:
 *  1. write a stage as a class, which keeps what the sequence header says;
 *  2. read the tags of audio messages;
 *  3. give a stream to an HTTP response, whose backpressure holds up nobody else.
 *
 *   npm run build && node dist/examples/adts.js [PORT]
 *   ffmpeg -re -i film.flv -c copy -f flv rtmp://127.0.0.1/live/film
 *   ffplay http://127.0.0.1:1935/live/film.aac
 */
import type net from 'node:net'
import { pipeline } from 'node:stream'
import {
  AudioPacketType,
  createServer,
  isAudio,
  LiveStreams,
  type Message,
  readAudioTagHeader,
  SoundFormat,
  Stage
} from 'rtmpipe'

/** Messages to ADTS (ISO 14496-3, 1.A.2.2): each AAC frame with seven bytes ahead that say how to decode it. */
class Adts extends Stage<Message, Buffer> {
  #profile = 0
  #frequencyIndex = 0
  #channels = 0

  constructor() {
    super({ layer: 'adts', to: 'bytes' })
  }

  protected override turn(message: Message): void {
    const tag = isAudio(message) ? readAudioTagHeader(message.payload) : undefined
    if (tag?.soundFormat !== SoundFormat.Aac) return
    const body = message.payload.subarray(2)
    if (tag.packetType === AudioPacketType.SequenceStart) this.#configure(body)
    else this.#push(body)
  }

  #push(body: Buffer): void {
    const length = 7 + body.length
    const [profile, index, channels] = [this.#profile, this.#frequencyIndex, this.#channels]
    const third = (profile << 6) | (index << 2) | (channels >> 2)
    const fourth = ((channels & 3) << 6) | (length >> 11)
    this.push(Buffer.of(0xff, 0xf1, third, fourth, (length >> 3) & 0xff, ((length & 7) << 5) | 0x1f, 0xfc))
    this.push(body)
  }

  /** Of an AudioSpecificConfig: 5 bits of object type, 4 of frequency index, 4 of channels. */
  #configure(config: Buffer): void {
    if (config.length < 2) return
    const bits = config.readUInt16BE()
    const objectType = bits >> 11
    // HE-AAC is told as the AAC-LC it contains
    this.#profile = objectType > 4 ? 1 : objectType - 1
    this.#frequencyIndex = (bits >> 7) & 15
    this.#channels = (bits >> 3) & 15
  }
}

const lives = new LiveStreams()
const report = (error?: Error | null) => error && console.log(error.message)

const server = createServer(
  {
    http: (request, response) => {
      const [, path] = /^\/(.+)\.aac$/.exec(request.url ?? '') ?? []
      const live = path === undefined ? undefined : lives.find(path)
      if (!live?.isLive) return void response.writeHead(404).end('there is no such stream\n')
      response.writeHead(200, { 'Content-Type': 'audio/aac' })
      pipeline(live.subscribe(), new Adts(), response, () => console.log(`listened to ${path}`))
    }
  },
  session => {
    session.on('publish', async publish => pipeline(publish.accept(), await lives.publish(publish.path), report))
  }
)
server.on('sessionError', report)

server.listen(Number(process.argv[2] ?? 1935), '127.0.0.1', () => {
  console.log(`listening rtmp://127.0.0.1:${(server.address() as net.AddressInfo).port}`)
})
