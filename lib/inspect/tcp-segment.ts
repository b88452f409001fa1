import { endpointsOf, ipPayload } from './ip.ts'
import type { Packet } from './packet.ts'

/** What one packet carries of a TCP connection. */
export interface TcpSegment {
  /** The endpoints, see `endpointName`. */
  readonly from: string
  readonly to: string
  readonly sequence: number
  readonly syn: boolean
  readonly ack: boolean
  readonly fin: boolean
  readonly rst: boolean
  readonly payload: Buffer
}

const TCP = 6
const TCP_LENGTH = 20

const FIN_FLAG = 0x01
const SYN_FLAG = 0x02
const RST_FLAG = 0x04
const ACK_FLAG = 0x10

/**
 * The TCP segment in a packet; undefined if there is none, or if its headers are truncated. Segments in IP fragments are
 * ignored, as if they were not captured: TCP avoids fragments.
 */
export function tcpSegment(packet: Packet): TcpSegment | undefined {
  const ip = ipPayload(packet)
  if (ip?.protocol !== TCP || ip.bytes.length < TCP_LENGTH) return undefined
  const tcp = ip.bytes
  const header = (tcp[12]! >> 4) * 4
  if (header < TCP_LENGTH || header > tcp.length) return undefined
  const flags = tcp[13]!
  return {
    ...endpointsOf(ip),
    sequence: tcp.readUInt32BE(4),
    syn: (flags & SYN_FLAG) !== 0,
    ack: (flags & ACK_FLAG) !== 0,
    fin: (flags & FIN_FLAG) !== 0,
    rst: (flags & RST_FLAG) !== 0,
    payload: tcp.subarray(header)
  }
}
