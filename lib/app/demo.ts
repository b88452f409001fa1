import { createReadStream } from 'node:fs'
import { Readable, type Writable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { flvDecoder, isMetadata, isSequenceHeader, type Message, pace } from '../index.ts'

/** A few seconds of a test picture and a beep. */
export const clip: URL = new URL('../../../assets/demo.flv', import.meta.url)

/** Publishes a file over and over, in real time, until the stream it is written to is destroyed. */
export async function loop(file: URL, to: Writable): Promise<void> {
  const messages: Message[] = await createReadStream(file).pipe(flvDecoder()).toArray()
  await pipeline(Readable.from(endless(messages)), pace(), to)
}

/** The frames again and again, each time behind the last; what decoders need once, once. */
function* endless(messages: readonly Message[]): Generator<Message> {
  const isState = (message: Message) => isMetadata(message) || isSequenceHeader(message)
  yield* messages.filter(isState)
  const frames = messages.filter(message => !isState(message))
  const times = frames.map(({ timestamp }) => timestamp)
  const length = Math.max(...times) - Math.min(...times) + 40
  for (let shift = 0; ; shift += length) {
    for (const frame of frames) yield { ...frame, timestamp: (frame.timestamp + shift) >>> 0 }
  }
}
