/**
 * RTMP through HTTP, beside the pages of a server of one's own. This example shows how to:
 *  1. let the tunnel answer its requests, and the rest of the server all others;
 *  2. serve what comes through it like what comes from a socket: it is a Duplex of bytes, to lay a wire over.
 *
 *   npm run build && node dist/examples/rtmpt-in-your-http-server.js [PORT]
 *   ffmpeg -re -i film.flv -c copy -f flv rtmpt://127.0.0.1:8080/live/film
 *   rtmpdump --live -r rtmpt://127.0.0.1:8080/live/film -o film-copy.flv
 *   curl http://127.0.0.1:8080/
 */
import http from 'node:http'
import type net from 'node:net'
import { pipeline } from 'node:stream'
import { LiveStream, messageWire, serverSession, type TunnelSession, tunnelServer } from 'rtmpipe'

const lives = new Map<string, LiveStream>()

function live(path: string): LiveStream {
  const found = lives.get(path) ?? new LiveStream().once('idle', () => lives.delete(path))
  lives.set(path, found)
  return found
}

const report = (error?: Error | null) => error && console.log(error.message)

function serve(bytes: TunnelSession): void {
  const wire = messageWire(bytes, { role: 'server' })
  const session = serverSession({ peer: `${bytes.remoteAddress}:${bytes.remotePort}` })
  session.on('publish', publish => pipeline(publish.accept(), live(publish.path).input(), report))
  session.on('play', play => pipeline(live(play.path).player(), play.accept(), report))
  // a peer that leaves is no error, in whatever way it does
  pipeline([wire, session, wire], () => session.closeReason instanceof Error && report(session.closeReason))
}

const tunnel = tunnelServer(serve)

const server = http.createServer((request, response) => {
  tunnel(request, response, () => {
    response.end(`There is ${[...lives.keys()].join(', ') || 'nothing'} to see.\n`)
  })
})

server.listen(Number(process.argv[2] ?? 8080), '127.0.0.1', () => {
  console.log(`listening rtmpt://127.0.0.1:${(server.address() as net.AddressInfo).port}`)
})
