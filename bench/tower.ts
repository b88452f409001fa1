/**
 * The tower wired by hand beside the fused wire, on the same bytes in the same run: what the stages cost, in CPU time a message.
 */
import { type Duplex, duplexPair, Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import {
  ChunkWriter,
  ClientHandshake,
  chunkDecoder,
  chunkEncoder,
  handshakeStream,
  type Message,
  MessageWriter,
  messageAssembler,
  messageChunker,
  messageWire,
  mirror,
  windowAcknowledger
} from 'rtmpipe'
import type { Result } from './result.ts'

const MESSAGES = 20_000
const BODY = 10_000
const ROUNDS = 5

const random = (length: number) => Buffer.alloc(length, 7)
const message = (timestamp: number): Message => ({
  type: 9,
  messageStreamId: 1,
  chunkStreamId: 6,
  timestamp,
  payload: Buffer.alloc(BODY, 0x61)
})

function tower(lower: Duplex, chunkSize: number): Duplex {
  const plain = handshakeStream(lower)
  const chunks = windowAcknowledger(mirror(chunkEncoder(), plain, chunkDecoder()), { received: 3073 })
  return mirror(messageChunker({ chunkSize }), chunks, messageAssembler())
}
const fused = (lower: Duplex, chunkSize: number): Duplex => messageWire(lower, { chunkSize })
type Wire = typeof tower

/** What a publisher sends, in reads of 64 KB. */
function* published(chunkSize: number, count: number): Generator<Buffer> {
  yield Buffer.concat([new ClientHandshake({ random }).hello(), Buffer.alloc(1536)])
  const cutter = new MessageWriter({ chunkSize })
  const writer = new ChunkWriter()
  let waiting: Buffer[] = []
  let length = 0
  for (let i = 0; i < count; i++) {
    const bytes = cutter.bytes(message(i * 40), writer)
    waiting.push(bytes)
    length += bytes.length
    if (length < 65_536) continue
    const all = Buffer.concat(waiting)
    const whole = all.length - (all.length % 65_536)
    for (let at = 0; at < whole; at += 65_536) yield all.subarray(at, at + 65_536)
    waiting = [all.subarray(whole)]
    length = all.length - whole
  }
  yield* waiting
}

async function ingest(make: Wire, chunkSize: number): Promise<number> {
  const pieces = [...published(chunkSize, MESSAGES)]
  const [near, far] = duplexPair() as [Duplex, Duplex]
  const wire = make(near, chunkSize)
  far.resume()
  const begun = process.cpuUsage()
  const writing = pipeline(Readable.from(pieces), far).catch(() => {})
  let heard = 0
  for await (const _ of wire) if (++heard === MESSAGES) break
  const { user, system } = process.cpuUsage(begun)
  far.destroy()
  await writing
  return ((user + system) * 1000) / MESSAGES
}

async function serve(make: Wire, chunkSize: number): Promise<number> {
  const [near, far] = duplexPair() as [Duplex, Duplex]
  const wire = make(near, chunkSize)
  wire.on('error', () => {}).resume()
  far.write(Buffer.concat([new ClientHandshake({ random }).hello(), Buffer.alloc(1536)]))
  const messages = Array.from({ length: MESSAGES }, (_, i) => message(i * 40))
  const begun = process.cpuUsage()
  far.resume()
  await pipeline(Readable.from(messages), wire)
  const { user, system } = process.cpuUsage(begun)
  return ((user + system) * 1000) / MESSAGES
}

const median = (values: number[]) => values.sort((a, b) => a - b)[Math.floor(values.length / 2)]!

const told = (ns: number) => `${(ns / 1000).toFixed(1)} µs, ${((BODY * 1000) / ns).toFixed(0)} MB/s`

export async function* towers({ isQuick }: { readonly isQuick: boolean }): AsyncIterable<Result> {
  for (const [name, work] of [
    ['ingest', ingest],
    ['one player', serve]
  ] as const) {
    for (const chunkSize of [128, 4096, 65536]) {
      const times: Record<'fused' | 'tower', number[]> = { fused: [], tower: [] }
      for (let round = 0; round < (isQuick ? 3 : ROUNDS); round++) {
        times.fused.push(await work(fused, chunkSize))
        times.tower.push(await work(tower, chunkSize))
      }
      const [one, other] = [median(times.fused), median(times.tower)]
      const what = `${name}, 10 KB messages, chunk size ${chunkSize}`
      const ratio = (other / one).toFixed(2)
      yield { what, ours: `by hand ${told(other)}`, against: 'fused wire', theirs: told(one), ratio, target: '<= 1.50' }
    }
  }
}
