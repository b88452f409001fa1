/** `floor PORT FEED_PORT BATCH_MS`: bare sockets. What comes in at the feed goes to all that have come to the port. */
import net, { type Socket } from 'node:net'

const [port, feedPort, batchMs] = process.argv.slice(2).map(Number)
const sockets = new Set<Socket>()
let waiting: Buffer[] = []

const send = (bytes: Buffer) => {
  for (const socket of sockets) socket.write(bytes)
}

net
  .createServer({ noDelay: true }, socket => {
    sockets.add(socket.resume())
    socket.on('error', () => {}).once('close', () => sockets.delete(socket))
  })
  .listen({ port: port!, host: '127.0.0.1', backlog: 1024 })

net.createServer(feed => feed.on('data', bytes => void (batchMs ? waiting.push(bytes) : send(bytes)))).listen(feedPort)

if (batchMs) {
  setInterval(() => {
    if (waiting.length > 0) send(Buffer.concat(waiting))
    waiting = []
  }, batchMs)
}
