/**
 * Live streams in browsers beside your own pages in Fastify. This example shows how to:
 *  1. hand a request and its reply to httpFlv(), which answers it;
 *  2. serve the same streams over WebSocket on the same port;
 *  3. answer 404 for a stream that is not published.
 *
 *   npm run build && node dist/examples/http-flv-fastify.js [HTTP-PORT] [RTMP-PORT]
 *   ffmpeg -re -i film.flv -c copy -f flv rtmp://127.0.0.1/live/film
 *   ffplay http://127.0.0.1:8080/live/film.flv        or mpegts.js in a page, ws://127.0.0.1:8080/live/film.flv too
 */
import type { AddressInfo } from 'node:net'
import { pipeline } from 'node:stream'
import { fastify } from 'fastify'
import { createServer, type HttpPlay, httpFlv, LiveStreams } from 'rtmpipe'
import { wsFlv } from 'rtmpipe/ws'

const lives = new LiveStreams()
const report = (error?: Error | null) => error && console.log(error.message)

const rtmp = createServer(session => {
  session.on('publish', async publish => pipeline(publish.accept(), await lives.publish(publish.path), report))
})

const hearPlay = async (play: HttpPlay) =>
  pipeline(await lives.play(play.path, { missing: 'refuse' }), play.accept(), report)

const watch = httpFlv(hearPlay)
const app = fastify()
app.get('/', () => 'watch /live/NAME.flv\n')
app.get('/live/*', (request, reply) => {
  reply.hijack()
  watch(request.raw, reply.raw)
})
app.server.on('upgrade', wsFlv(hearPlay))

console.log(`listening ${await app.listen({ port: Number(process.argv[2] ?? 8080), host: '127.0.0.1' })}/`)
rtmp.listen(Number(process.argv[3] ?? 1935), '127.0.0.1', () => {
  console.log(`listening rtmp://127.0.0.1:${(rtmp.address() as AddressInfo).port}/live`)
})
