/**
 * A player. This example shows how to:
 *  1. read a stream message by message, with `for await`;
 *  2. inspect messages: keyframes and metadata;
 *  3. write another stream of the same session into a file.
 *
 *   npm run build && node dist/examples/play.js rtmp://127.0.0.1/live film copy.flv
 */
import { createWriteStream } from 'node:fs'
import { pipeline } from 'node:stream/promises'
import { connect, flvEncoder, isKeyframe, isMetadata, type Message, readData } from 'rtmpipe'

const [app, name, file] = process.argv.slice(2)
if (app === undefined || name === undefined || file === undefined) {
  console.error('usage: play APP-URL NAME FILE')
  process.exit(2)
}

await using session = await connect(app)

async function watch(messages: AsyncIterable<Message>): Promise<void> {
  for await (const message of messages) {
    if (isMetadata(message)) console.log(readData(message)[1])
    if (isKeyframe(message)) console.log(`keyframe at ${message.timestamp} ms`)
  }
}

await Promise.all([
  watch(await session.play(name)),
  pipeline(await session.play(name), flvEncoder(), createWriteStream(file))
])
console.log('played')
