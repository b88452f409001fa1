import { createHash } from 'node:crypto'
import type { RtmfpPacket } from '../rtmfp/index.ts'
import { chunkName, chunkRow, digits, flagNames, word } from './rtmfp-chunks.ts'
import { readRtmfpKeys } from './rtmfp-keys.ts'
import { type Flow, type FlowMessageEntry, type PacketEntry, RtmfpLedger, type UndecodedEntry } from './rtmfp-ledger.ts'

/** What a capture holds of RTMFP. Rows are arrays; what stands in them is said by `columns`. */
export interface RtmfpReport {
  /** What the rows hold, by their kinds. */
  readonly columns: Readonly<Record<string, readonly string[]>>
  /** One sentence on the columns. */
  readonly note: string
  /** The addresses and ports, which rows name by their index. */
  readonly endpoints: readonly string[]
  /** How many chunks there are of each kind, and packets with a session sequence number, by session and side. */
  readonly counts: Readonly<Record<string, number>>
  /** A row for each datagram that no key opens. */
  readonly undecoded: readonly (readonly unknown[])[]
  /** The flows, in the order of their first packets. */
  readonly flows: readonly RtmfpFlowReport[]
  /** A row for each packet. */
  readonly packets: readonly (readonly unknown[])[]
}

/** What a capture holds of one flow. */
export interface RtmfpFlowReport {
  /** Its session, by the number in the keys. */
  readonly session: number
  /** Who sends it: the initiator or the responder. */
  readonly side: 'I' | 'R'
  /** Its id. */
  readonly flow: number
  /** Its metadata, hexadecimal. */
  readonly metadata?: string
  /** The message stream of its messages, of a flow of RTMP (RFC 7425, 5.1.1). */
  readonly tcStream?: number
  /** Its receive intent, of a flow of RTMP: 1 for network order. */
  readonly rxi?: number
  /** The number of its last fragment, if that was seen. */
  readonly finalSeq?: number
  /** The flow of the other side that it answers. */
  readonly returnOf?: number
  /** The code of the error after which its messages are not listed. */
  readonly error?: string
  /** A row for each message, in the order of their numbers. */
  readonly messages: readonly (readonly unknown[])[]
}

const columns = {
  packet: [
    ...['ms', 'from', 'to', 'datagram bytes', 'session id', 'side', 'sseq', 'mode', 'flags', 'timestamp', 'echo'],
    ...['padding', 'chunks']
  ],
  'chunk 10/11': ['type', 'flow', 'seq', 'fsn', 'fragment', 'user data bytes', 'options?'],
  'chunk 50/51': ['type', 'flow', 'buffer (KiB)', 'cumulative', 'received spans beyond it'],
  'other chunks': ['type', 'fields'],
  message: ['first seq', 'fragments', 'message type', 'timestamp', 'payload bytes', 'sha1/12 of payload']
}

const note =
  'from/to index endpoints; side I = sent by the initiator of the session, R = by its responder, null = startup; messages are those whose every fragment was seen, in sequence order'

const sides = { initiator: 'I', responder: 'R' } as const

/**
 * The RTMFP in a capture, pcap or pcapng. `keys` is text: a line `session 1` for each session, followed by lines of
 * `initiator-session-id`, `initiator-key`, `initiator-hmac-key`, `initiator-hmac-length`, `initiator-sseq` and the same for the
 * `responder`, each with a blank and its value, bytes in hexadecimal: the session id in packets to that end, the keys by which
 * its own packets are encrypted and verified (a length of 0 for a checksum), and 1 if they have session sequence numbers.
 * Other lines are ignored. Startup packets need no keys.
 * @throws Error, in one sentence, for incomplete keys, and for a truncated or invalid capture.
 * @example
 * ```ts
 * const { flows } = rtmfpReport(readFileSync('live.pcap'), readFileSync('live.keys.txt', 'utf8'))
 * for (const { messages } of flows) console.log(messages.length)
 * ```
 */
export function rtmfpReport(capture: Buffer, keys: string): RtmfpReport {
  const endpoints: string[] = []
  const counts = new Map<string, number>()
  const count = (name: string) => counts.set(name, (counts.get(name) ?? 0) + 1)
  const undecoded: (readonly unknown[])[] = []
  const packets: (readonly unknown[])[] = []
  const messages = new Map<Flow, FlowMessageEntry[]>()
  const errors = new Map<Flow, string>()
  const indexOf = (endpoint: string) => {
    const known = endpoints.indexOf(endpoint)
    return known < 0 ? endpoints.push(endpoint) - 1 : known
  }
  const place = ({ time, from, to, byteLength, sessionId }: PacketEntry | UndecodedEntry) => {
    const id = sessionId === undefined ? null : word(sessionId)
    return [Math.round(time * 10_000) / 10, indexOf(from), indexOf(to), byteLength, id]
  }
  for (const entry of new RtmfpLedger(readRtmfpKeys(keys)).entries(capture)) {
    if (entry.kind === 'flow') messages.set(entry.flow, [])
    else if (entry.kind === 'message') messages.get(entry.flow)!.push(entry)
    else if (entry.kind === 'error') errors.set(entry.flow, entry.error.code)
    else if (entry.kind === 'undecoded') undecoded.push(place(entry))
    else {
      const { session, side, sequence, packet } = entry
      packets.push([...place(entry), side === undefined ? null : sides[side], sequence ?? null, ...packetRow(packet)])
      if (sequence !== undefined && side !== undefined) count(`sseq ${session}${sides[side]}`)
      for (const chunk of packet.chunks) count(chunkName(chunk))
    }
  }
  const flows = Array.from(messages, ([flow, entries]) => flowReport(flow, entries, errors.get(flow)))
  return { columns, note, endpoints, counts: Object.fromEntries([...counts].sort()), undecoded, flows, packets }
}

function packetRow(packet: RtmfpPacket): unknown[] {
  const { mode, timestamp = null, timestampEcho = null, padding, chunks } = packet
  return [mode, flagNames(packet), timestamp, timestampEcho, padding, chunks.map(chunkRow)]
}

function flowReport(flow: Flow, entries: readonly FlowMessageEntry[], error: string | undefined): RtmfpFlowReport {
  const { session, side, flowId, metadata, returnFlowId, tc, buffer } = flow
  const final = buffer.finalSequenceNumber
  return {
    session,
    side: sides[side],
    flow: flowId,
    ...(metadata && { metadata: digits(metadata) }),
    ...(tc && { tcStream: tc.messageStreamId, rxi: tc.receiveOrder === 'network' ? 1 : 0 }),
    ...(final !== undefined && { finalSeq: final }),
    ...(returnFlowId !== undefined && { returnOf: returnFlowId }),
    ...(error !== undefined && { error }),
    messages: entries
      .toSorted((one, other) => one.carried.sequenceNumber - other.carried.sequenceNumber)
      .map(messageRow)
  }
}

function messageRow({ carried, message }: FlowMessageEntry): unknown[] {
  const told = message !== undefined && 'payload' in message ? message : undefined
  const payload = told?.payload ?? carried.payload
  const digest = createHash('sha1').update(payload).digest('hex').slice(0, 12)
  const { sequenceNumber, fragments } = carried
  return [sequenceNumber, fragments, told?.type ?? null, told?.timestamp ?? null, payload.length, digest]
}
