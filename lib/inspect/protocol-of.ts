/** The first byte of either side, where it tells (RTMP 1.0, 5.2.2). */
const byFirstByte: ReadonlyMap<number, string> = new Map([
  [3, 'RTMP'],
  [6, 'RTMPE of version 6, which is encrypted and not read'],
  [8, 'RTMPE of version 8, which is encrypted and not read'],
  [9, 'RTMPE of version 9, which is encrypted and not read'],
  [22, 'TLS, perhaps RTMPS, which is encrypted and not read']
])

/** The requests of RTMPT, by their paths. */
const RTMPT = /^POST \/(fcs\/ident|open\/|idle\/|send\/|close\/)/
const HTTP = /^([A-Z]{3,8} \/|HTTP\/1\.)/

/** `'RTMP'`, or what a connection looks like whose first bytes these are, and why it is not read. */
export function protocolOf(bytes: Buffer): string {
  const known = byFirstByte.get(bytes[0]!)
  if (known !== undefined) return known
  const text = bytes.toString('latin1', 0, 32)
  if (RTMPT.test(text)) return 'RTMPT, which is not read: its bytes are the bodies of HTTP'
  if (HTTP.test(text)) return 'HTTP, no RTMPT'
  return `no handshake of RTMP, it begins with ${bytes.toString('hex', 0, 8)}`
}
