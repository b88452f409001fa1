/**
 * The simple checksum (RFC 7425, 4.7.3.1): the ones' complement of the ones' complement sum of all 16-bit words from `start` on. An odd last
 * byte is the lower half of its word; in the checksum of IP it is the upper half.
 */
export function checksum(bytes: Uint8Array, start: number): number {
  let sum = 0
  let at = start
  for (const end = bytes.length - 1; at < end; at += 2) sum += (bytes[at]! << 8) | bytes[at + 1]!
  if (at < bytes.length) sum += bytes[at]!
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16)
  return ~sum & 0xffff
}
