import { createHash } from 'node:crypto'
import { readdirSync, readFileSync } from 'node:fs'
import { ChunkReader, isMedia, type Message, MessageReader } from 'rtmpipe'

/**
 * What real programs sent, in test/captures: a pcap of one RTMP connection to nginx-rtmp on loopback, and beside it what each
 * side's bytes decode to, by an oracle that tshark agrees with.
 */
export interface Capture {
  readonly name: string
  readonly client: CapturedSide
  readonly server: CapturedSide
}

export interface CapturedSide {
  /** All bytes of the direction, the handshake's 3073 first. */
  readonly bytes: Buffer
  readonly expected: readonly ExpectedMessage[]
  /** Bytes behind the last whole message. */
  readonly truncatedTail: number
  /** Where the oracle found a digest in C1 or S1. */
  readonly digests: readonly { scheme: 0 | 1; offset: number }[]
}

/** Format of the first chunk, chunk stream, message stream, timestamp, type, length, first 12 digits of the body's SHA-1. */
export type ExpectedMessage = readonly [number, number, number, number, number, number, string]

const folder = new URL('../../../test/captures/', import.meta.url)

export const captureNames: readonly string[] = readdirSync(folder)
  .filter(name => name.endsWith('.pcap'))
  .map(name => name.replace('.pcap', ''))

export function readCapture(name: string): Capture {
  const { connections } = JSON.parse(readFileSync(new URL(`${name}.expected.json`, folder), 'utf8'))
  const [{ c1, s1, client, server }] = connections
  const [fromClient, fromServer] = readConnection(name)
  const side = (bytes: Buffer, { messages, truncatedTail }: never, digests: never): CapturedSide => ({
    bytes,
    expected: messages,
    truncatedTail,
    digests
  })
  return {
    name,
    client: side(fromClient, client as never, c1.clientDigest as never),
    server: side(fromServer, server as never, s1.serverDigest as never)
  }
}

/** The bytes that each side of the one TCP connection of a pcap sent, the side that connected first. */
export const readConnection = (name: string): [Buffer, Buffer] =>
  readPcap(readFileSync(new URL(`${name}.pcap`, folder)))

/** The audio, video and data that the client of a capture sent. */
export function capturedMedia(name: string): Message[] {
  const messages: Message[] = []
  const reader = new MessageReader()
  for (const { header, payload, last } of new ChunkReader().chunks(readCapture(name).client.bytes.subarray(3073))) {
    const message = reader.add(header, payload, 0, payload.length, last)
    if (message !== undefined && isMedia(message)) messages.push(message)
  }
  return messages
}

/** What the oracle lists of a message; the format is that of its first chunk. */
export function listed(message: Message, format: number): ExpectedMessage {
  const { chunkStreamId, messageStreamId, timestamp, type, payload } = message
  const digest = createHash('sha1').update(payload).digest('hex').slice(0, 12)
  return [format, chunkStreamId!, messageStreamId, timestamp, type, payload.length, digest]
}

const PCAP_HEADER = 24
const RECORD_HEADER = 16
const ETHERNET_HEADER = 14
const SYN = 2

interface Direction {
  readonly port: number
  /** The sequence number of its first byte. */
  start: number
  readonly segments: Map<number, Buffer>
}

/** The two directions of the one TCP connection of a pcap, the side that connected first. */
export function readPcap(file: Buffer): [Buffer, Buffer] {
  const directions: Direction[] = []
  for (let at = PCAP_HEADER; at < file.length; ) {
    const length = file.readUInt32LE(at + 8)
    readSegment(file.subarray(at + RECORD_HEADER + ETHERNET_HEADER, at + RECORD_HEADER + length), directions)
    at += RECORD_HEADER + length
  }
  return [joined(directions[0]!), joined(directions[1]!)]
}

function readSegment(ip: Buffer, directions: Direction[]): void {
  const tcp = ip.subarray((ip[0]! & 0x0f) * 4, ip.readUInt16BE(2))
  const port = tcp.readUInt16BE(0)
  const sequence = tcp.readUInt32BE(4)
  const payload = tcp.subarray((tcp[12]! >> 4) * 4)
  let direction = directions.find(known => known.port === port)
  if (direction === undefined) {
    direction = { port, start: sequence + 1, segments: new Map() }
    directions.push(direction)
  }
  if ((tcp[13]! & SYN) !== 0) direction.start = sequence + 1
  else if (payload.length > 0) direction.segments.set((sequence - direction.start) >>> 0, payload)
}

function joined({ segments }: Direction): Buffer {
  const pieces: Buffer[] = []
  let end = 0
  for (const [at, payload] of [...segments].sort(([a], [b]) => a - b)) {
    if (at > end) throw new Error(`bytes ${end} to ${at} are missing in the capture`)
    if (at + payload.length > end) pieces.push(payload.subarray(end - at))
    end = Math.max(end, at + payload.length)
  }
  return Buffer.concat(pieces)
}
