import { isFragment, linkPayload } from './ip.ts'
import type { Packet } from './packet.ts'

/** The number of kinds that are counted separately; a capture may contain any numbers. */
const MAX_KINDS = 32

const etherTypes: ReadonlyMap<number, string> = new Map([
  [0x0806, 'ARP'],
  [0x8847, 'MPLS, a tunnel'],
  [0x8848, 'MPLS, a tunnel'],
  [0x8863, 'PPPoE discovery'],
  [0x8864, 'PPPoE, a tunnel'],
  [0x88cc, 'LLDP'],
  [0x88e5, 'MACsec, encrypted']
])

const protocols: ReadonlyMap<number, string> = new Map([
  [1, 'ICMP'],
  [2, 'IGMP'],
  [4, 'IPv4 in IP, a tunnel'],
  [41, 'IPv6 in IP, a tunnel'],
  [47, 'GRE, a tunnel'],
  [50, 'ESP, encrypted'],
  [58, 'ICMPv6'],
  [132, 'SCTP']
])

const TCP = 6
const UDP = 17

/** By the port of either side. */
const udpPorts: ReadonlyMap<number, string> = new Map([
  [443, 'QUIC'],
  [1701, 'L2TP, a tunnel'],
  [1935, 'possibly RTMFP'],
  [2152, 'GTP-U, a tunnel'],
  [4500, 'IPsec, encrypted'],
  [4789, 'VXLAN, a tunnel'],
  [6081, 'Geneve, a tunnel'],
  [51820, 'WireGuard, encrypted']
])

/** Counts the packets without a TCP segment, by their contents. */
export class PassedOver {
  readonly #counts = new Map<string, number>()

  note(packet: Packet): void {
    const kind = kindOf(packet)
    const known = this.#counts.has(kind) || this.#counts.size < MAX_KINDS ? kind : 'other kinds'
    this.#counts.set(known, (this.#counts.get(known) ?? 0) + 1)
  }

  /** One sentence per kind, most packets first. */
  sentences(): string[] {
    return [...this.#counts]
      .sort(([, one], [, other]) => other - one)
      .map(([kind, count]) => `${count === 1 ? '1 packet' : `${count} packets`} of ${kind}, skipped`)
  }
}

function kindOf(packet: Packet): string {
  const link = linkPayload(packet)
  if (link === undefined) return `link type ${packet.linkType}`
  const { type, bytes } = link
  if (type !== undefined) return etherTypes.get(type) ?? `EtherType 0x${type.toString(16).padStart(4, '0')}`
  const version = (bytes[0] ?? 0) >> 4
  if (version !== 4 && version !== 6) return 'non-IP data'
  if (isFragment(bytes)) return 'fragmented IP'
  const protocol = bytes[version === 4 ? 9 : 6]
  if (protocol === UDP) return udpKind(bytes.subarray(version === 4 ? (bytes[0]! & 0x0f) * 4 : 40))
  if (protocol === undefined || protocol === TCP) return 'truncated TCP'
  return protocols.get(protocol) ?? `IP protocol ${protocol}`
}

function udpKind(udp: Buffer): string {
  if (udp.length < 4) return 'UDP'
  const ports = [udp.readUInt16BE(0), udp.readUInt16BE(2)]
  const port = ports.find(each => udpPorts.has(each))
  return port === undefined ? 'UDP' : `UDP port ${port}, ${udpPorts.get(port)}`
}
