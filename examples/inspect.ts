/**
 * A ledger of chunks. This example shows how to:
 *  1. read one direction of a connection, chunk by chunk, below the messages;
 *  2. tap the chunks on their way, and continue with the messages they form;
 *  3. print what a command requests.
 *
 *   npm run build && node dist/examples/inspect.js client.bin       one side of a connection, its handshake first
 */
import { createReadStream } from 'node:fs'
import { Writable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import {
  amfCommandParser,
  type Chunk,
  type Command,
  chunkDecoder,
  isCommand,
  type Message,
  messageAssembler,
  tap
} from 'rtmpipe'

const [file] = process.argv.slice(2)
if (file === undefined) {
  console.error('usage: inspect FILE')
  process.exit(2)
}
const HANDSHAKE = 1 + 2 * 1536

const ledger = new Writable({
  objectMode: true,
  write({ header, payload, byteLength }: Chunk, _encoding, done) {
    const { format, chunkStreamId, type } = header
    console.log(
      `chunk format ${format}, chunk stream ${chunkStreamId}, type ${type}: ${payload.length} of ${byteLength} bytes`
    )
    done()
  }
})

async function commands(items: AsyncIterable<Message | Command>): Promise<void> {
  for await (const item of items) if (isCommand(item)) console.log(`${item.name}, transaction ${item.transactionId}`)
}

await pipeline(
  createReadStream(file, { start: HANDSHAKE }),
  chunkDecoder(),
  tap<Chunk>(ledger, { wait: true }),
  messageAssembler(),
  amfCommandParser(),
  commands
)
