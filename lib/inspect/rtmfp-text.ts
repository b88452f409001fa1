import { messageEntry } from './ledger.ts'
import { faultText, shortened, textLine } from './ledger-text.ts'
import { chunkName, chunkRow, word } from './rtmfp-chunks.ts'
import { readRtmfpKeys } from './rtmfp-keys.ts'
import {
  type DatagramEntry,
  type FlowMessageEntry,
  type PacketEntry,
  type RtmfpEntry,
  RtmfpLedger
} from './rtmfp-ledger.ts'

const INDENT = ' '.repeat(9)
const arrows = { initiator: '->', responder: '<-' } as const
/** What the columns of rows are called. */
const dataColumns = ['flow', 'seq', 'fsn', '', 'length', '']
const acknowledgementColumns = ['flow', 'buffer', 'cumulative', 'beyond it']

/**
 * What a capture, pcap or pcapng, holds of RTMFP, as readable lines of at most 160 characters, opened with keys: see
 * rtmfpReport. A line for each packet has the seconds since the first, the endpoints and the length, its session with
 * `->` from the initiator and `<-` from the responder, its sequence number, flags and timestamps. Indented lines follow for
 * its chunks, the flows that begin, and the messages that are complete.
 * @throws Error as rtmfpReport, after the lines of what could be read.
 * @example
 * ```ts
 * for (const line of rtmfpLines(readFileSync('live.pcap'), readFileSync('live.keys.txt', 'utf8'))) console.log(line)
 * ```
 */
export function* rtmfpLines(capture: Buffer, keys: string): Generator<string, void> {
  for (const entry of new RtmfpLedger(readRtmfpKeys(keys)).entries(capture))
    for (const line of lines(entry)) yield shortened(line)
}

function* lines(entry: RtmfpEntry): Generator<string, void> {
  switch (entry.kind) {
    case 'undecoded':
      yield `${place(entry)} no key opens it, session id ${entry.sessionId === undefined ? 'missing' : word(entry.sessionId)}`
      return
    case 'packet':
      yield `${place(entry)} ${packetText(entry)}`
      for (const chunk of entry.packet.chunks) yield `${INDENT}${chunkName(chunk)}${rowText(chunkRow(chunk))}`
      return
    case 'flow': {
      const { flowId, tc, returnFlowId } = entry.flow
      const stream =
        tc === undefined ? 'of another protocol' : `of message stream ${tc.messageStreamId}, ${tc.receiveOrder} order`
      yield `${INDENT}flow ${flowId} begins, ${stream}${returnFlowId === undefined ? '' : `, in return for flow ${returnFlowId}`}`
      return
    }
    case 'error':
      yield `${INDENT}flow ${entry.flow.flowId} ${faultText(entry.error)}; the rest is not listed`
      return
    case 'message':
      yield `${INDENT}${messageText(entry)}`
  }
}

const place = ({ time, from, to, byteLength }: DatagramEntry): string =>
  `${time.toFixed(3).padStart(8)} ${from} -> ${to} ${`${byteLength}`.padStart(5)} B`

function packetText({ session, side, sequence, packet }: PacketEntry): string {
  const who = side === undefined ? 'startup' : `session ${session} ${arrows[side]}`
  const { timeCritical, timeCriticalReverse, timestamp, timestampEcho } = packet
  const told = [
    timeCritical ? 'TC' : '',
    timeCriticalReverse ? 'TCR' : '',
    timestamp === undefined ? '' : `timestamp ${timestamp}`,
    timestampEcho === undefined ? '' : `echo ${timestampEcho}`
  ]
  return [who, sequence === undefined ? '' : `#${sequence}`, ...told].filter(part => part !== '').join(' ')
}

function messageText({ flow, carried, message }: FlowMessageEntry): string {
  const { sequenceNumber, fragments } = carried
  const where = `flow ${flow.flowId} message ${sequenceNumber}${fragments === 1 ? '' : `-${sequenceNumber + fragments - 1}`}`
  if (message === undefined) return `${where} ${carried.payload.length} B`
  return 'payload' in message ? `${where} ${textLine(messageEntry(message))}` : `${where} ${faultText(message)}`
}

/** The values after the type in a row, each under the name of its column. */
function rowText([, ...values]: readonly unknown[]): string {
  if (values.length === 1) return plain(values[0])
  const columns = values.length === acknowledgementColumns.length ? acknowledgementColumns : dataColumns
  const told = values.map((value, i) => [columns[i], value] as const).filter(([, value]) => !isEmpty(value))
  return told.map(([name, value]) => `${name === '' ? '' : ` ${name}`}${plain(value)}`).join('')
}

const isEmpty = (value: unknown): boolean => Array.isArray(value) && value.length === 0

/** A value without the marks of JSON. */
function plain(value: unknown): string {
  if (Array.isArray(value)) return ` [${value.map(plain).join(',').trimStart()}]`
  if (typeof value !== 'object' || value === null) return value === '' ? '' : ` ${value ?? '-'}`
  return Object.entries(value)
    .filter(([, inner]) => inner !== '')
    .map(([name, inner]) => ` ${name}${plain(inner)}`)
    .join('')
}
