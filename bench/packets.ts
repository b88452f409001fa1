/**
 * What live media costs in RTMFP: a group of pictures through flows, codec and encryption of one session, each by itself, and whole through
 * as many sessions as watch it. CPU of a packet, and of a GB that was written.
 */
import { ByteWriter } from '../lib/bytes/byte-writer.ts'
import { PacketOpener } from '../lib/rtmfp/crypto/packet-opener.ts'
import { PacketSealer } from '../lib/rtmfp/crypto/packet-sealer.ts'
import { Flows } from '../lib/rtmfp/flow/flows.ts'
import type { ReceivingFlow } from '../lib/rtmfp/flow/receiving-flow.ts'
import type { SendingFlow } from '../lib/rtmfp/flow/sending-flow.ts'
import { openPacket, sealDatagram } from '../lib/rtmfp/session/datagrams.ts'
import type { FlowChunks } from '../lib/rtmfp/session/flows.ts'
import { Timestamps } from '../lib/rtmfp/session/timestamps.ts'
import { type RtmfpPacket, writePacket } from '../lib/rtmfp/wire/packet.ts'
import { SESSION_ID_LENGTH } from '../lib/rtmfp/wire/session-id.ts'

/** 250 KB of video and 12 of audio: 2 s. */
const group: readonly Buffer[] = [
  Buffer.alloc(60_000, 1),
  ...Array.from({ length: 40 }, (_, i) => [Buffer.alloc(4800, i), Buffer.alloc(300, i)]).flat()
]
const GROUP_BYTES = group.reduce((sum, { length }) => sum + length, 0)
const ROOM = 1140
const protections = {
  HMAC: { key: Buffer.alloc(32, 1), hmacKey: Buffer.alloc(32, 2), hmacLength: 16, isSequenced: true },
  checksum: { key: Buffer.alloc(32, 1), hmacKey: Buffer.alloc(0), hmacLength: 0, isSequenced: false }
}
type Protection = (typeof protections)[keyof typeof protections]

/** One end of a session, without its endpoint. */
class End {
  readonly #timestamps = new Timestamps()
  readonly flows: Flows
  readonly #writer = new ByteWriter(1200)
  readonly #sealer: PacketSealer
  readonly #opener: PacketOpener
  messages = 0

