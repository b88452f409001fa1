/**
 * A blackout: picture and sound of a live stream are replaced while it is on. This example shows how to:
 *  1. write a stage that keeps state, and has a switch;
 *  2. replace messages without an encoder, by a keyframe and a frame of sound that were encoded before;
 *  3. return at a keyframe, behind the sequence headers of the stream.
 *
 *   ffmpeg -f lavfi -i color=black:s=1280x720 -f lavfi -i anullsrc -t 1 -c:v libx264 -bf 0 -c:a aac slate.flv
 *   npm run build && node dist/examples/blackout.js slate.flv [PORT]
 *   ffmpeg -re -i film.flv -c copy -f flv rtmp://127.0.0.1/live/film
 *   ffplay rtmp://127.0.0.1/live/film
 *   curl -X POST http://127.0.0.1:1935/on; sleep 5; curl -X POST http://127.0.0.1:1935/off
 */
import { createReadStream } from 'node:fs'
import type net from 'node:net'
import { pipeline } from 'node:stream'
import {
  createServer,
  flvDecoder,
  isAudio,
  isKeyframe,
  isSequenceHeader,
  LiveStreams,
  MediaState,
  type Message,
  Stage
} from 'rtmpipe'

const [file, port = '1935'] = process.argv.slice(2)
if (file === undefined) {
  console.error('usage: blackout SLATE.flv [PORT]')
  process.exit(2)
}

/** By message type, what is shown instead: a sequence header, and the frame that follows it. */
const headers = new Map<number, Message>()
const frames = new Map<number, Message>()
for await (const message of createReadStream(file).pipe(flvDecoder())) {
  if (isSequenceHeader(message)) headers.set(message.type, message)
  else if (isAudio(message) || (isKeyframe(message) && !frames.has(message.type))) frames.set(message.type, message)
}

let isOn = false

class Blackout extends Stage<Message, Message> {
  readonly #state = new MediaState()
  /** The types that are replaced now. */
  readonly #covered = new Set<number>()

  protected override turn(message: Message): void {
    const { type, timestamp } = message
    const [isHeader, header, frame] = [isSequenceHeader(message), headers.get(type), frames.get(type)]
    if (isHeader) this.#state.note(message)
    if (header === undefined || frame === undefined) return void this.push(message)
    const isCovered = this.#covered.has(type)
    if (!isCovered && isOn) {
      this.#covered.add(type)
      this.push({ ...header, timestamp })
    } else if (isCovered && !isOn && (isKeyframe(message) || (isAudio(message) && !isHeader))) {
      this.#covered.delete(type)
      for (const each of this.#state.messages()) if (each.type === type) this.push({ ...each, timestamp })
    }
    if (!this.#covered.has(type)) this.push(message)
    else if (!isHeader) this.push({ ...frame, timestamp })
  }
}

const lives = new LiveStreams()
const report = (error?: Error | null) => error && console.log(error.message)

const server = createServer(
  {
    http: ({ method, url }, response) => {
      if (method !== 'POST' || (url !== '/on' && url !== '/off')) return void response.writeHead(404).end()
      isOn = url === '/on'
      response.end(`${url.slice(1)}\n`)
    }
  },
  session => {
    session.on('publish', async publish =>
      pipeline(publish.accept(), new Blackout(), await lives.publish(publish.path), report)
    )
    session.on('play', async play => pipeline(await lives.play(play.path), play.accept(), report))
  }
)
server.on('sessionError', report)

server.listen(Number(port), '127.0.0.1', () => {
  console.log(`listening rtmp://127.0.0.1:${(server.address() as net.AddressInfo).port}`)
})
