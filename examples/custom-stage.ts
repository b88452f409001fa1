/**
 * Three ways to write a stage, in one pipeline from file to file. This example shows how to:
 *  1. make a stage from a function: here, one that passes only keyframes and sequence headers of the video;
 *  2. make a stage as a class, if it has state: here, one that counts;
 *  3. use any Transform of Node: here, one that delays by 40 ms.
 *
 *   npm run build && node dist/examples/custom-stage.js in.flv out.flv
 */
import { createReadStream, createWriteStream } from 'node:fs'
import { Transform } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { flvDecoder, flvEncoder, isKeyframe, isSequenceHeader, isVideo, type Message, Stage, stage } from 'rtmpipe'

const onlyKeyframes = stage<Message, Message>((message, push) => {
  if (!isVideo(message) || isKeyframe(message) || isSequenceHeader(message)) push(message)
})

class Count extends Stage<Message, Message> {
  keyframes = 0
  protected override turn(message: Message) {
    if (isKeyframe(message)) this.keyframes++
    this.push(message)
  }
}

const late = new Transform({
  objectMode: true,
  transform: (message: Message, _encoding, done) => done(null, { ...message, timestamp: message.timestamp + 40 })
})

const [from, to] = process.argv.slice(2)
if (from === undefined || to === undefined) {
  console.error('usage: custom-stage IN.flv OUT.flv')
  process.exit(2)
}
const count = new Count()
await pipeline(createReadStream(from), flvDecoder(), onlyKeyframes(), count, late, flvEncoder(), createWriteStream(to))
console.log(`${count.keyframes} keyframes`)
