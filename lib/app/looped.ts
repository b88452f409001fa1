import { createReadStream } from 'node:fs'
import { flvDecoder, isMetadata, isSequenceHeader, type Message } from '../index.ts'

/** Milliseconds from the last frame of a round to the first of the next. */
const FRAME_MS = 40

/** The messages of an FLV file repeatedly, with continuous timestamps; sequence headers and metadata once. */
export async function* looped(file: URL | string): AsyncGenerator<Message, void> {
  for (let shift = 0, round = 0; ; round++) {
    const times: number[] = []
    for await (const message of createReadStream(file).pipe(flvDecoder())) {
      const isState = isMetadata(message) || isSequenceHeader(message)
      if (isState && round > 0) continue
      if (!isState) times.push(message.timestamp)
      yield { ...message, timestamp: (message.timestamp + shift) >>> 0 }
    }
    if (times.length === 0) return
    shift += times.reduce((a, b) => Math.max(a, b)) - times.reduce((a, b) => Math.min(a, b)) + FRAME_MS
  }
}
