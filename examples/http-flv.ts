/**
 * Live streams in browsers, by HTTP-FLV. This example shows how to:
 *  1. let viewers over HTTP and players over RTMP ask the same function;
 *  2. serve both on one port, with a page of your own beside;
 *  3. put the handler into a server of node:http, or into Express: `app.use(httpFlv(hearPlay))`.
 *
 *   npm run build && node dist/examples/http-flv.js [PORT]
 *   ffmpeg -re -i film.flv -c copy -f flv rtmp://127.0.0.1/live/film
 *   ffplay http://127.0.0.1:1935/live/film.flv        or mpegts.js in a page
 */
import type net from 'node:net'
import { pipeline } from 'node:stream'
import { createServer, type HttpPlay, httpFlv, LiveStreams, type Play } from 'rtmpipe'

const lives = new LiveStreams()
const report = (error?: Error | null) => error && console.log(error.message)

const hearPlay = async (play: Play | HttpPlay) => pipeline(await lives.play(play.path), play.accept(), report)
const watch = httpFlv(hearPlay, { origin: '*' })

const server = createServer(
  {
    http: (request, response) =>
      watch(request, response, () => response.end('publish to /live, watch /live/NAME.flv\n'))
  },
  session => {
    session.on('publish', async publish => pipeline(publish.accept(), await lives.publish(publish.path), report))
    session.on('play', hearPlay)
  }
)
server.on('sessionError', report)

server.listen(Number(process.argv[2] ?? 1935), '127.0.0.1', () => {
  console.log(`listening rtmp://127.0.0.1:${(server.address() as net.AddressInfo).port}`)
})
