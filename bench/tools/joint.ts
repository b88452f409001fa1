/** `joint PORT TO_PORT waist|raw`: a proxy of messages at chunk size 4096, or of bytes. */
import net from 'node:net'
import { createWireServer, messageWire, proxy } from 'rtmpipe'

const [port, toPort, kind] = process.argv.slice(2)
const far = () => net.connect(Number(toPort), '127.0.0.1').setNoDelay(true)

const server =
  kind === 'waist'
    ? createWireServer({ chunkSize: 4096 }, wire => {
        void proxy(wire, messageWire(far(), { role: 'client', chunkSize: 4096 }))
      })
    : net.createServer({ noDelay: true }, near => {
        const other = far()
        near.on('error', () => {}).pipe(other)
        other.on('error', () => {}).pipe(near)
      })
server.listen(Number(port), '127.0.0.1')
