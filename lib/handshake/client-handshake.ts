import { type Encryption, isEncryption } from './encryption.ts'
import { Handshake, type HandshakeOptions } from './handshake.ts'
import { type DigestScheme, VERSION } from './packets.ts'

/** Options of ClientHandshake. */
export interface ClientHandshakeOptions extends HandshakeOptions {
  /**
   * The position of the digest in C1, or `'simple'` for none. Servers that know no digest read it as random bytes;
   * those of Adobe send H.264 only to a client with a digest. The default is 1, which FFmpeg sends; for RTMPE it is 0.
   */
  digest?: DigestScheme | 'simple'
  /**
   * Requests RTMPE of this version; librtmp and FFmpeg request 6. The server may choose another version; a server
   * without encryption is refused.
   */
  encryption?: Encryption
}

/** The version in C1 with a digest: FFmpeg's 9.0.124.2, which every server knows. */
const CLIENT_VERSION = 0x09_00_7c_02
/** The version in C1 for RTMPE: 128.0.3.2, as in librtmp and FFmpeg. */
const ENCRYPTING_CLIENT_VERSION = 0x80_00_03_02

/**
 * The client side: sends C0 and C1, answers S1 with C2.
 *
 * @example
 * ```ts
 * const handshake = new ClientHandshake()
 * socket.write(handshake.hello())
 * socket.on('data', bytes => {
 *   const { reply, rest } = handshake.feed(bytes)
 *   if (reply !== undefined) socket.write(reply)
 *   if (rest !== undefined) console.log('done')
 * })
 * ```
 */
export class ClientHandshake extends Handshake {
  readonly #asked: Encryption | undefined
  readonly #hello: Buffer

  /** @throws TypeError for an unknown encryption, and for one without a digest. */
  constructor({ encryption, digest = encryption === undefined ? 1 : 0, ...options }: ClientHandshakeOptions = {}) {
    super('client', options)
    const encrypts = encryption !== undefined
    if (encrypts && !isEncryption(encryption)) throw new TypeError(`encryption must be 6, 8 or 9, not ${encryption}`)
    if (encrypts && digest === 'simple') throw new TypeError('RTMPE requires a digest')
    this.#asked = encryption
    const c1 =
      digest === 'simple'
        ? this.firstPacket(0, undefined, false)
        : this.firstPacket(encrypts ? ENCRYPTING_CLIENT_VERSION : CLIENT_VERSION, digest, encrypts)
    this.#hello = Buffer.concat([Buffer.of(encryption ?? VERSION), c1])
  }

  override hello(): Buffer {
    return this.#hello
  }

  /** Adobe's servers and librtmp's rtmpsrv answer a request for 6 with 8. */
  protected override accepts(version: number): boolean {
    return this.#asked === undefined ? version === VERSION : isEncryption(version)
  }

  protected override answer(version: number, s1: Buffer): Buffer {
    const digest = this.findDigest(s1)
    this.keepSwfKey(s1)
    if (isEncryption(version)) this.agree(version, s1)
    return digest === undefined ? s1 : this.secondPacket(digest)
  }
}
