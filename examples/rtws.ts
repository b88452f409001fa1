/**
 * RTWebSocket in browsers: a page that publishes a canvas and plays it, by WebCodecs. This example shows how to:
 *  1. serve RTWebSocket on the port of RTMP, with a page beside;
 *  2. speak it in a browser without a library: see rtws/flows.js and rtws/connection.js.
 *
 *   npm run build && node dist/examples/rtws.js [PORT]
 *   http://127.0.0.1:1935/#film            the page
 *   ffplay rtmp://127.0.0.1/live/film      what it publishes; or publish by RTMP what it plays
 */
import { readFileSync } from 'node:fs'
import type { RequestListener } from 'node:http'
import type net from 'node:net'
import { pipeline } from 'node:stream'
import { createServer, LiveStreams, type Server } from 'rtmpipe'
import { rtws } from 'rtmpipe/ws'

const lives = new LiveStreams()
const report = (error?: Error | null) => error && console.log(error.message)

const files = new URL('../../examples/rtws/', import.meta.url)
const page: RequestListener = (request, response) => {
  const name = request.url === '/' ? 'page.html' : request.url?.slice(1)
  if (!['page.html', 'page.js', 'connection.js', 'flows.js', 'amf0.js'].includes(name!)) {
    response.writeHead(404).end('not found\n')
    return
  }
  response.setHeader('Content-Type', name === 'page.html' ? 'text/html' : 'text/javascript')
  response.end(readFileSync(new URL(name!, files)))
}

const upgrade = rtws((wire, source) => {
  server.host.accept(wire, source)
})
const server: Server = createServer({ http: page, upgrade }, session => {
  session.on('publish', async publish => pipeline(publish.accept(), await lives.publish(publish.path), report))
  session.on('play', async play => pipeline(await lives.play(play.path), play.accept(), report))
})
server.on('sessionError', report)

server.listen(Number(process.argv[2] ?? 1935), '127.0.0.1', () => {
  console.log(`listening rtmp://127.0.0.1:${(server.address() as net.AddressInfo).port}`)
})
