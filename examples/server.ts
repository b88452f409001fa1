/**
 * A live server in ten lines. This example shows how to:
 *  1. keep the table of live streams, which the library leaves to the application;
 *  2. hand what is published to whoever plays it;
 *  3. hear of what goes wrong, which never ends the server.
 *
 *   npm run build && node dist/examples/server.js [PORT]
 *   ffmpeg -re -i film.flv -c copy -f flv rtmp://127.0.0.1/live/film
 *   ffplay rtmp://127.0.0.1/live/film
 */
import type net from 'node:net'
import { pipeline } from 'node:stream'
import { createServer, LiveStream } from 'rtmpipe'

const lives = new Map<string, LiveStream>()

function live(path: string): LiveStream {
  const found = lives.get(path) ?? new LiveStream().once('idle', () => lives.delete(path))
  lives.set(path, found)
  return found
}

const report = (error?: Error | null) => error && console.log(error.message)

const server = createServer(session => {
  session.on('publish', publish => pipeline(publish.accept(), live(publish.path).input(), report))
  session.on('play', play => pipeline(live(play.path).player(), play.accept(), report))
})
server.on('sessionError', report)

server.listen(Number(process.argv[2] ?? 1935), '127.0.0.1', () => {
  console.log(`listening rtmp://127.0.0.1:${(server.address() as net.AddressInfo).port}`)
})
