import { endpointsOf, ipPayload } from './ip.ts'
import type { Packet } from './packet.ts'

/** What one packet carries of UDP. */
export interface UdpDatagram {
  /** The endpoints, see `endpointName`. */
  readonly from: string
  readonly to: string
  readonly payload: Buffer
}

const UDP = 17
const UDP_LENGTH = 8

/** The UDP datagram in a packet; undefined if there is none, or if it is truncated or fragmented. */
export function udpDatagram(packet: Packet): UdpDatagram | undefined {
  const ip = ipPayload(packet)
  if (ip?.protocol !== UDP || ip.bytes.length < UDP_LENGTH) return undefined
  const length = ip.bytes.readUInt16BE(4)
  if (length < UDP_LENGTH || length > ip.bytes.length) return undefined
  return { ...endpointsOf(ip), payload: ip.bytes.subarray(UDP_LENGTH, length) }
}
