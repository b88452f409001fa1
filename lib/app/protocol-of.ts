/** The first byte of either side, where it tells (RTMP 1.0, 5.2.2). */
const byFirstByte: ReadonlyMap<number, string> = new Map([
  [3, 'RTMP'],
  [6, 'RTMPE, version 6'],
  [8, 'RTMPE, version 8'],
  [9, 'RTMPE, version 9'],
  [22, 'TLS, perhaps RTMPS']
])

/** The requests of RTMPT, by their paths. */
const RTMPT = /^POST \/(fcs\/ident|open\/|idle\/|send\/|close\/)/
const HTTP = /^([A-Z]{3,8} \/|HTTP\/1\.)/

/** `'RTMP'`, or what a connection looks like whose first bytes these are. */
export function protocolOf(bytes: Buffer): string {
  const known = byFirstByte.get(bytes[0]!)
  if (known !== undefined) return known
  const text = bytes.toString('latin1', 0, 32)
  if (RTMPT.test(text)) return 'RTMPT'
  if (HTTP.test(text)) return 'HTTP, no RTMPT'
  return `not RTMP, it begins with ${bytes.toString('hex', 0, 8)}`
}
