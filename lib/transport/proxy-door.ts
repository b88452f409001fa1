import { BlockList, isIP, isIPv6, Socket, type SocketAddress } from 'node:net'
import type { Duplex } from 'node:stream'
import { peek, type SniffOptions } from './peek.ts'
import { readProxyHeader } from './proxy-header.ts'

/** Which connections begin with a header of the PROXY protocol. */
export interface ProxyProtocolOptions {
  /**
   * The addresses of the proxies: `['10.0.0.0/8', '127.0.0.1', 'fd00::/8']`, or a BlockList. A connection from one of
   * them must begin with a header of version 1 or 2; any other must not, because a header can claim any address.
   */
  from: readonly string[] | BlockList
}

type WithAddress = Duplex & { remoteAddress?: string }

/**
 * Takes the header of the PROXY protocol off a connection from a trusted address. The Duplex has the address of the
 * client from then on: `remoteAddress`, `remotePort`, `remoteFamily`. False for a peer that ends before its header does.
 * @throws TypeError for something that is neither an address nor a range.
 */
export function proxyDoor({ from }: ProxyProtocolOptions, options: SniffOptions): (bytes: Duplex) => Promise<boolean> {
  const trusted = from instanceof BlockList ? from : blockList(from)
  /** A connection that was upgraded may come in again. */
  const known = new WeakSet<Duplex>()
  return async (bytes: WithAddress) => {
    const { remoteAddress: address = '' } = bytes
    if (known.has(bytes) || !isIP(address) || !trusted.check(address, isIPv6(address) ? 'ipv6' : 'ipv4')) return true
    known.add(bytes)
    const find = (head: Buffer) => {
      const header = readProxyHeader(head)
      return header && { what: header, byteLength: header.byteLength }
    }
    const header = await peek(bytes, find, 'proxy-header', options)
    if (header?.source !== undefined) setPeer(bytes, header.source)
    return header !== undefined
  }
}

function blockList(from: readonly string[]): BlockList {
  const list = new BlockList()
  for (const each of from) {
    const [address = '', prefix, ...more] = each.split('/')
    const family = isIPv6(address) ? 'ipv6' : 'ipv4'
    const most = family === 'ipv6' ? 128 : 32
    const isRange = prefix === undefined || (/^\d{1,3}$/.test(prefix) && Number(prefix) <= most && more.length === 0)
    if (!isIP(address) || address.includes('%') || !isRange)
      throw new TypeError(`proxyProtocol.from: ${each} is not an IP address or range`)
    list.addSubnet(address, prefix === undefined ? most : Number(prefix), family)
  }
  return list
}

const NAMES = ['remoteAddress', 'remotePort', 'remoteFamily'] as const

function setPeer(bytes: Duplex, { address, port, family }: SocketAddress): void {
  const values = { remoteAddress: address, remotePort: port, remoteFamily: family === 'ipv6' ? 'IPv6' : 'IPv4' }
  for (const name of NAMES) Object.defineProperty(bytes, name, { value: values[name], configurable: true })
}

/** Gives what lies over a connection, such as its TLSSocket, the address that a header gave to the connection. */
export function copyPeer(from: Duplex, to: Duplex): void {
  for (const name of NAMES) {
    const own = Object.getOwnPropertyDescriptor(from, name)
    if (own !== undefined) Object.defineProperty(to, name, own)
  }
}

/** Both ends of a TCP connection, whatever a header says; they are the same above TLS. */
export const ends = (socket: Socket): string =>
  ['remoteAddress', 'remotePort', 'localAddress', 'localPort']
    .map(name =>
      socket instanceof Socket ? Reflect.get(Socket.prototype, name, socket) : socket[name as keyof Socket]
    )
    .join(' ')
