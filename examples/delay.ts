/**
 * Each stream a second time, some seconds late. This example shows how to:
 *  1. leave a reader behind: it holds nothing, the stream's ring does, once for all readers;
 *  2. go on in real time by pace(), which keeps the distance;
 *  3. size the ring for it.
 *
 *   npm run build && node dist/examples/delay.js [SECONDS [PORT]]         10 seconds; a minute at most
 *   ffmpeg -re -i film.flv -c copy -f flv rtmp://127.0.0.1/live/film
 *   ffplay rtmp://127.0.0.1/late/film
 */
import { once } from 'node:events'
import type net from 'node:net'
import { pipeline } from 'node:stream'
import { setTimeout as wait } from 'node:timers/promises'
import { createServer, type LiveStream, LiveStreams, pace, Refused } from 'rtmpipe'

const [seconds = '10', port = '1935'] = process.argv.slice(2)
const lateMs = Number(seconds) * 1000
const lives = new LiveStreams({ maxMs: lateMs + 20_000, maxBytes: 64 * 2 ** 20, mergeMs: 40 })
const late = new Set<LiveStream>()
const report = (error?: Error | null) => error && console.log(error.message)

async function repeat(live: LiveStream, path: string): Promise<void> {
  const reader = live.subscribe({ maxLagMs: lateMs + 10_000 })
  reader.on('gap', ({ ms }) => console.log(`${ms} ms left out`))
  late.add(live)
  await once(reader, 'readable')
  await wait(lateMs)
  const repeated = lives.get(path)
  pipeline(reader, pace(), repeated.input(), error => {
    report(error)
    late.delete(live)
    repeated.close()
    console.log(`repeated ${path}`)
  })
}

const server = createServer(session => {
  session.on('publish', async publish => {
    if (publish.app !== 'live') throw new Refused('NetStream.Publish.Denied', 'publish to /live')
    pipeline(publish.accept(), await lives.publish(publish.path), report)
    const live = lives.get(publish.path)
    if (!late.has(live)) void repeat(live, `late/${publish.name}`).catch(report)
  })
  session.on('play', async play => pipeline(await lives.play(play.path), play.accept(), report))
})
server.on('sessionError', report)

server.listen(Number(port), '127.0.0.1', () => {
  console.log(`listening rtmp://127.0.0.1:${(server.address() as net.AddressInfo).port}`)
})
