/**
 * RTMP through HTTP, in your own web server. This example shows how to:
 *  1. let the tunnel answer its requests, and the rest of the server all others;
 *  2. serve its sessions like sockets: each is a Duplex of bytes, for a wire.
 *
 *   npm run build && node dist/examples/rtmpt-in-your-http-server.js [PORT]
 *   ffmpeg -re -i film.flv -c copy -f flv rtmpt://127.0.0.1:8080/live/film
 *   rtmpdump --live -r rtmpt://127.0.0.1:8080/live/film -o film-copy.flv
 *   curl http://127.0.0.1:8080/
 */
import http from 'node:http'
import type net from 'node:net'
import { pipeline } from 'node:stream'
import { LiveStreams, messageWire, serverSession, type TunnelSession, tunnelServer } from 'rtmpipe'

const lives = new LiveStreams()

const report = (error?: Error | null) => error && console.log(error.message)

function serve(bytes: TunnelSession): void {
  const wire = messageWire(bytes, { role: 'server' })
  const session = serverSession({ peer: `${bytes.remoteAddress}:${bytes.remotePort}` })
  session.on('publish', async publish => pipeline(publish.accept(), await lives.publish(publish.path), report))
  session.on('play', async play => pipeline(await lives.play(play.path), play.accept(), report))
  // a peer that leaves is no error, in whatever way it does
  pipeline([wire, session, wire], () => session.closeReason instanceof Error && report(session.closeReason))
}

const tunnel = tunnelServer(serve)

const server = http.createServer((request, response) => {
  tunnel(request, response, () => {
    response.end(`There is ${[...lives].map(([path]) => path).join(', ') || 'nothing'} to see.\n`)
  })
})

server.listen(Number(process.argv[2] ?? 8080), '127.0.0.1', () => {
  console.log(`listening rtmpt://127.0.0.1:${(server.address() as net.AddressInfo).port}`)
})
