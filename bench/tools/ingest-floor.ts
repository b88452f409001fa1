/** `ingest-floor PORT`: bare sockets, read and counted. */
import net from 'node:net'

let bytes = 0
net
  .createServer(socket => {
    socket
      .on('error', () => {})
      .on('data', (data: Buffer) => {
        bytes += data.length
      })
  })
  .listen({ port: Number(process.argv[2]), host: '127.0.0.1', backlog: 1024 })
process.once('SIGTERM', () => process.exit(bytes === 0 ? 1 : 0))
