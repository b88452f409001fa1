/**
 * Three renditions of each stream, by one encoder. This example shows how to:
 *  1. read several streams from one program, each through a pipe of its own;
 *  2. end all of them when one fails, and restart the program, while the viewers stay;
 *  3. keep keyframes of all renditions at the same times, so that a player can change between them.
 *
 *   npm run build && node dist/examples/ladder.js [PORT [HEIGHT HEIGHT]]     heights of 720 and 480 by default
 *   ffmpeg -re -i film.flv -c copy -f flv rtmp://127.0.0.1/live/film
 *   ffplay rtmp://127.0.0.1/720p/film         or 480p/film, or audio/film
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import type net from 'node:net'
import { pipeline, type Readable, type Writable } from 'node:stream'
import { pipeline as piped } from 'node:stream/promises'
import { createServer, flvDecoder, flvEncoder, LiveStreams, Refused, Relay } from 'rtmpipe'

const [port = '1935', high = '720', low = '480'] = process.argv.slice(2)
const x264 = ['-c:v', 'libx264', '-preset', 'veryfast', '-force_key_frames', 'expr:gte(t,n_forced*2)', '-c:a', 'copy']
const renditions = new Map([
  [`${high}p`, ['-vf', `scale=-2:${high}`, '-b:v', '2500k', ...x264]],
  [`${low}p`, ['-vf', `scale=-2:${low}`, '-b:v', '1000k', ...x264]],
  ['audio', ['-vn', '-c:a', 'copy']]
])
const lives = new LiveStreams()
const report = (error?: Error | null) => error && console.log(error.message)

/** Rendition i leaves the program by descriptor 3 + i. */
function ladder(path: string, to: readonly string[]): Relay {
  const encode = [...renditions.values()].flatMap((options, i) => [...options, '-f', 'flv', `pipe:${3 + i}`])
  return new Relay(async (signal, is) => {
    const from = lives.find(path)
    if (!from?.isLive) return true
    const child = spawn('ffmpeg', ['-v', 'error', '-f', 'flv', '-i', 'pipe:0', ...encode], {
      stdio: ['pipe', 'ignore', 'inherit', ...to.map(() => 'pipe' as const)]
    })
    const closed = once(child, 'close')
    const outputs = to.map(async (each, i) =>
      piped(child.stdio[3 + i] as Readable, flvDecoder(), await lives.publish(each), { signal })
    )
    try {
      is('live')
      console.log(`ffmpeg is process ${child.pid}`)
      const source = from.subscribe({ maxLagMs: 2000 })
      await Promise.all([piped(source, flvEncoder(), child.stdin as Writable, { signal }), ...outputs, closed])
      return true
    } finally {
      child.kill('SIGKILL')
      await Promise.allSettled([...outputs, closed])
    }
  })
}

const relays = new Map<string, Relay>()

const server = createServer(session => {
  session.on('publish', async publish => {
    const { app, name, path } = publish
    if (app !== 'live') throw new Refused('NetStream.Publish.Denied', 'publish to /live')
    pipeline(publish.accept(), await lives.publish(path), report)
    // a publisher that has come back continues the stream
    if (relays.has(path)) return
    const to = [...renditions.keys()].map(rendition => `${rendition}/${name}`)
    const relay = ladder(path, to)
    relays.set(path, relay)
    relay.on('retrying', ({ error, ms }) => console.log(`${error?.message}, again in ${ms} ms`))
    relay.on('ended', () => {
      console.log(`encoded ${path}`)
      relays.delete(path)
      for (const each of to) lives.find(each)?.close()
    })
  })
  session.on('play', async play => pipeline(await lives.play(play.path), play.accept(), report))
})
server.on('sessionError', report)

server.listen(Number(port), '127.0.0.1', () => {
  console.log(`listening rtmp://127.0.0.1:${(server.address() as net.AddressInfo).port}`)
})
