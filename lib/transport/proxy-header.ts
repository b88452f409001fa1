import { isIPv4, isIPv6, SocketAddress } from 'node:net'
import { ProtocolError } from '../errors.ts'

/** A header of the PROXY protocol (HAProxy, "The PROXY protocol", versions 1 and 2). */
export interface ProxyHeader {
  /** Its length in bytes. */
  readonly byteLength: number
  /** The address of the client. Absent if the header names none: LOCAL, UNKNOWN, UNSPEC, or a UNIX socket. */
  readonly source?: SocketAddress
}

const TEXT = Buffer.from('PROXY ')
const BINARY = Buffer.from('\r\n\r\n\0\r\nQUIT\n')
/** The longest header of version 1, with its line end. */
const TEXT_BYTES = 107
/** The fixed part of a header of version 2. */
const BINARY_BYTES = 16
/** The length of both addresses of version 2, by family: UNSPEC, INET, INET6, UNIX. */
const ADDRESS_BYTES = [0, 12, 36, 216] as const
const INET = 1
const INET6 = 2

/**
 * Reads the header that `bytes` begin with. Undefined until all of it is there: at most 107 bytes for version 1, and
 * 16 + 65,535 for version 2.
 * @throws ProtocolError `ERR_RTMP_PROXY_HEADER`, with the offset of the field that is invalid.
 */
export function readProxyHeader(bytes: Buffer): ProxyHeader | undefined {
  const signature = bytes[0] === BINARY[0] ? BINARY : TEXT
  const there = Math.min(bytes.length, signature.length)
  for (let at = 0; at < there; at++) if (bytes[at] !== signature[at]) throw invalid('signature', at)
  if (there < signature.length) return undefined
  return signature === BINARY ? readBinary(bytes) : readText(bytes)
}

/** Version 1: `PROXY TCP4 192.0.2.1 198.51.100.1 50000 1935`, and a line end. */
function readText(bytes: Buffer): ProxyHeader | undefined {
  const line = bytes.toString('latin1', 0, TEXT_BYTES)
  const end = line.indexOf('\r\n')
  if (end < 0 && bytes.length >= TEXT_BYTES) throw invalid('line end', TEXT_BYTES)
  if (end < 0) return undefined
  const fields = line.slice(TEXT.length, end).split(' ')
  const [family, address = '', , port] = fields
  const byteLength = end + 2
  if (family === 'UNKNOWN') return { byteLength }
  if (family !== 'TCP4' && family !== 'TCP6') throw invalid('family', TEXT.length)
  const isAddress = family === 'TCP4' ? isIPv4 : isIPv6Address
  const are = [undefined, isAddress, isAddress, isPort, isPort]
  let at = TEXT.length
  for (const [i, is] of are.entries()) {
    const field = fields[i] ?? ''
    if (is?.(field) === false) throw invalid(is === isPort ? 'port' : 'address', Math.min(at, end))
    at += field.length + 1
  }
  if (fields.length > are.length) throw invalid('line end', at - 1)
  return { byteLength, source: socketAddress(address, Number(port)) }
}

function readBinary(bytes: Buffer): ProxyHeader | undefined {
  if (bytes.length < BINARY_BYTES) return undefined
  const [version, command] = [bytes[12]! >> 4, bytes[12]! & 15]
  if (version !== 2) throw invalid('version', 12)
  if (command > 1) throw invalid('command', 12)
  const [family, protocol] = [bytes[13]! >> 4, bytes[13]! & 15]
  const addressBytes = ADDRESS_BYTES[family]
  if (addressBytes === undefined || protocol > 2) throw invalid('family', 13)
  const length = bytes.readUInt16BE(14)
  // LOCAL: a health check of the proxy, which has no client
  const isLocal = command === 0
  if (!isLocal && length < addressBytes) throw invalid('length', 14)
  const byteLength = BINARY_BYTES + length
  if (bytes.length < byteLength) return undefined
  if (isLocal || (family !== INET && family !== INET6)) return { byteLength }
  const source = bytes.subarray(BINARY_BYTES, BINARY_BYTES + (addressBytes - 4) / 2)
  const address = family === INET ? source.join('.') : source.toString('hex').replace(/....(?=.)/g, '$&:')
  return { byteLength, source: socketAddress(address, bytes.readUInt16BE(BINARY_BYTES + addressBytes - 4)) }
}

/** In its usual spelling: `::1`. */
const socketAddress = (address: string, port: number): SocketAddress =>
  new SocketAddress({ address, port, family: isIPv4(address) ? 'ipv4' : 'ipv6' })

const isIPv6Address = (text: string): boolean => isIPv6(text) && !text.includes('%')

const isPort = (text: string): boolean => /^(0|[1-9]\d{0,4})$/.test(text) && Number(text) <= 65_535

const invalid = (what: string, offset: number): ProtocolError =>
  new ProtocolError('ERR_RTMP_PROXY_HEADER', { layer: 'proxy-header', offset, detail: what })
