import type { Packet } from '../../lib/inspect/packet.ts'
import { readPackets } from '../../lib/inspect/pcap.ts'

/** A packet, with its time in nanoseconds since 1970. */
export interface TimedPacket {
  readonly nanoseconds: bigint
  readonly bytes: Buffer
}

export const timed = (packets: Iterable<Packet>): TimedPacket[] =>
  Array.from(packets, ({ time, bytes }) => ({ nanoseconds: BigInt(time) * 1000n, bytes }))

/** The packets of one of our captures, which are Ethernet frames of IPv4. */
export const framesOf = (pcap: Buffer): TimedPacket[] => timed(readPackets(pcap))

export interface PcapForm {
  readonly linkType?: number
  readonly bigEndian?: boolean
  readonly nanoseconds?: boolean
}

const GIGA = 1_000_000_000n

/** A pcap file. */
export function pcap(packets: readonly TimedPacket[], form: PcapForm = {}): Buffer {
  const { linkType = 1, bigEndian = false, nanoseconds: fine = false } = form
  const u32 = numbers(bigEndian)
  const header = [fine ? 0xa1b23c4d : 0xa1b2c3d4, bigEndian ? 0x00020004 : 0x00040002, 0, 0, 262_144, linkType]
  const records = packets.flatMap(({ nanoseconds, bytes }) => {
    const fraction = Number(nanoseconds % GIGA)
    const times = [Number(nanoseconds / GIGA), fine ? fraction : Math.floor(fraction / 1000)]
    return [u32(...times, bytes.length, bytes.length), bytes]
  })
  return Buffer.concat([u32(...header), ...records])
}

export interface PcapngForm extends Pick<PcapForm, 'linkType' | 'bigEndian'> {
  /** The value of if_tsresol: 6 for microseconds, 9 for nanoseconds, 0x80 + N for 2^-N; left out unless told. */
  readonly resolution?: number
  /** Simple Packet Blocks, which have no time. */
  readonly simple?: boolean
  /** Of a Simple Packet Block. */
  readonly snapLength?: number
}

/** A pcapng file of one section and one interface, with a block in between that nobody knows. */
export function pcapng(packets: readonly TimedPacket[], form: PcapngForm = {}): Buffer {
  const { linkType = 1, bigEndian = false, resolution, simple = false, snapLength = 0 } = form
  const u32 = numbers(bigEndian)
  const two = (first: number, second: number) => u32(bigEndian ? first * 0x10000 + second : second * 0x10000 + first)
  const block = (type: number, ...parts: Buffer[]) => {
    const body = Buffer.concat(parts)
    const padding = Buffer.alloc(-body.length & 3)
    const length = 12 + body.length + padding.length
    return Buffer.concat([u32(type, length), body, padding, u32(length)])
  }
  const ticksPerSecond =
    resolution === undefined
      ? 1_000_000n
      : resolution < 0x80
        ? 10n ** BigInt(resolution)
        : 2n ** BigInt(resolution & 0x7f)
  const options =
    resolution === undefined
      ? []
      : [two(9, 1), Buffer.of(resolution, 0, 0, 0), two(2, 4), Buffer.from('lo\0\0'), two(0, 0)]
  const packetBlock = ({ nanoseconds, bytes }: TimedPacket) => {
    if (simple) return block(3, u32(bytes.length), snapLength === 0 ? bytes : bytes.subarray(0, snapLength))
    // rounded up, so that what is read, rounded down, is the same microsecond
    const ticks = (nanoseconds * ticksPerSecond + GIGA - 1n) / GIGA
    const time = [Number(ticks >> 32n), Number(ticks & 0xffffffffn)]
    return block(6, u32(0, ...time, bytes.length, bytes.length), bytes)
  }
  return Buffer.concat([
    block(0x0a0d0d0a, u32(0x1a2b3c4d), two(1, 0), u32(0xffffffff, 0xffffffff)),
    block(1, two(linkType, 0), u32(snapLength), ...options),
    block(0x0bad, Buffer.from('what is this?')),
    ...packets.map(packetBlock)
  ])
}

const numbers =
  (bigEndian: boolean) =>
  (...values: number[]): Buffer => {
    const bytes = Buffer.alloc(4 * values.length)
    for (const [i, value] of values.entries()) {
      if (bigEndian) bytes.writeUInt32BE(value, 4 * i)
      else bytes.writeUInt32LE(value, 4 * i)
    }
    return bytes
  }

export interface Segment {
  readonly from?: number
  readonly to?: number
  readonly sequence: number
  /** Any of S, A, F and R. */
  readonly flags?: string
  readonly payload?: Buffer
}

const flagBits: Readonly<Record<string, number>> = { F: 1, S: 2, R: 4, A: 16 }

