import type { Packet } from './packet.ts'
import { pcapngMagic, readPcapng } from './pcapng.ts'

/** The magic number of a file, and how many of its ticks are a microsecond. */
const ticks: ReadonlyMap<number, number> = new Map([
  [0xa1b2c3d4, 1],
  [0xa1b23c4d, 1000]
])
const HEADER_LENGTH = 24
const RECORD_HEADER_LENGTH = 16

/** Whether the bytes start like a pcap or a pcapng file. */
export const isPcap = (file: Buffer): boolean => isPcapng(file) || pcapOrder(file) !== undefined

/**
 * The packets of a pcap or pcapng file, in its order.
 * @throws Error, in one sentence, for any other file, and for a truncated or invalid one.
 */
export function readPackets(file: Buffer): Generator<Packet, void> {
  return isPcapng(file) ? readPcapng(file) : readPcap(file)
}

const isPcapng = (file: Buffer) => file.length >= 4 && file.readUInt32BE(0) === pcapngMagic

type Order = 'LE' | 'BE'

function pcapOrder(file: Buffer): Order | undefined {
  if (file.length < 4) return undefined
  if (ticks.has(file.readUInt32LE(0))) return 'LE'
  return ticks.has(file.readUInt32BE(0)) ? 'BE' : undefined
}

function* readPcap(file: Buffer): Generator<Packet, void> {
  const order = pcapOrder(file)
  if (order === undefined) throw new Error('file is neither pcap nor pcapng')
  if (file.length < HEADER_LENGTH) throw new Error('capture ends inside its header')
  const word = (at: number) => (order === 'LE' ? file.readUInt32LE(at) : file.readUInt32BE(at))
  const ticksPerMicrosecond = ticks.get(word(0))!
  // the bits above the link type concern checksums of the frames
  const linkType = word(20) & 0xffff
  let count = 0
  for (let at = HEADER_LENGTH; at < file.length; ) {
    count++
    const start = at + RECORD_HEADER_LENGTH
    const end = start > file.length ? start : start + word(at + 8)
    if (end > file.length) throw new Error(`capture ends inside packet ${count}`)
    const time = word(at) * 1_000_000 + Math.floor(word(at + 4) / ticksPerMicrosecond)
    yield { time, linkType, bytes: file.subarray(start, end) }
    at = end
  }
}
