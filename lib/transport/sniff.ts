import type { Duplex } from 'node:stream'
import { peek, type SniffOptions } from './peek.ts'

/** The protocol of a peer. `'rtmp'` includes RTMPE, and anything else that the handshake must judge. */
export type Spoken = 'rtmp' | 'tls' | 'http'

/** A TLS record of type handshake (RFC 8446, 5.1). */
const CLIENT_HELLO = 22

/**
 * Detects the protocol of a peer by its first byte, so that one port serves all. The byte stays in the stream. The
 * caller must read the Duplex at once. The result is undefined for a peer that ends before it sends a byte. A peer that
 * is silent for `limits.handshakeMs` is a ProtocolError `ERR_RTMP_HANDSHAKE_TIMEOUT`, and the caller destroys the
 * Duplex.
 */
export function sniff(bytes: Duplex, options?: SniffOptions): Promise<Spoken | undefined> {
  return peek(bytes, head => ({ what: spoken(head[0]!), byteLength: 0 }), 'handshake', options)
}

/** HTTP methods are capital letters. */
function spoken(first: number): Spoken {
  if (first === CLIENT_HELLO) return 'tls'
  return first >= 0x41 && first <= 0x5a ? 'http' : 'rtmp'
}
