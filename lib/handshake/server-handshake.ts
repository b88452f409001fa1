import { firstPacket, Handshake } from './handshake.ts'
import { findDigest, PACKET_LENGTH, sign, VERSION, writeDigest } from './packets.ts'

/** What our S1 gives as version beside a digest: FFmpeg looks for one from major version 3 on. */
const SERVER_VERSION = 0x03_05_01_01
/** From here on the first byte is that of HTTP or another text (RTMP 1.0, 5.2.2). */
const DISALLOWED = 32
/** RTMPE, which is not spoken here yet, and the ClientHello of TLS, which would otherwise wait for an answer that never comes. */
const OTHER_PROTOCOLS = [6, 8, 9, 22]

/** The server's side: answers C0 and C1 with S0, S1 and S2 at once. It digests if the client does, by the client's scheme. */
export class ServerHandshake extends Handshake {
  override hello(): Buffer {
    return Buffer.alloc(0)
  }

  /** A reserved version is answered with 3, and the client may take it or leave (RTMP 1.0, 5.2.2). */
  protected override accepts(version: number): boolean {
    return version < DISALLOWED && !OTHER_PROTOCOLS.includes(version)
  }

  protected override answer(c1: Buffer): Buffer {
    const found = findDigest(c1, 'client')
    this.scheme = found?.scheme
    const s0 = Buffer.of(VERSION)
    const s1 = firstPacket(this.time, found === undefined ? 0 : SERVER_VERSION, this.random)
    if (found === undefined) return Buffer.concat([s0, s1, c1])
    writeDigest(s1, found.scheme, 'server')
    return Buffer.concat([s0, s1, sign(this.random(PACKET_LENGTH), found.digest, 'server')])
  }
}
