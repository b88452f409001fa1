/**
 * A picture of each stream. This example shows how to:
 *  1. take one keyframe of a live stream, with the sequence headers ahead of it;
 *  2. let ffmpeg decode it, within a time and with one process a stream, however many ask;
 *  3. answer with a JPEG, which is kept for five seconds.
 *
 *   npm run build && node dist/examples/thumbnails.js [PORT]
 *   ffmpeg -re -i film.flv -c copy -f flv rtmp://127.0.0.1/live/film
 *   curl http://127.0.0.1:1935/live/film.jpg -o film.jpg
 */
import { spawn } from 'node:child_process'
import type { ServerResponse } from 'node:http'
import type net from 'node:net'
import { pipeline } from 'node:stream'
import { buffer } from 'node:stream/consumers'
import { pipeline as piped } from 'node:stream/promises'
import { createServer, flvEncoder, isKeyframe, type LiveStream, LiveStreams, type Message } from 'rtmpipe'

const KEPT_MS = 5000
const jpeg = ['-frames:v', '1', '-vf', 'scale=320:-2', '-f', 'image2pipe', '-c:v', 'mjpeg', '-']

async function* upToKeyframe(messages: AsyncIterable<Message>): AsyncGenerator<Message> {
  for await (const message of messages) {
    yield message
    if (isKeyframe(message)) return
  }
}

/** @throws if no keyframe comes within ten seconds, or ffmpeg cannot decode it. */
async function picture(live: LiveStream): Promise<Buffer> {
  const signal = AbortSignal.timeout(10_000)
  const child = spawn('ffmpeg', ['-v', 'error', '-f', 'flv', '-i', '-', ...jpeg], { signal })
  child.on('error', error => child.stdin.destroy(error))
  const [bytes] = await Promise.all([
    buffer(child.stdout),
    piped(live.subscribe(), upToKeyframe, flvEncoder(), child.stdin, { signal })
  ])
  if (bytes.length === 0) throw new Error('ffmpeg made no picture')
  return bytes
}

const lives = new LiveStreams()
const pictures = new WeakMap<LiveStream, Promise<Buffer>>()

/** The picture of a stream, made anew if the last one is too old. */
function latest(live: LiveStream): Promise<Buffer> {
  const known = pictures.get(live)
  if (known !== undefined) return known
  const made = picture(live)
  pictures.set(live, made)
  const forget = () => pictures.delete(live)
  made.then(() => setTimeout(forget, KEPT_MS).unref(), forget)
  return made
}

async function answer(url: string, response: ServerResponse): Promise<void> {
  const live = lives.find(/^\/(.+)\.jpg$/.exec(url)?.[1] ?? '')
  if (!live?.isLive) return void response.writeHead(404).end('there is no such stream\n')
  try {
    response.setHeader('Content-Type', 'image/jpeg').end(await latest(live))
  } catch (error) {
    response.writeHead(503).end(`there is no picture: ${(error as Error).message}\n`)
  }
}

const server = createServer({ http: ({ url = '' }, response) => void answer(url, response) }, session => {
  session.on('publish', async publish => pipeline(publish.accept(), await lives.publish(publish.path), () => {}))
})
server.on('sessionError', error => console.log(error.message))

server.listen(Number(process.argv[2] ?? 1935), '127.0.0.1', () => {
  console.log(`listening rtmp://127.0.0.1:${(server.address() as net.AddressInfo).port}`)
})
