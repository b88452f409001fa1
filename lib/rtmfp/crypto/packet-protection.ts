/** How the packets of one direction are encrypted and verified (RFC 7425, 4.7). */
export interface PacketProtection {
  /** The packet encryption key, of which AES-128 takes the first 16 bytes. */
  readonly key: Buffer
  /** The key of the packet HMAC; unused where `hmacLength` is 0. */
  readonly hmacKey: Buffer
  /** Bytes of the truncated HMAC after each packet, 4 to 32; 0 for a simple checksum inside the packet instead. */
  readonly hmacLength: number
  /** Whether each packet begins with a session sequence number. */
  readonly isSequenced: boolean
}

/** The protection of startup packets in both directions, by the public Default Session Key (RFC 7425, 4.1). */
export const defaultProtection: PacketProtection = Object.freeze({
  key: Buffer.from('Adobe Systems 02'),
  hmacKey: Buffer.alloc(0),
  hmacLength: 0,
  isSequenced: false
})

/** @throws RangeError for a length that no HMAC-SHA256 may be truncated to. */
export function checkHmacLength(length: number): void {
  if (length !== 0 && !(Number.isInteger(length) && length >= 4 && length <= 32))
    throw new RangeError(`hmacLength must be 0, or 4 to 32 bytes, not ${length}`)
}
