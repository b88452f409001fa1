/**
 * The smallest layer, on both sides of a socket. This example shows how to:
 *  1. put a handshake over a socket: its output is the bytes after the handshake;
 *  2. write at once: data written before the end of the handshake waits for it.
 *
 *   npm run build && node dist/examples/echo-handshake.js
 */
import net from 'node:net'
import { pipeline } from 'node:stream'
import { handshakeStream } from 'rtmpipe'

const server = net.createServer({ allowHalfOpen: true }, socket => {
  const plain = handshakeStream(socket, { role: 'server' })
  plain.on('handshake', () => console.log(`server: the client's digest lies by scheme ${plain.digestScheme}`))
  pipeline(plain, plain, error => console.log(error ? `server: ${error.message}` : 'server: all echoed'))
})

server.listen(0, '127.0.0.1', () => {
  const { port } = server.address() as net.AddressInfo
  const plain = handshakeStream(net.connect({ port, host: '127.0.0.1', allowHalfOpen: true }), { role: 'client' })
  plain.on('data', bytes => console.log(`client: ${bytes}`))
  plain.on('close', () => server.close())
  plain.end('hello behind the handshake')
})
