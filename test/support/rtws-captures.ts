import { readFileSync } from 'node:fs'
import { readPcap } from './captures.ts'

/** What tcconn.js in Chromium and tcserver said to each other by RTWebSocket: their messages, in order, and what an oracle says of them. */
const folder = new URL('../../../test/captures/rtws/', import.meta.url)

/** Milliseconds, side, code, then its fields, with data as its length. */
export type ExpectedRtwsMessage = readonly [number, 'C' | 'S', string, ...(number | string)[]]

interface ExpectedFlow {
  readonly side: 'C' | 'S'
  readonly flow: number
  readonly metadata: string
  readonly returnOf?: number
  /** Type, timestamp, length of the payload, first 12 digits of its SHA-1. */
  readonly messages: readonly (readonly [number, number, number, string])[]
}

export interface RtwsCapture {
  readonly client: readonly Buffer[]
  readonly server: readonly Buffer[]
  readonly expected: readonly ExpectedRtwsMessage[]
  readonly flows: readonly ExpectedFlow[]
}

export function readRtwsCapture(name: string): RtwsCapture {
  const { connections } = JSON.parse(readFileSync(new URL(`${name}.expected.json`, folder), 'utf8'))
  const [client, server] = readPcap(readFileSync(new URL(`${name}.pcap`, folder))).map(binaryMessages)
  const [{ messages, flows }] = connections
  return { client: client!, server: server!, expected: messages, flows }
}

const BINARY = 0x82

/** The binary messages behind the HTTP headers of one direction; none is cut into frames here. */
function binaryMessages(bytes: Buffer): Buffer[] {
  const messages: Buffer[] = []
  for (let at = bytes.indexOf('\r\n\r\n') + 4; at < bytes.length; ) {
    const short = bytes[at + 1]! & 0x7f
    const length = short < 126 ? short : bytes.readUInt16BE(at + 2)
    const isMasked = bytes[at + 1]! >= 0x80
    const start = at + (short < 126 ? 2 : 4)
    const data = Buffer.from(bytes.subarray(start + (isMasked ? 4 : 0)).subarray(0, length))
    if (isMasked) for (let i = 0; i < length; i++) data[i]! ^= bytes[start + (i % 4)]!
    if (bytes[at] === BINARY) messages.push(data)
    at = start + (isMasked ? 4 : 0) + length
  }
  return messages
}
