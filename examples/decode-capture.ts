/**
 * The stages on a file instead of a socket. This example shows how to:
 *  1. start after the handshake, wherever the bytes come from;
 *  2. read every message of one side of a connection, commands decoded.
 *
 * The file holds what one side of an RTMP connection sent: in Wireshark "Follow TCP Stream", one direction, saved as raw.
 *
 *   npm run build && node dist/examples/decode-capture.js client.bin
 */
import { createReadStream } from 'node:fs'
import { pipeline } from 'node:stream/promises'
import {
  amfCommandParser,
  type Command,
  chunkDecoder,
  isCommand,
  type Message,
  MessageTypeId,
  messageAssembler,
  stage
} from 'rtmpipe'

const HANDSHAKE = 3073
const [file] = process.argv.slice(2)
if (file === undefined) {
  console.error('usage: decode-capture FILE')
  process.exit(2)
}

const names = new Map<number, string>(Object.entries(MessageTypeId).map(([name, id]) => [id, name]))

const inWords = stage<Message | Command, Buffer>(
  (item, push) => {
    const at = `${`${item.timestamp}`.padStart(8)} ms  stream ${item.messageStreamId}`
    if (isCommand(item))
      push(Buffer.from(`${at}  ${item.name}(${item.args.map(value => JSON.stringify(value)).join(', ')})\n`))
    else push(Buffer.from(`${at}  ${names.get(item.type) ?? `type ${item.type}`}, ${item.payload.length} bytes\n`))
  },
  { to: 'bytes' }
)

const chunks = chunkDecoder()
chunks.on('truncated', ({ missing }) => console.error(`cut, ${missing} bytes short`))
try {
  await pipeline(
    createReadStream(file, { start: HANDSHAKE }),
    chunks,
    messageAssembler(),
    amfCommandParser(),
    inWords(),
    process.stdout
  )
} catch (error) {
  // whoever reads us may have seen enough: decode-capture client.bin | head
  if ((error as NodeJS.ErrnoException).code !== 'EPIPE') throw error
}
