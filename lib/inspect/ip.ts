import type { Packet } from './packet.ts'

/** What an IP packet carries: a whole segment or datagram of the protocol. */
export interface IpPayload {
  /** 6 for TCP, 17 for UDP. */
  readonly protocol: number
  /** The addresses, a byte a character. */
  readonly source: string
  readonly destination: string
  readonly bytes: Buffer
}

/** The bytes before the IP packet, and the position of its EtherType among them, if there is one. */
interface LinkHeader {
  readonly length: number
  readonly typeAt?: number
}

/** By link type: null and loopback, Ethernet, raw IP under all its numbers, Linux cooked v1 and v2. */
const linkHeaders: ReadonlyMap<number, LinkHeader> = new Map<number, LinkHeader>([
  [0, { length: 4 }],
  [108, { length: 4 }],
  [1, { length: 14, typeAt: 12 }],
  ...[12, 14, 101, 228, 229].map(type => [type, { length: 0 }] as const),
  [113, { length: 16, typeAt: 14 }],
  [276, { length: 20, typeAt: 0 }]
])

const IP_TYPES = [0x0800, 0x86dd]
/** 802.1Q and 802.1ad: four bytes, the last two of them the next EtherType. */
const VLAN_TYPES = [0x8100, 0x88a8]
const VLAN_LENGTH = 4

const IPV4_LENGTH = 20
const IPV6_LENGTH = 40
/** More fragments, and the offset of this one. */
const FRAGMENT_BITS = 0x3fff
const AUTHENTICATION = 51
const FRAGMENT = 44
/** Extension headers of IPv6 that may precede the payload: hop-by-hop, routing, fragment, authentication, destination. */
const EXTENSIONS = [0, 43, FRAGMENT, AUTHENTICATION, 60]

/** The payload of the IP packet in a packet; undefined if there is none, or if its headers are truncated or it is a fragment. */
export function ipPayload(packet: Packet): IpPayload | undefined {
  const { type, bytes: ip } = linkPayload(packet) ?? {}
  if (ip === undefined || type !== undefined || ip.length < IPV4_LENGTH) return undefined
  const version = ip[0]! >> 4
  if (version === 4) return inIpv4(ip)
  return version === 6 ? inIpv6(ip) : undefined
}

/** The source and the destination of a payload whose first four bytes are their ports. */
export function endpointsOf({ source, destination, bytes }: IpPayload): { from: string; to: string } {
  return { from: source + bytes.toString('latin1', 0, 2), to: destination + bytes.toString('latin1', 2, 4) }
}

/** An endpoint as people write it: `127.0.0.1:1935`, `[::1]:1935`. */
export function endpointName(endpoint: string): string {
  const bytes = Buffer.from(endpoint, 'latin1')
  const address = bytes.subarray(0, -2)
  const port = bytes.readUInt16BE(address.length)
  if (address.length === 4) return `${address.join('.')}:${port}`
  const groups = address.toString('hex').match(/.{4}/g)!
  return `${new URL(`http://[${groups.join(':')}]`).hostname}:${port}`
}

/** The bytes after a packet's link header, with their EtherType if it is not that of IP; undefined for an unknown link type. */
export function linkPayload({ linkType, bytes }: Packet): { type: number | undefined; bytes: Buffer } | undefined {
  const header = linkHeaders.get(linkType)
  if (header === undefined) return undefined
  if (bytes.length < header.length) return { type: undefined, bytes: bytes.subarray(bytes.length) }
  let rest = bytes.subarray(header.length)
  if (header.typeAt === undefined) return { type: undefined, bytes: rest }
  let type = bytes.readUInt16BE(header.typeAt)
  while (VLAN_TYPES.includes(type) && rest.length >= VLAN_LENGTH) {
    type = rest.readUInt16BE(2)
    rest = rest.subarray(VLAN_LENGTH)
  }
  return { type: IP_TYPES.includes(type) ? undefined : type, bytes: rest }
}

/** Whether an IP packet holds a part of another. */
export function isFragment(ip: Buffer): boolean {
  if (ip[0]! >> 4 === 4) return ip.length >= IPV4_LENGTH && (ip.readUInt16BE(6) & FRAGMENT_BITS) !== 0
  return ip[6] === FRAGMENT
}

function inIpv4(ip: Buffer): IpPayload | undefined {
  const header = (ip[0]! & 0x0f) * 4
  if (header < IPV4_LENGTH || (ip.readUInt16BE(6) & FRAGMENT_BITS) !== 0) return undefined
  // the length is 0 if the network card cuts segments itself; otherwise the bytes after it are padding of the frame
  const end = ip.readUInt16BE(2) || ip.length
  return { protocol: ip[9]!, source: text(ip, 12, 16), destination: text(ip, 16, 20), bytes: ip.subarray(header, end) }
}

function inIpv6(ip: Buffer): IpPayload | undefined {
  if (ip.length < IPV6_LENGTH) return undefined
  const end = ip.readUInt16BE(4) === 0 ? ip.length : IPV6_LENGTH + ip.readUInt16BE(4)
  let protocol = ip[6]!
  let at = IPV6_LENGTH
  while (EXTENSIONS.includes(protocol)) {
    if (at + 8 > ip.length) return undefined
    if (protocol === FRAGMENT && (ip.readUInt16BE(at + 2) & 0xfff9) !== 0) return undefined
    const length = ip[at + 1]!
    const size = protocol === AUTHENTICATION ? (length + 2) * 4 : protocol === FRAGMENT ? 8 : (length + 1) * 8
    protocol = ip[at]!
    at += size
  }
  return { protocol, source: text(ip, 8, 24), destination: text(ip, 24, 40), bytes: ip.subarray(at, end) }
}

const text = (ip: Buffer, start: number, end: number) => ip.toString('latin1', start, end)
