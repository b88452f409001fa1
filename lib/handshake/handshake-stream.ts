import { readOut } from '../stream/read-out.ts'
import type { DuplexLike } from '../stream/typed.ts'
import { HandshakeLayer, type HandshakeLayerOptions } from './handshake-layer.ts'

/** Options of HandshakeStream. */
export type HandshakeStreamOptions = HandshakeLayerOptions

/**
 * A layer over a Duplex of bytes that performs the handshake (RTMP 1.0, 5.2) and then carries the bytes after it. It
 * needs no reader for that; written data waits meanwhile. `'handshake'` is emitted at its end. A peer that does not
 * speak RTMP ends it with `ERR_RTMP_HANDSHAKE_VERSION`, one that takes longer than `limits.handshakeMs` with
 * `ERR_RTMP_HANDSHAKE_TIMEOUT`; one that ends before is a `'truncated'` event and a premature close. If the handshake
 * selects RTMPE, the bytes are encrypted and decrypted here.
 */
export class HandshakeStream extends HandshakeLayer {
  constructor(lower: DuplexLike<Buffer, Buffer>, options: HandshakeStreamOptions = {}) {
    super(lower, options, { from: 'bytes', to: 'bytes' })
    readOut(lower)
  }

  protected override plain(bytes: Buffer): void {
    this.up(bytes)
  }

  /**
   * Writes of one turn are passed down together: a chunk may have 128 bytes, and a write costs as much as 10 KB of
   * them.
   */
  protected override outbound(bytes: Buffer): boolean {
    this.corkTurn()
    return this.down(bytes)
  }
}

/**
 * A HandshakeStream over a Duplex of bytes: it carries the bytes after the handshake. It ends with
 * `ERR_RTMP_HANDSHAKE_*`.
 */
export const handshakeStream = (lower: DuplexLike<Buffer, Buffer>, options?: HandshakeStreamOptions): HandshakeStream =>
  new HandshakeStream(lower, options)
