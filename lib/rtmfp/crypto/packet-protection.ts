/** How the packets of one direction are encrypted and verified (RFC 7425, 4.7). */
export interface PacketProtection {
  /** The packet encryption key, of which AES-128 takes the first 16 bytes. */
  readonly key: Buffer
  /** The key of the packet HMAC; unused where `hmacLength` is 0. */
  readonly hmacKey: Buffer
  /** Bytes of the truncated HMAC behind each packet, 4 to 32; 0 if a simple checksum inside it stands for it. */
  readonly hmacLength: number
  /** Whether a session sequence number leads each packet. */
  readonly isSequenced: boolean
}

/** The protection of startup packets in both directions: by the Default Session Key, which everybody knows (RFC 7425, 4.1). */
export const defaultProtection: PacketProtection = Object.freeze({
  key: Buffer.from('Adobe Systems 02'),
  hmacKey: Buffer.alloc(0),
  hmacLength: 0,
  isSequenced: false
})

/** @throws RangeError for a length that no HMAC-SHA256 may be truncated to. */
export function checkHmacLength(length: number): void {
  if (length !== 0 && !(Number.isInteger(length) && length >= 4 && length <= 32))
    throw new RangeError(`length of an HMAC must be 0 or 4 to 32 bytes, not ${length}`)
}