  constructor(protection: Protection) {
    this.#sealer = new PacketSealer(protection)
    this.#opener = new PacketOpener(protection)
    const readable = (flow: ReceivingFlow) => {
      while (flow.read() !== undefined) this.messages++
    }
    this.flows = new Flows(
      { room: ROOM, certainRoom: ROOM, timestamps: this.#timestamps, wake() {} },
      { accept: () => ({ readable }) }
    )
  }

  write({ chunks, timeCritical, timeCriticalReverse }: FlowChunks): Buffer {
    const header = { mode: 1, timeCritical, timeCriticalReverse, ...this.#timestamps.stamp(0) } as const
    return writePacket({ ...header, chunks }, this.#writer)
  }

  seal(packet: Buffer): Buffer {
    return sealDatagram(this.#sealer, packet, 7)
  }

  open(datagram: Buffer): RtmfpPacket {
    return openPacket(this.#opener, datagram.subarray(SESSION_ID_LENGTH))!
  }

  take(...packets: RtmfpPacket[]): void {
    for (const packet of packets) {
      for (const chunk of packet.chunks) this.flows.receive(chunk, 0)
      this.flows.received(packet, 0)
    }
  }
}

type Row = readonly [ns: number, perGigabyte: number]

/** Adds up what parts of a program take. */
class Meter {
  readonly #us: Record<string, number> = {}
  packets = 0

  measure<Result>(name: string, work: () => Result): Result {
    const begun = process.cpuUsage()
    const result = work()
    const { user, system } = process.cpuUsage(begun)
    this.#us[name] = (this.#us[name] ?? 0) + user + system
    return result
  }

  rows(bytes: number): Record<string, Row> {
    return Object.fromEntries(
      Object.entries(this.#us).map(([name, us]) => [name, [(us * 1000) / this.packets, us / 1e6 / (bytes / 1e9)]])
    )
  }
}

interface Pair {
  readonly near: End
  readonly far: End
  readonly flow: SendingFlow
}

/** All packets that an end may send now. */
function filled({ flows }: End): FlowChunks[] {
  const found: FlowChunks[] = []
  for (let next = flows.fill(ROOM, 0); next; next = flows.fill(ROOM, 0)) found.push(next)
  return found
}

/** A group of pictures through all sessions at once, stage by stage. */
function passApart(pairs: readonly Pair[], meter: Meter): void {
  for (const message of group) {
    meter.measure('flows, sending', () => pairs.forEach(({ flow }) => void flow.write(message, 0)))
    for (let isLeft = true; isLeft; ) {
      const chunks = meter.measure('flows, sending', () => pairs.map(({ near }) => filled(near)))
      isLeft = chunks.some(({ length }) => length > 0)
      meter.packets += chunks.reduce((sum, { length }) => sum + length, 0)
      meter.measure('codec, sending', () =>
        pairs.forEach(({ near }, i) => {
          for (const each of chunks[i]!) near.write(each)
        })
      )
      // once more, as each is written over the one ahead of it
      const packets = pairs.map(({ near }, i) => chunks[i]!.map(each => Buffer.from(near.write(each))))
      const datagrams = meter.measure('crypto, sending', () =>
        pairs.map(({ near }, i) => packets[i]!.map(each => near.seal(each)))
      )
      const opened = meter.measure('crypto and codec, receiving', () =>
        pairs.map(({ far }, i) => datagrams[i]!.map(each => far.open(each)))
      )
      const answers = meter.measure('flows, receiving', () =>
        pairs.map(({ far }, i) =>
          opened[i]!.flatMap(packet => {
            far.take(packet)
            return filled(far)
          })
        )
      )
      const heard = pairs.map(({ near, far }, i) => answers[i]!.map(each => near.open(far.seal(far.write(each)))))
      meter.measure('flows, sending', () => pairs.forEach(({ near }, i) => void near.take(...heard[i]!)))
    }
  }
}

/** A group of pictures to all sessions, as a server sends it, and their acknowledgements. */
function passWhole(pairs: readonly Pair[], meter: Meter): void {
  for (const message of group) {
    let datagrams: Buffer[][] = []
    meter.measure('all, sending', () => pairs.forEach(({ flow }) => void flow.write(message, 0)))
    do {
      datagrams = meter.measure('all, sending', () =>
        pairs.map(({ near }) => {
          const sent: Buffer[] = []
          for (let next = near.flows.fill(ROOM, 0); next; next = near.flows.fill(ROOM, 0))
            sent.push(near.seal(near.write(next)))
          return sent
        })
      )
      meter.packets += datagrams.reduce((sum, { length }) => sum + length, 0)
      const answers = meter.measure('all, receiving', () =>
        pairs.map(({ far }, i) =>
          datagrams[i]!.flatMap(datagram => {
            far.take(far.open(datagram))
            return filled(far).map(each => far.seal(far.write(each)))
          })
        )
      )
      meter.measure('all, sending', () =>
        pairs.forEach(({ near }, i) => void near.take(...answers[i]!.map(each => near.open(each))))
      )
    } while (datagrams.some(({ length }) => length > 0))
  }
}

function median(rounds: readonly Record<string, Row>[]): void {
  for (const name of Object.keys(rounds[0]!)) {
    const [ns, perGigabyte] = [0, 1].map(
      i => rounds.map(each => each[name]![i]!).sort((a, b) => a - b)[rounds.length >> 1]!
    )
    console.log(`| ${name} | ${ns!.toFixed(0)} | ${perGigabyte!.toFixed(2)} |`)
  }
}

/** Prints a table: median of five. */
export function tellPackets(groups = 2, sessions = 100): void {
  console.log('\n| RTMFP, packets of 1200 bytes | ns a packet | CPU s/GB |\n| --- | --- | --- |')
  for (const [name, protection] of Object.entries(protections)) {
    const pairs = Array.from({ length: sessions }, () => {
      const [near, far] = [new End(protection), new End(protection)]
      return { near, far, flow: near.flows.open({ metadata: Buffer.from('TC'), priority: 4 }) }
    })
    const rounds: Record<string, Row>[] = []
    for (let round = 0; round < 6; round++) {
      const [apart, whole] = [new Meter(), new Meter()]
      for (let i = 0; i < groups; i++) passApart(pairs, apart)
      for (let i = 0; i < groups; i++) passWhole(pairs, whole)
      const bytes = groups * sessions * GROUP_BYTES
      if (round > 0) rounds.push({ ...apart.rows(bytes), ...whole.rows(bytes) })
    }
    const wanted = 12 * groups * group.length
    for (const { far } of pairs) if (far.messages !== wanted) throw new Error(`${far.messages} of ${wanted} came`)
    console.log(`| **${name}** | | |`)
    median(rounds)
  }
}
