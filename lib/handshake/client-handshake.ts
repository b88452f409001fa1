import { firstPacket, Handshake, type HandshakeOptions } from './handshake.ts'
import { type DigestScheme, findDigest, PACKET_LENGTH, sign, VERSION, writeDigest } from './packets.ts'

export interface ClientHandshakeOptions extends HandshakeOptions {
  /**
   * Where C1 has its digest, or `'simple'` for none. Servers that know no digest take it for random bytes, and those of
   * Adobe's kind give H.264 only to a client that digests. 1 is what FFmpeg sends, and the default.
   */
  digest?: DigestScheme | 'simple'
}

/** What our C1 gives as version beside a digest: FFmpeg's 9.0.124.2, which every server has seen. */
const CLIENT_VERSION = 0x09_00_7c_02

/** The client's side: sends C0 and C1, answers S1 with C2. */
export class ClientHandshake extends Handshake {
  readonly #hello: Buffer

  constructor({ digest = 1, ...options }: ClientHandshakeOptions = {}) {
    super(options)
    const c1 = firstPacket(this.time, digest === 'simple' ? 0 : CLIENT_VERSION, this.random)
    if (digest !== 'simple') writeDigest(c1, digest, 'client')
    this.#hello = Buffer.concat([Buffer.of(VERSION), c1])
  }

  override hello(): Buffer {
    return this.#hello
  }

  protected override accepts(version: number): boolean {
    return version === VERSION
  }

  protected override answer(s1: Buffer): Buffer {
    const found = findDigest(s1, 'server')
    this.scheme = found?.scheme
    return found === undefined ? s1 : sign(this.random(PACKET_LENGTH), found.digest, 'client')
  }
}
