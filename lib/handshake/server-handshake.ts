import { isEncryption } from './encryption.ts'
import { Handshake, type HandshakeOptions } from './handshake.ts'
import { VERSION } from './packets.ts'

/** Options of ServerHandshake. */
export interface ServerHandshakeOptions extends HandshakeOptions {
  /** Whether a client that asks for RTMPE gets it, as it does unless this is false. */
  encryption?: boolean
}

/** What our S1 gives as version beside a digest: FFmpeg looks for one from major version 3 on. */
const SERVER_VERSION = 0x03_05_01_01
/** From here on the first byte is that of HTTP or another text (RTMP 1.0, 5.2.2). */
const DISALLOWED = 32
/** The ClientHello of TLS, which would otherwise wait for an answer that never comes. */
const TLS = 22

/**
 * The server's side: answers C0 and C1 with S0, S1 and S2 at once. It digests if the client does, by the client's scheme, and
 * encrypts if the client asks for it, by the client's version.
 *
 * @example
 * ```ts
 * const handshake = new ServerHandshake()
 * socket.on('data', bytes => {
 *   const { reply, rest } = handshake.feed(bytes)
 *   if (reply !== undefined) socket.write(reply)
 *   if (rest !== undefined) console.log('done')
 * })
 * ```
 */
export class ServerHandshake extends Handshake {
  readonly #encrypts: boolean

  constructor({ encryption = true, ...options }: ServerHandshakeOptions = {}) {
    super('server', options)
    this.#encrypts = encryption
  }

  override hello(): Buffer {
    return Buffer.alloc(0)
  }

  /** A reserved version is answered with 3, and the client may take it or leave (RTMP 1.0, 5.2.2). */
  protected override accepts(version: number): boolean {
    return version < DISALLOWED && version !== TLS && (this.#encrypts || !isEncryption(version))
  }

  protected override answer(version: number, c1: Buffer): Buffer {
    const digest = this.findDigest(c1)
    const s1 = this.firstPacket(digest === undefined ? 0 : SERVER_VERSION, this.scheme, isEncryption(version))
    this.keepSwfKey(s1)
    if (isEncryption(version)) this.agree(version, c1)
    const s0 = Buffer.of(this.encryption ?? VERSION)
    return Buffer.concat([s0, s1, digest === undefined ? c1 : this.secondPacket(digest)])
  }
}
