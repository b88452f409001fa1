import type { Packet } from './packet.ts'

/** The blocks that are decoded (draft-ietf-opsawg-pcapng, 4); all others are skipped. */
const SECTION_HEADER = 0x0a0d0d0a
const INTERFACE_DESCRIPTION = 1
const SIMPLE_PACKET = 3
const ENHANCED_PACKET = 6

/** The first four bytes of every pcapng file: the type of its first block, the same in both byte orders. */
export const pcapngMagic: number = SECTION_HEADER

const BYTE_ORDER_MAGIC = 0x1a2b3c4d
/** Type and length before the body of a block, and the length again after it. */
const BLOCK_LENGTH = 12
const ENHANCED_HEADER_LENGTH = 20
const IF_TSRESOL = 9
const IF_TSOFFSET = 14
/** More than any capture has; each announced interface needs memory. */
const MAX_INTERFACES = 65_536

/** Reads numbers in the byte order of a section. */
interface Numbers {
  u16(bytes: Buffer, at: number): number
  u32(bytes: Buffer, at: number): number
  i64(bytes: Buffer, at: number): bigint
}

const littleEndian: Numbers = {
  u16: (bytes, at) => bytes.readUInt16LE(at),
  u32: (bytes, at) => bytes.readUInt32LE(at),
  i64: (bytes, at) => bytes.readBigInt64LE(at)
}

const bigEndian: Numbers = {
  u16: (bytes, at) => bytes.readUInt16BE(at),
  u32: (bytes, at) => bytes.readUInt32BE(at),
  i64: (bytes, at) => bytes.readBigInt64BE(at)
}

interface Interface {
  readonly linkType: number
  /** The maximum number of captured bytes per packet; 0 for all. */
  readonly snapLength: number
  readonly ticksPerSecond: bigint
  /** Seconds that are added to every time. */
  readonly offset: bigint
}

/** The packets of a pcapng file, in its order. @throws Error, in one sentence, for a truncated or invalid file. */
export function* readPcapng(file: Buffer): Generator<Packet, void> {
  let numbers = littleEndian
  let interfaces: Interface[] = []
  let time = 0
  let count = 0
  for (let at = 0; at < file.length; ) {
    const broken = (how: string) => new Error(`capture block ${count} ${how}`)
    const cut = () => new Error(`capture ends inside block ${count}`)
    count++
    if (file.length - at < BLOCK_LENGTH) throw cut()
    // the byte order of a section follows its length, so it is read first
    if (file.readUInt32BE(at) === SECTION_HEADER) {
      numbers = orderOf(file, at + 8)
      interfaces = []
    }
    const type = numbers.u32(file, at)
    const length = numbers.u32(file, at + 4)
    if (length < BLOCK_LENGTH || length % 4 !== 0) throw broken(`has an invalid length of ${length} bytes`)
    if (length > file.length - at) throw cut()
    if (numbers.u32(file, at + length - 4) !== length) throw broken('has two different lengths')
    const body = file.subarray(at + 8, at + length - 4)
    at += length

    if (type === INTERFACE_DESCRIPTION) {
      if (body.length < 8) throw broken('is too short for an interface description')
      if (interfaces.length === MAX_INTERFACES) throw new Error(`capture has more than ${MAX_INTERFACES} interfaces`)
      interfaces.push(readInterface(body, numbers))
    }
    if (type === ENHANCED_PACKET) {
      if (body.length < ENHANCED_HEADER_LENGTH) throw broken('is too short for a packet')
      const from = interfaces[numbers.u32(body, 0)]
      if (from === undefined) throw broken('refers to an unknown interface')
      const end = ENHANCED_HEADER_LENGTH + numbers.u32(body, 12)
      if (end > body.length) throw broken('declares more packet bytes than it contains')
      time = microseconds(numbers.u32(body, 4), numbers.u32(body, 8), from)
      yield { time, linkType: from.linkType, bytes: body.subarray(ENHANCED_HEADER_LENGTH, end) }
    }
    if (type === SIMPLE_PACKET) {
      const [from] = interfaces
      if (body.length < 4 || from === undefined) throw broken('contains a packet without an interface')
      const { linkType, snapLength } = from
      const onWire = numbers.u32(body, 0)
      const captured = snapLength === 0 ? onWire : Math.min(onWire, snapLength)
      if (4 + captured > body.length) throw broken('declares more packet bytes than it contains')
      yield { time, linkType, bytes: body.subarray(4, 4 + captured) }
    }
  }
}

function orderOf(file: Buffer, at: number): Numbers {
  if (file.readUInt32LE(at) === BYTE_ORDER_MAGIC) return littleEndian
  if (file.readUInt32BE(at) === BYTE_ORDER_MAGIC) return bigEndian
  throw new Error('capture section has no valid byte order')
}

function readInterface(body: Buffer, numbers: Numbers): Interface {
  let ticksPerSecond = 1_000_000n
  let offset = 0n
  for (let at = 8; at + 4 <= body.length; ) {
    const code = numbers.u16(body, at)
    const length = numbers.u16(body, at + 2)
    const value = body.subarray(at + 4, at + 4 + length)
    if (code === IF_TSRESOL && value.length === 1) ticksPerSecond = resolution(value[0]!)
    if (code === IF_TSOFFSET && value.length === 8) offset = numbers.i64(value, 0)
    at += 4 + Math.ceil(length / 4) * 4
  }
  return { linkType: numbers.u16(body, 0), snapLength: numbers.u32(body, 4), ticksPerSecond, offset }
}

/** Ticks a second: a power of two where the highest bit is set, else of ten (4.2, if_tsresol). */
function resolution(value: number): bigint {
  const exponent = BigInt(value & 0x7f)
  return (value & 0x80) === 0 ? 10n ** exponent : 2n ** exponent
}

function microseconds(high: number, low: number, { ticksPerSecond, offset }: Interface): number {
  const ticks = (BigInt(high) << 32n) | BigInt(low)
  return Number((ticks * 1_000_000n) / ticksPerSecond + offset * 1_000_000n)
}
