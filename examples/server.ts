/**
 * A live server in ten lines. This example shows how to:
 *  1. keep a table of live streams, each of which is there while somebody publishes or plays it;
 *  2. pass what is published to every player;
 *  3. log errors, which never end the server.
 *
 *   npm run build && node dist/examples/server.js [PORT]
 *   ffmpeg -re -i film.flv -c copy -f flv rtmp://127.0.0.1/live/film
 *   ffplay rtmp://127.0.0.1/live/film
 */
import type net from 'node:net'
import { pipeline } from 'node:stream'
import { createServer, LiveStreams } from 'rtmpipe'

const lives = new LiveStreams()

const report = (error?: Error | null) => error && console.log(error.message)

const server = createServer(session => {
  session.on('publish', async publish => pipeline(publish.accept(), await lives.publish(publish.path), report))
  session.on('play', async play => pipeline(await lives.play(play.path), play.accept(), report))
})
server.on('sessionError', report)

server.listen(Number(process.argv[2] ?? 1935), '127.0.0.1', () => {
  console.log(`listening rtmp://127.0.0.1:${(server.address() as net.AddressInfo).port}`)
})
