/**
 * One port for every scheme, by hand; `createServer({ tls, tunnel: true })` does the same. This example shows how to:
 *  1. detect the protocol of a peer by its first byte, RTMP, TLS or HTTP, and pass the connection on unchanged;
 *  2. use Node's own servers, which do not listen here, to remove TLS and to join the posts of a tunnel into one Duplex;
 *  3. reach the same `serve` from every scheme, because it needs only a Duplex of bytes.
 *
 *   openssl req -x509 -newkey rsa:2048 -nodes -days 30 -subj /CN=localhost -addext subjectAltName=IP:127.0.0.1 -keyout key.pem -out cert.pem
 *   npm run build && node dist/examples/one-port.js cert.pem key.pem [PORT]
 *   ffmpeg -re -i film.flv -c copy -f flv rtmps://127.0.0.1:1935/live/film
 *   rtmpdump --live -r rtmpte://127.0.0.1:1935/live/film -o film-copy.flv
 *   curl http://127.0.0.1:1935/
 */
import { readFileSync } from 'node:fs'
import http from 'node:http'
import net from 'node:net'
import { type Duplex, pipeline } from 'node:stream'
import tls from 'node:tls'
import { LiveStreams, messageWire, serverSession, sniff, tunnelServer } from 'rtmpipe'

const [cert, key, port = '1935'] = process.argv.slice(2)
if (cert === undefined || key === undefined) {
  console.error('usage: one-port CERT.pem KEY.pem [PORT]')
  process.exit(2)
}

const lives = new LiveStreams()

const report = (error?: Error | null) => error && console.log(error.message)

function serve(bytes: Duplex): void {
  const wire = messageWire(bytes)
  const session = serverSession()
  session.on('publish', async publish => pipeline(publish.accept(), await lives.publish(publish.path), report))
  session.on('play', async play => pipeline(await lives.play(play.path), play.accept(), report))
  // a peer that leaves is no error, in whatever way it does
  pipeline([wire, session, wire], () => session.closeReason instanceof Error && report(session.closeReason))
}

const tunnel = tunnelServer(serve)
const web = http.createServer((request, response) => tunnel(request, response, () => response.end('Hello.\n')))
// rtmpdump built with GnuTLS fails on TLS 1.3
const secure = tls.createServer({ cert: readFileSync(cert), key: readFileSync(key), maxVersion: 'TLSv1.2' }, enter)
secure.on('tlsClientError', report)

async function enter(bytes: Duplex): Promise<void> {
  try {
    const spoken = await sniff(bytes)
    if (spoken === undefined) bytes.destroy()
    else if (spoken === 'tls') secure.emit('connection', bytes)
    else if (spoken === 'http') web.emit('connection', bytes)
    else serve(bytes)
  } catch (error) {
    bytes.destroy()
    report(error as Error)
  }
}

const server = net.createServer({ allowHalfOpen: true, noDelay: true }, enter)
server.listen(Number(port), '127.0.0.1', () => {
  console.log(`listening rtmp://127.0.0.1:${(server.address() as net.AddressInfo).port}`)
})
