import type { ByteReader } from '../../bytes/byte-reader.ts'
import type { ByteWriter } from '../../bytes/byte-writer.ts'
import { ProtocolError } from '../../errors.ts'
import { readVlu, vluLength, writeVlu } from './vlu.ts'

/** Sequence numbers, from the first to the last of them. */
export type SequenceRange = readonly [first: number, last: number]

/** Bytes of a block: the room of a receive buffer is announced in blocks (RFC 7016, 2.3.13). */
export const BUFFER_BLOCK_BYTES = 1024

/**
 * Data Acknowledgement, as a Bitmap or as Ranges (RFC 7016, 2.3.13, 2.3.14): what the receiver of a flow has received, and how much more it
 * has room for. The two encode the same fields differently.
 */
export interface Acknowledgement {
  readonly kind: 'BitmapAck' | 'RangeAck'
  /** The id of a flow that the receiver of this chunk sends. */
  readonly flowId: number
  /** Blocks that the receiver has room for: see BUFFER_BLOCK_BYTES. */
  readonly bufferBlocksAvailable: number
  /** Every number up to this one was received, or abandoned by the sender. */
  readonly cumulativeAck: number
  /** The ranges received beyond it, in order. There is a gap before each. */
  readonly received: readonly SequenceRange[]
}

const none: readonly SequenceRange[] = Object.freeze([])

/** @throws ProtocolError `ERR_RTMP_VLU`, `ERR_RTMP_TRUNCATED`. */
export function readBitmapAck(reader: ByteReader): Acknowledgement {
  const head = readHead(reader)
  const bits = reader.view(reader.left)
  return { kind: 'BitmapAck', ...head, received: bits.length === 0 ? none : ranges(bits, head.cumulativeAck) }
}

const readHead = (reader: ByteReader): Pick<Acknowledgement, 'flowId' | 'bufferBlocksAvailable' | 'cumulativeAck'> => ({
  flowId: readVlu(reader),
  bufferBlocksAvailable: readVlu(reader),
  cumulativeAck: readVlu(reader)
})

/** Bit 0 of the first byte is the number `cumulativeAck` + 2, because `cumulativeAck` + 1 is missing. */
function ranges(bits: Buffer, cumulativeAck: number): SequenceRange[] {
  const found: SequenceRange[] = []
  let first: number | undefined
  const end = Math.min(bits.length * 8, Number.MAX_SAFE_INTEGER - 1 - cumulativeAck)
  for (let bit = 0; bit <= end; bit++) {
    const isSet = bit < end && (bits[bit >>> 3]! & (1 << (bit & 7))) !== 0
    if (isSet) first ??= cumulativeAck + 2 + bit
    else if (first !== undefined) {
      found.push([first, cumulativeAck + 1 + bit])
      first = undefined
    }
  }
  return found
}

/**
 * A truncated range, or one that exceeds 2^53 - 1, ends the list; the ranges before it are kept.
 * @throws ProtocolError `ERR_RTMP_VLU`, `ERR_RTMP_TRUNCATED`, for the fields before the list.
 */
export function readRangeAck(reader: ByteReader): Acknowledgement {
  const head = readHead(reader)
  return { kind: 'RangeAck', ...head, received: reader.left === 0 ? none : rangeList(reader, head.cumulativeAck) }
}

/** Pairs of VLUs, each minus one: how many numbers are missing, and how many follow that were received. */
function rangeList(reader: ByteReader, cumulativeAck: number): SequenceRange[] {
  const found: SequenceRange[] = []
  let end = cumulativeAck
  try {
    while (reader.left > 0) {
      const first = end + readVlu(reader) + 2
      end = first + readVlu(reader)
      if (end > Number.MAX_SAFE_INTEGER) break
      found.push([first, end])
    }
  } catch (error) {
    if (!(error instanceof ProtocolError)) throw error
  }
  return found
}

/** The bits of the longest chunk: a bitmap cannot tell what was received beyond them. */
const MAX_BITS = 0xffff * 8

/** @throws RangeError for ranges that are out of order, adjacent, or too far away for a bitmap. */
export function writeAcknowledgement(writer: ByteWriter, acknowledgement: Acknowledgement): void {
  const { kind, flowId, bufferBlocksAvailable, cumulativeAck, received } = acknowledgement
  let end = cumulativeAck
  for (const [first, last] of received) {
    if (first < end + 2 || last < first) throw new RangeError(`received range ${first} to ${last} follows ${end}`)
    end = last
  }
  writeVlu(writer, flowId)
  writeVlu(writer, bufferBlocksAvailable)
  writeVlu(writer, cumulativeAck)
  if (kind === 'BitmapAck') writeBitmap(writer, received, cumulativeAck)
  else writeRangeList(writer, received, cumulativeAck)
}

function writeBitmap(writer: ByteWriter, received: readonly SequenceRange[], cumulativeAck: number): void {
  const [, furthest = 0] = received.at(-1) ?? []
  if (furthest - cumulativeAck > MAX_BITS) throw new RangeError('received ranges are too far away for a bitmap')
  let bits = 0
  let at = cumulativeAck + 2
  for (const [first, last] of received) {
    for (let number = first; number <= last; number++) {
      for (; number - at > 7; at += 8) {
        writer.u8(bits)
        bits = 0
      }
      bits |= 1 << (number - at)
    }
  }
  if (bits !== 0) writer.u8(bits)
}

/** Bytes of a range in a Range Ack, after a range that ends with `end`. */
export const rangeLength = ([first, last]: SequenceRange, end: number): number =>
  vluLength(first - end - 2) + vluLength(last - first)

function writeRangeList(writer: ByteWriter, received: readonly SequenceRange[], cumulativeAck: number): void {
  let end = cumulativeAck
  for (const [first, last] of received) {
    writeVlu(writer, first - end - 2)
    writeVlu(writer, last - first)
    end = last
  }
}
