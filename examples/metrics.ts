/**
 * A live server with figures for Prometheus. This example shows how to:
 *  1. put the metrics of sessions and streams on a registry of prom-client, beside those of the process;
 *  2. answer `GET /metrics` on the port of RTMP;
 *  3. follow sessions by diagnostics_channel, without a change of the code that serves them.
 *
 *   npm install prom-client
 *   npm run build && node dist/examples/metrics.js [PORT]
 *   ffmpeg -re -i film.flv -c copy -f flv rtmp://127.0.0.1/live/film
 *   curl http://127.0.0.1:1935/metrics
 *   NODE_DEBUG=rtmpipe node dist/examples/metrics.js        prints what every session says and hears
 */
import { subscribe } from 'node:diagnostics_channel'
import type net from 'node:net'
import { pipeline } from 'node:stream'
import { collectDefaultMetrics, Registry } from 'prom-client'
import { createServer, type DiagnosticsChannels, LiveStreams } from 'rtmpipe'
import { collectMetrics } from 'rtmpipe/metrics'

const lives = new LiveStreams()

const report = (error?: Error | null) => error && console.log(error.message)

const server = createServer(
  {
    async http({ url }, response) {
      if (url !== '/metrics') return response.writeHead(404).end()
      response.setHeader('Content-Type', registry.contentType).end(await registry.metrics())
    }
  },
  session => {
    session.on('publish', async publish => pipeline(publish.accept(), await lives.publish(publish.path), report))
    session.on('play', async play => pipeline(await lives.play(play.path), play.accept(), report))
  }
)
server.on('sessionError', report)

const registry = new Registry()
collectMetrics(registry, { host: server, streams: lives })
collectDefaultMetrics({ register: registry })

subscribe('rtmpipe:session:end', message => {
  const { session, reason } = message as DiagnosticsChannels['rtmpipe:session:end']
  const { bytesIn, bytesOut, uptimeMs } = session.stats()
  console.log(`session ended after ${Math.round(uptimeMs)} ms: ${reason}, ${bytesIn} bytes in, ${bytesOut} bytes out`)
})

server.listen(Number(process.argv[2] ?? 1935), '127.0.0.1', () => {
  console.log(`listening rtmp://127.0.0.1:${(server.address() as net.AddressInfo).port}`)
})
