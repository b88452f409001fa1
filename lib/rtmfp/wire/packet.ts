import { ByteReader } from '../../bytes/byte-reader.ts'
import { ByteWriter } from '../../bytes/byte-writer.ts'
import { ProtocolError } from '../../errors.ts'
import { type RtmfpChunk, readChunks, writeChunk } from './chunk.ts'

/** The mode of a packet (RFC 7016, 2.2.4): the role of its sender in the session, or startup. */
export const PacketMode = { Initiator: 1, Responder: 2, Startup: 3 } as const

export type PacketMode = (typeof PacketMode)[keyof typeof PacketMode]

/** Milliseconds of a tick of packet timestamps (RFC 7016, 2.2.4). */
export const TIMESTAMP_TICK_MS = 4

/** The header of a packet (RFC 7016, 2.2.4). */
export interface PacketHeader {
  readonly mode: PacketMode
  /** Whether there is time critical data in the packet. */
  readonly timeCritical: boolean
  /** Whether the sender receives time critical data in other sessions. */
  readonly timeCriticalReverse: boolean
  /** The sender's clock, in ticks of 4 ms, 16 bits. */
  readonly timestamp: number | undefined
  /** The timestamp received last, advanced by the ticks since then. */
  readonly timestampEcho: number | undefined
}

/** A packet (RFC 7016, 2.2.4), as it is inside an encrypted packet. */
export interface RtmfpPacket extends PacketHeader {
  readonly chunks: readonly RtmfpChunk[]
  /** The number of bytes after the last chunk. */
  readonly padding: number
}

const TIME_CRITICAL_FLAG = 0x80
const TIME_CRITICAL_REVERSE_FLAG = 0x40
const TIMESTAMP_FLAG = 0x08
const TIMESTAMP_ECHO_FLAG = 0x04
const MODE_BITS = 0x03

/**
 * Reads a packet. Its chunks are views of `bytes`; a malformed chunk does not affect the others.
 * @throws ProtocolError `ERR_RTMP_RTMFP_PACKET` for mode 0, which is to be ignored, `ERR_RTMP_TRUNCATED`.
 */
export function readPacket(bytes: Buffer): RtmfpPacket {
  const reader = new ByteReader(bytes, 'rtmfp')
  const flags = reader.u8()
  const mode = flags & MODE_BITS
  if (!isMode(mode)) throw new ProtocolError('ERR_RTMP_RTMFP_PACKET', { layer: 'rtmfp', offset: 0, detail: 'mode 0' })
  const timestamp = (flags & TIMESTAMP_FLAG) === 0 ? undefined : reader.u16()
  const timestampEcho = (flags & TIMESTAMP_ECHO_FLAG) === 0 ? undefined : reader.u16()
  const { chunks, end } = readChunks(bytes, reader.offset)
  return {
    mode,
    timeCritical: (flags & TIME_CRITICAL_FLAG) !== 0,
    timeCriticalReverse: (flags & TIME_CRITICAL_REVERSE_FLAG) !== 0,
    timestamp,
    timestampEcho,
    chunks,
    padding: bytes.length - end
  }
}

const isMode = (mode: number): mode is PacketMode => mode !== 0

/** Writes the header of a packet, up to its chunks. */
export function writePacketHeader(writer: ByteWriter, header: PacketHeader): void {
  const { mode, timeCritical, timeCriticalReverse, timestamp, timestampEcho } = header
  writer.u8(
    mode |
      (timeCritical ? TIME_CRITICAL_FLAG : 0) |
      (timeCriticalReverse ? TIME_CRITICAL_REVERSE_FLAG : 0) |
      (timestamp === undefined ? 0 : TIMESTAMP_FLAG) |
      (timestampEcho === undefined ? 0 : TIMESTAMP_ECHO_FLAG)
  )
  if (timestamp !== undefined) writer.u16(timestamp)
  if (timestampEcho !== undefined) writer.u16(timestampEcho)
}

/**
 * The bytes of a packet, without padding, which its encryption adds. They are a view of the buffer of `writer`, which the next packet
 * overwrites.
 * @throws RangeError as writeChunk.
 */
export function writePacket(packet: Omit<RtmfpPacket, 'padding'>, writer: ByteWriter = new ByteWriter(1500)): Buffer {
  writePacketHeader(writer.reset(), packet)
  for (const chunk of packet.chunks) writeChunk(writer, chunk)
  return writer.done()
}

/**
 * Whether a chunk is allowed in a packet of this mode (RFC 7016, 2.3): startup chunks in startup, all others in sessions. Otherwise it is
 * ignored.
 */
export const isInMode = ({ kind }: RtmfpChunk, mode: PacketMode): boolean =>
  everywhere.includes(kind) || startup.includes(kind) === (mode === PacketMode.Startup)

const everywhere: readonly string[] = ['PacketFragment', 'Unknown', 'Malformed'] satisfies RtmfpChunk['kind'][]
const startup: readonly string[] = [
  'IHello',
  'RHello',
  'Redirect',
  'CookieChange',
  'IIKeying',
  'RIKeying'
] satisfies RtmfpChunk['kind'][]
