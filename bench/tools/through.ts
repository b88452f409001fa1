/**
 * `through PORT TO_PORT SECONDS`: what a joint between the two ports lets through. A publisher of 10 KB messages that is never
 * slow at the one end, somebody who counts at the other. Speaks to its reader as the load tool does.
 */
import net from 'node:net'
import { ChunkWriter, ClientHandshake, MessageWriter, ServerHandshake } from 'rtmpipe'

const [port, toPort, seconds] = process.argv.slice(2).map(Number)
const payload = Buffer.alloc(10_000, 0x61)
const cutter = new MessageWriter({ chunkSize: 4096 })
const writer = new ChunkWriter()
const messages = Array.from({ length: 100 }, (_, i) =>
  cutter.bytes({ type: 9, messageStreamId: 1, chunkStreamId: 6, timestamp: i * 40, payload }, writer)
)
const [first, again] = [Buffer.concat(messages), Buffer.concat(messages.slice(1))]

let received = 0
const sink = net.createServer({ noDelay: true }, socket => {
  const handshake = new ServerHandshake()
  let isOver = false
  socket
    .on('error', () => {})
    .on('data', (bytes: Buffer) => {
      received += bytes.length
      if (isOver) return
      const { reply, rest } = handshake.feed(bytes)
      if (reply !== undefined) socket.write(reply)
      isOver = rest !== undefined
    })
})

function publish(): void {
  const socket = net.connect(port!, '127.0.0.1').setNoDelay(true)
  const handshake = new ClientHandshake({ digest: 'simple' })
  socket.write(handshake.hello())
  let isOver = false
  socket.on('data', (bytes: Buffer) => {
    if (isOver) return
    const { reply, rest } = handshake.feed(bytes)
    if (reply !== undefined) socket.write(reply)
    isOver = rest !== undefined
    if (isOver) pour(first)
  })
  const pour = (bytes: Buffer) => {
    while (socket.write(bytes)) bytes = again
    socket.once('drain', () => pour(again))
  }
}

sink.listen(toPort, '127.0.0.1', publish)
setTimeout(() => {
  const before = received
  console.log('BEGIN')
  setTimeout(() => {
    console.log('END')
    console.log(JSON.stringify({ run: 1, dead: 0, win_s: seconds, rx_bytes: received - before, err: '' }))
    process.exit(0)
  }, seconds! * 1000)
}, 1500)
