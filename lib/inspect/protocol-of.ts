/** The first byte of either side, where it tells (RTMP 1.0, 5.2.2). */
const byFirstByte: ReadonlyMap<number, string> = new Map([
  [3, 'RTMP'],
  [6, 'RTMPE version 6, encrypted, not decoded'],
  [8, 'RTMPE version 8, encrypted, not decoded'],
  [9, 'RTMPE version 9, encrypted, not decoded'],
  [22, 'TLS, possibly RTMPS, encrypted, not decoded']
])

/** The requests of RTMPT, by their paths. */
const RTMPT = /^POST \/(fcs\/ident|open\/|idle\/|send\/|close\/)/
const HTTP = /^([A-Z]{3,8} \/|HTTP\/1\.)/

/** `'RTMP'`, or what a connection looks like whose first bytes these are, and why it is not read. */
export function protocolOf(bytes: Buffer): string {
  const known = byFirstByte.get(bytes[0]!)
  if (known !== undefined) return known
  const text = bytes.toString('latin1', 0, 32)
  if (RTMPT.test(text)) return 'RTMPT, tunnelled in HTTP, not decoded'
  if (HTTP.test(text)) return 'HTTP, not RTMPT'
  return `no RTMP handshake, first bytes ${bytes.toString('hex', 0, 8)}`
}
