/**
 * What each codec and stage takes by itself: CPU ns a message of 10 KB, and MB/s, median of five; then RTMFP's packets, the key
 * exchanges that open a session, live media through sessions, and datagrams on loopback. `npm run bench:stages`
 */
import { type Duplex, Readable, Writable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import {
  BatchChunks,
  ChunkReader,
  ChunkWriter,
  chunkDecoder,
  chunkEncoder,
  FlvReader,
  FlvWriter,
  flvDecoder,
  flvEncoder,
  keyframeGate,
  MediaState,
  type Message,
  MessageBatch,
  MessageReader,
  MessageWriter,
  messageAssembler,
  messageChunker,
  timestampRepair
} from 'rtmpipe'
import type { DiffieHellmanGroup } from '../lib/crypto/diffie-hellman.ts'
import { RandomAccess } from '../lib/media/random-access.ts'
import { Identity } from '../lib/rtmfp/crypto/identity.ts'
import { Initiation, respond } from '../lib/rtmfp/crypto/key-agreement.ts'
import { PacketOpener } from '../lib/rtmfp/crypto/packet-opener.ts'
import { PacketSealer } from '../lib/rtmfp/crypto/packet-sealer.ts'
import { defaultTerms } from '../lib/rtmfp/crypto/terms.ts'
import { ReceiveBuffer } from '../lib/rtmfp/flow/receive-buffer.ts'
import type { RtmfpChunk } from '../lib/rtmfp/wire/chunk.ts'
import { readPacket, writePacket } from '../lib/rtmfp/wire/packet.ts'
import type { UserData } from '../lib/rtmfp/wire/user-data.ts'
import { tellDatagrams } from './datagrams.ts'
import { tellPackets } from './packets.ts'

const COUNT = 5000
const payload = Buffer.concat([Buffer.from([0x17, 1, 0, 0, 0]), Buffer.alloc(9995, 0x61)])
const messages: Message[] = Array.from({ length: COUNT }, (_, i) => ({
  type: 9,
  messageStreamId: 1,
  chunkStreamId: 6,
  timestamp: i * 40,
  payload
}))

function reads(bytes: Buffer): Buffer[] {
  return Array.from({ length: Math.ceil(bytes.length / 65_536) }, (_, i) =>
    bytes.subarray(i * 65_536, (i + 1) * 65_536)
  )
}

function written(chunkSize: number): Buffer[] {
  const cutter = new MessageWriter({ chunkSize })
  const writer = new ChunkWriter()
  return messages.map(message => cutter.bytes(message, writer))
}

function readAll(pieces: readonly Buffer[]): void {
  const chunks = new ChunkReader()
  const reader = new MessageReader()
  for (const piece of pieces) {
    chunks.feed(piece)
    while (chunks.next()) reader.add(chunks.header, chunks.source, chunks.start, chunks.end, chunks.last)
  }
}

const nothing = () => new Writable({ objectMode: true, write: (_item, _encoding, done) => done() })
const through = (items: readonly unknown[], ...stages: Duplex[]) =>
  pipeline([Readable.from(items), ...stages, nothing()])

async function tell(name: string, work: () => unknown, bytes = payload.length): Promise<void> {
  const times: number[] = []
  for (let round = 0; round < 6; round++) {
    const begun = process.cpuUsage()
    await work()
    const { user, system } = process.cpuUsage(begun)
    if (round > 0) times.push(((user + system) * 1000) / COUNT)
  }
  const ns = times.sort((a, b) => a - b)[2]!
  console.log(`| ${name} | ${ns.toFixed(0)} | ${((bytes * 1000) / ns).toFixed(0)} |`)
}

console.log('| what | ns a message | MB/s |\n| --- | --- | --- |')
for (const chunkSize of [128, 4096, 65_536]) {
  const pieces = reads(Buffer.concat(written(chunkSize)))
  await tell(`ChunkReader, MessageReader, ${chunkSize}`, () => readAll(pieces))
  await tell(`MessageWriter, ChunkWriter, ${chunkSize}`, () => written(chunkSize))
  await tell(`chunkDecoder, messageAssembler, ${chunkSize}`, () => through(pieces, chunkDecoder(), messageAssembler()))
  await tell(`messageChunker, chunkEncoder, ${chunkSize}`, () =>
    through(messages, messageChunker({ chunkSize }), chunkEncoder())
  )
}
await tell('MessageBatch.encoded', () =>
  messages.map(message => new MessageBatch([message]).encoded(new BatchChunks(65_536, 1)))
)
const writer = new FlvWriter()
const file = reads(Buffer.concat([...writer.begin(messages[0]), ...messages.flatMap(message => writer.write(message))]))
await tell('FlvWriter', () => messages.map(message => writer.write(message)))
await tell('FlvReader', () => {
  const reader = new FlvReader()
  for (const piece of file) for (const _ of reader.messages(piece));
})
await tell('flvEncoder', () => through(messages, flvEncoder()))
await tell('flvDecoder', () => through(file, flvDecoder()))
await tell('no stage at all', () => through(messages))
await tell('keyframeGate', () => through(messages, keyframeGate()))
await tell('timestampRepair', () => through(messages, timestampRepair()))
const frames = {
  legacy: payload,
  Enhanced: Buffer.concat([Buffer.from([0xa1]), Buffer.from('hvc1'), payload]),
  multitrack: Buffer.concat([Buffer.from([0xa6, 1]), Buffer.from('hvc1'), Buffer.of(1), payload]),
  ModEx: Buffer.concat([Buffer.from([0xa7, 2, 0, 0, 1, 1]), Buffer.from('hvc1'), payload])
}
for (const [name, frame] of Object.entries(frames)) {
  const noted = messages.map(message => ({ ...message, payload: frame }))
  await tell(`RandomAccess, MediaState, 20 times, ${name}`, () => {
    for (let time = 0; time < 20; time++) {
      const access = new RandomAccess()
      const state = new MediaState()
      for (const message of noted) {
        access.note(message)
        state.note(message)
      }
    }
  })
}

console.log('\n| what | ns a packet | MB/s |\n| --- | --- | --- |')
const [key, hmacKey] = [Buffer.alloc(32, 1), Buffer.alloc(32, 2)]
for (const hmacLength of [0, 16]) {
  for (const isSequenced of [false, true]) {
    for (const bytes of [100, 1200]) {
      const protection = { key, hmacKey, hmacLength, isSequenced }
      const packets = Array.from({ length: COUNT }, () => Buffer.alloc(bytes, 0x61))
      const name = `${hmacLength === 0 ? 'checksum' : 'HMAC'}${isSequenced ? ', numbered' : ''}, ${bytes} bytes`
      const sealer = new PacketSealer(protection)
      await tell(`PacketSealer, ${name}`, () => packets.forEach(packet => void sealer.seal(packet, 4)), bytes)
      const sealed = packets.map(packet => new PacketSealer(protection).seal(packet))
      const opener = new PacketOpener(protection)
      await tell(`PacketOpener, ${name}`, () => sealed.forEach(packet => void opener.open(packet)), bytes)
    }
  }
}
const header = { mode: 1, timeCritical: true, timeCriticalReverse: false, timestamp: 1, timestampEcho: 2 } as const
const fragment = (sequenceNumber: number, length: number): UserData => ({
  kind: 'UserData',
  flowId: 5,
  sequenceNumber,
  forwardSequenceNumber: sequenceNumber - 1,
  fragmentControl: 'whole',
  abandon: false,
  final: false,
  options: [],
  data: payload.subarray(0, length)
})
const acknowledged = { kind: 'RangeAck', flowId: 5, bufferBlocksAvailable: 16_383, cumulativeAck: 1000 } as const
const chunkLists: Record<string, readonly RtmfpChunk[]> = {
  'User Data, 1161 bytes': [fragment(1000, 1161)],
  'User Data and 3 Next, 100 bytes each': Array.from({ length: 4 }, (_, i) => ({
    ...fragment(1000, 100),
    kind: i === 0 ? 'UserData' : 'NextUserData',
    sequenceNumber: 1000 + i
  })),
  'Range Ack': [{ ...acknowledged, received: [] }],
  'Range Ack, 8 gaps': [
    { ...acknowledged, received: Array.from({ length: 8 }, (_, i) => [1002 + 4 * i, 1004 + 4 * i]) }
  ]
}
for (const [name, chunks] of Object.entries(chunkLists)) {
  const bytes = writePacket({ ...header, chunks })
  const rounds = Array.from({ length: COUNT })
  await tell(`writePacket, ${name}`, () => rounds.forEach(() => void writePacket({ ...header, chunks })), bytes.length)
  await tell(`readPacket, ${name}`, () => rounds.forEach(() => void readPacket(bytes)), bytes.length)
}
const fragments = Array.from({ length: COUNT }, (_, i) => fragment(i + 1, 1161))
await tell(
  'ReceiveBuffer, whole messages, 1161 bytes',
  () => {
    const buffer = new ReceiveBuffer()
    for (const each of fragments) {
      buffer.add(each)
      buffer.take()
    }
  },
  1161
)

const cpuMs = () => (process.cpuUsage().user + process.cpuUsage().system) / 1000
console.log('\n| key agreement | initiator, CPU ms | responder, CPU ms |\n| --- | --- | --- |')
const groups: readonly DiffieHellmanGroup[] = [2, 5, 14, 16]
for (const group of groups) {
  const [near, far] = [new Identity({ groups: [group], isStatic: true }), new Identity({ groups: [group] })]
  const times: [number, number][] = []
  for (let round = 0; round < 21; round++) {
    const begun = cpuMs()
    const initiation = new Initiation(near, far.certificate, { terms: defaultTerms })
    const asked = cpuMs()
    const { skrc } = respond(far, near.certificate, initiation.component, { terms: defaultTerms })
    const answered = cpuMs()
    initiation.agree(skrc)
    times.push([asked - begun + cpuMs() - answered, answered - asked])
  }
  const [initiator, responder] = [0, 1].map(i =>
    times
      .map(each => each[i]!)
      .sort((a, b) => a - b)[10]!
      .toFixed(2)
  )
  console.log(`| group ${group}, static initiator | ${initiator} | ${responder} |`)
}

tellPackets()
await tellDatagrams()
