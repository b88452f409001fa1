import { isIP } from 'node:net'
import type { ByteReader } from '../../bytes/byte-reader.ts'
import type { ByteWriter } from '../../bytes/byte-writer.ts'

/** The origin of an address (RFC 7016, 2.1.5): who claims that it belongs to an endpoint. */
export const AddressOrigin = { Other: 0, Reported: 1, Observed: 2, Relay: 3 } as const

/** An Internet socket address (RFC 7016, 2.1.5). */
export interface Address {
  /** An IPv4 or IPv6 address in the form of `dgram`: `192.0.2.1`, `2001:db8::1`. */
  readonly address: string
  /** 0 to 65535. */
  readonly port: number
  /** 0 to 3: see AddressOrigin. */
  readonly origin: number
}

const IPV6_FLAG = 0x80
const ORIGIN_BITS = 0x03
const IPV4_LENGTH = 4
const IPV6_LENGTH = 16

/** @throws ProtocolError `ERR_RTMP_TRUNCATED`. */
export function readAddress(reader: ByteReader): Address {
  const flags = reader.u8()
  const bytes = reader.view((flags & IPV6_FLAG) === 0 ? IPV4_LENGTH : IPV6_LENGTH)
  return { address: ipText(bytes), port: reader.u16(), origin: flags & ORIGIN_BITS }
}

/** @throws RangeError if `address` is neither IPv4 nor IPv6. */
export function writeAddress(writer: ByteWriter, { address, port, origin }: Address): void {
  const bytes = ipBytes(address)
  writer
    .u8((bytes.length === IPV6_LENGTH ? IPV6_FLAG : 0) | (origin & ORIGIN_BITS))
    .raw(bytes)
    .u16(port)
}

/** An address and its port as URLs have them: `192.0.2.1:1935`, `[2001:db8::1]:1935`. */
export const addressText = ({ address, port }: Pick<Address, 'address' | 'port'>): string =>
  address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`

const ADDRESS_TEXT = /^(?:\[([0-9a-f:.]+)\]|([0-9.]+)):(\d{1,5})$/i

/** The inverse of addressText, with the origin of an address that its owner reports; undefined for anything else. */
export function parseAddress(text: string): Address | undefined {
  const [, six, four, digits] = ADDRESS_TEXT.exec(text) ?? []
  const [address, port] = [six ?? four ?? '', Number(digits)]
  const family = isIP(address)
  if (port > 0xffff || family !== (six === undefined ? 4 : 6)) return undefined
  return {
    address: family === 6 ? ipText(Buffer.from(ipBytes(address))) : address,
    port,
    origin: AddressOrigin.Reported
  }
}

function ipText(bytes: Buffer): string {
  if (bytes.length === IPV4_LENGTH) return bytes.join('.')
  // URL normalizes an IPv6 address to its shortest form (RFC 5952), in brackets
  return new URL(`http://[${bytes.toString('hex').match(/.{4}/g)!.join(':')}]`).hostname.slice(1, -1)
}

function ipBytes(text: string): Uint8Array {
  const family = isIP(text)
  if (family === 0) throw new RangeError(`address must be IPv4 or IPv6, not ${text}`)
  if (family === 4) return Uint8Array.from(text.split('.').map(Number))
  // the zone of an address has a meaning only on its own host
  const [short] = text.split('%') as [string]
  const [head, tail] = new URL(`http://[${short}]`).hostname.slice(1, -1).split('::') as [string, string?]
  const [before, after] = [words(head), words(tail ?? '')]
  const zeros = Array<number>(IPV6_LENGTH / 2 - before.length - after.length).fill(0)
  return Uint8Array.from([...before, ...zeros, ...after].flatMap(word => [word >>> 8, word & 0xff]))
}

const words = (text: string): number[] => (text === '' ? [] : text.split(':').map(word => Number.parseInt(word, 16)))
