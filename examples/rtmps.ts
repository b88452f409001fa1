/**
 * RTMP over TLS. This example shows how to:
 *  1. serve rtmps on the port of rtmp, with the certificate of a file;
 *  2. replace that certificate without closing a connection: `kill -HUP`;
 *  3. connect as a client with its own authority. Without `ca` Node's authorities apply, and a server that none of them has signed
 *     is refused.
 *
 *   openssl req -x509 -newkey rsa:2048 -nodes -days 30 -subj /CN=localhost -addext subjectAltName=IP:127.0.0.1 -keyout key.pem -out cert.pem
 *   npm run build && node dist/examples/rtmps.js cert.pem key.pem [PORT]
 *   ffmpeg -re -i film.flv -c copy -f flv rtmps://127.0.0.1:1935/live/film
 */
import { readFileSync } from 'node:fs'
import type { AddressInfo } from 'node:net'
import { connect, createServer, isKeyframe, Refused } from 'rtmpipe'

const [cert, key, port = '1935'] = process.argv.slice(2)
if (cert === undefined || key === undefined) {
  console.error('usage: rtmps CERT.pem KEY.pem [PORT]')
  process.exit(2)
}
const read = () => ({ cert: readFileSync(cert), key: readFileSync(key) })

const server = createServer({ tls: read() }, session => {
  session.on('publish', publish => {
    if (session.scheme !== 'rtmps') throw new Refused('NetStream.Publish.Denied', 'TLS required')
    publish.accept().on('data', message => isKeyframe(message) && console.log(`keyframe at ${message.timestamp} ms`))
  })
})
server.on('sessionError', error => console.log(error.message))

process.on('SIGHUP', () => {
  server.setSecureContext(read())
  console.log('renewed')
})

server.listen(Number(port), '127.0.0.1', async () => {
  const url = `rtmps://127.0.0.1:${(server.address() as AddressInfo).port}`
  console.log(`listening ${url}`)
  const session = await connect(`${url}/live`, { tls: { ca: readFileSync(cert) } })
  console.log('connected, and verified')
  await session.close()
})