/** An Ethernet frame of a TCP segment on loopback, from port 5000 to 1935 unless told. */
export function frame({ from = 5000, to = 1935, sequence, flags = 'A', payload = Buffer.alloc(0) }: Segment): Buffer {
  const bytes = Buffer.alloc(ETHERNET_LENGTH + IPV4_LENGTH + TCP_LENGTH)
  bytes.writeUInt16BE(0x0800, 12)
  const ip = bytes.subarray(ETHERNET_LENGTH)
  ip[0] = 0x45
  ip.writeUInt16BE(IPV4_LENGTH + TCP_LENGTH + payload.length, 2)
  ip[9] = 6
  ip.writeUInt32BE(0x7f000001, 12)
  ip.writeUInt32BE(0x7f000001, 16)
  const tcp = ip.subarray(IPV4_LENGTH)
  tcp.writeUInt16BE(from, 0)
  tcp.writeUInt16BE(to, 2)
  tcp.writeUInt32BE(sequence >>> 0, 4)
  tcp[12] = 0x50
  for (const flag of flags) tcp[13]! |= flagBits[flag]!
  return Buffer.concat([bytes, payload])
}

/** An Ethernet frame of a UDP datagram on loopback. */
export function udpFrame(from: number, to: number, payload: Buffer): Buffer {
  const headers = Buffer.alloc(ETHERNET_LENGTH + IPV4_LENGTH + UDP_LENGTH)
  headers.writeUInt16BE(0x0800, 12)
  const ip = headers.subarray(ETHERNET_LENGTH)
  ip[0] = 0x45
  ip.writeUInt16BE(IPV4_LENGTH + UDP_LENGTH + payload.length, 2)
  ip[9] = 17
  ip.writeUInt32BE(0x7f000001, 12)
  ip.writeUInt32BE(0x7f000001, 16)
  const udp = ip.subarray(IPV4_LENGTH)
  udp.writeUInt16BE(from, 0)
  udp.writeUInt16BE(to, 2)
  udp.writeUInt16BE(UDP_LENGTH + payload.length, 4)
  return Buffer.concat([headers, payload])
}

/** Frames, each a millisecond behind the one ahead of it. */
export const eachMillisecond = (frames: readonly Buffer[]): TimedPacket[] =>
  frames.map((bytes, i) => ({ nanoseconds: BigInt(i) * 1_000_000n, bytes }))

const ETHERNET_LENGTH = 14
const IPV4_LENGTH = 20
const TCP_LENGTH = 20
const UDP_LENGTH = 8
const IPV6_LENGTH = 40

/** An Ethernet frame of IPv4 as other links carry it: link type, and the frame. */
export const relinked: Readonly<Record<string, (ethernet: Buffer) => [number, Buffer]>> = {
  Ethernet: frame => [1, frame],
  'Ethernet with padding': frame => [1, Buffer.concat([frame, Buffer.alloc(6, 0xee)])],
  'Ethernet with 802.1Q': frame => [1, spliced(frame, 12, '81000007')],
  'Ethernet with 802.1ad and 802.1Q': frame => [1, spliced(frame, 12, '88a8000781000008')],
  'null, as macOS writes it': frame => [0, replaced(frame, '02000000')],
  'loopback, as OpenBSD writes it': frame => [108, replaced(frame, '00000002')],
  'raw IP': frame => [101, replaced(frame, '')],
  'raw IP, under an old number': frame => [12, replaced(frame, '')],
  'raw IP, under another old number': frame => [14, replaced(frame, '')],
  'raw IPv6': frame => [229, inIpv6(frame, 6, '').subarray(ETHERNET_LENGTH)],
  'raw IPv4': frame => [228, replaced(frame, '')],
  'Linux cooked v1': frame => [113, replaced(frame, '00000304000600000000000000000800')],
  'Linux cooked v2': frame => [276, replaced(frame, '0800000000000001030404060000000000000000')],
  IPv6: frame => [1, inIpv6(frame, 6, '')],
  'IPv6 with extension headers': frame => [
    1,
    inIpv6(frame, 0, `3c00000000000000${'2b01'.padEnd(32, '0')}${'0602'.padEnd(48, '0')}`)
  ],
  'IPv6 with an authentication header': frame => [1, inIpv6(frame, 51, '0604'.padEnd(48, '0'))],
  'IPv6 with a fragment header, unfragmented': frame => [1, inIpv6(frame, 44, '0600000012345678')]
}

const spliced = (frame: Buffer, at: number, hex: string): Buffer =>
  Buffer.concat([frame.subarray(0, at), Buffer.from(hex, 'hex'), frame.subarray(at)])

const replaced = (frame: Buffer, hex: string): Buffer =>
  Buffer.concat([Buffer.from(hex, 'hex'), frame.subarray(ETHERNET_LENGTH)])

/** From ::1 to ::1. */
function inIpv6(frame: Buffer, next: number, extensions: string): Buffer {
  const ip = frame.subarray(ETHERNET_LENGTH)
  const tcp = ip.subarray((ip[0]! & 0x0f) * 4, ip.readUInt16BE(2))
  const body = Buffer.concat([Buffer.from(extensions, 'hex'), tcp])
  const header = Buffer.alloc(IPV6_LENGTH)
  header[0] = 0x60
  header.writeUInt16BE(body.length, 4)
  header[6] = next
  header[23] = header[39] = 1
  return Buffer.concat([frame.subarray(0, 12), Buffer.from('86dd', 'hex'), header, body])
}
