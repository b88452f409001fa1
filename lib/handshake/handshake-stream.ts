import { readOut } from '../stream/read-out.ts'
import type { DuplexLike } from '../stream/typed.ts'
import { HandshakeLayer, type HandshakeLayerOptions } from './handshake-layer.ts'

/** Options of HandshakeStream. */
export type HandshakeStreamOptions = HandshakeLayerOptions

/**
 * A layer over a Duplex of bytes that shakes hands (RTMP 1.0, 5.2) and is then the plain bytes behind the handshake. It does
 * so by itself, read or not; what is written meanwhile waits. `'handshake'` tells when it is over. A peer that is no RTMP ends
 * it with `ERR_RTMP_HANDSHAKE_VERSION`, one that takes longer than `limits.handshakeMs` with `ERR_RTMP_HANDSHAKE_TIMEOUT`; one
 * that leaves before its end is a `'truncated'` event and a premature close. Where the handshake agrees on RTMPE, what goes
 * through here is enciphered and deciphered.
 */
export class HandshakeStream extends HandshakeLayer {
  constructor(lower: DuplexLike<Buffer, Buffer>, options: HandshakeStreamOptions = {}) {
    super(lower, options, { from: 'bytes', to: 'bytes' })
    readOut(lower)
  }

  protected override plain(bytes: Buffer): void {
    this.up(bytes)
  }

  /** What is written in one turn goes down in one: a chunk may be 128 bytes, and a write costs as much as 10 KB of them. */
  protected override outbound(bytes: Buffer): boolean {
    this.corkTurn()
    return this.down(bytes)
  }
}

/**
 * A HandshakeStream over a Duplex of bytes: it gives and takes the bytes behind the handshake. It ends with
 * `ERR_RTMP_HANDSHAKE_*`.
 */
export const handshakeStream = (lower: DuplexLike<Buffer, Buffer>, options?: HandshakeStreamOptions): HandshakeStream =>
  new HandshakeStream(lower, options)
