import { hmacSha256 } from '../../crypto/digest.ts'

/** The keys of the packets that one end of a session sends, and its nonce (RFC 7425, 4.6.3 to 4.6.5). 32 bytes each. */
export interface EndKeys {
  /** The packet encryption key. */
  readonly key: Buffer
  readonly hmacKey: Buffer
  /** The nonce of this end, for authentication within the session. */
  readonly nonce: Buffer
}

/** Derives the keys of both ends from the shared secret, without leading zeros, and the two components, as they were sent. */
export function sessionKeys(secret: Buffer, skic: Buffer, skrc: Buffer): { initiator: EndKeys; responder: EndKeys } {
  const keysOf = (near: Buffer, far: Buffer): EndKeys => {
    const key = hmacSha256(secret, hmacSha256(far, near))
    return { key, hmacKey: hmacSha256(secret, key), nonce: hmacSha256(secret, near) }
  }
  return { initiator: keysOf(skic, skrc), responder: keysOf(skrc, skic) }
}
