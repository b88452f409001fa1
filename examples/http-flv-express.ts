/**
 * Live streams in browsers beside your own pages in Express. This example shows how to:
 *  1. mount httpFlv() as it is, a middleware;
 *  2. serve the same streams over WebSocket on the same port;
 *  3. answer 404 for a stream that is not published.
 *
 *   npm run build && node dist/examples/http-flv-express.js [HTTP-PORT] [RTMP-PORT]
 *   ffmpeg -re -i film.flv -c copy -f flv rtmp://127.0.0.1/live/film
 *   ffplay http://127.0.0.1:8080/live/film.flv        or mpegts.js in a page, ws://127.0.0.1:8080/live/film.flv too
 */
import type { AddressInfo } from 'node:net'
import { pipeline } from 'node:stream'
import express from 'express'
import { createServer, type HttpPlay, httpFlv, LiveStreams } from 'rtmpipe'
import { wsFlv } from 'rtmpipe/ws'

const lives = new LiveStreams()
const report = (error?: Error | null) => error && console.log(error.message)

const rtmp = createServer(session => {
  session.on('publish', async publish => pipeline(publish.accept(), await lives.publish(publish.path), report))
})

const hearPlay = async (play: HttpPlay) =>
  pipeline(await lives.play(play.path, { missing: 'refuse' }), play.accept(), report)

const app = express()
app.get('/', (_request, response) => void response.send('watch /live/NAME.flv\n'))
app.use(httpFlv(hearPlay))

const server = app.listen(Number(process.argv[2] ?? 8080), '127.0.0.1', () => {
  console.log(`listening http://127.0.0.1:${(server.address() as AddressInfo).port}/`)
})
server.on('upgrade', wsFlv(hearPlay))
rtmp.listen(Number(process.argv[3] ?? 1935), '127.0.0.1', () => {
  console.log(`listening rtmp://127.0.0.1:${(rtmp.address() as AddressInfo).port}/live`)
})
