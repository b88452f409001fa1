import { KEY_LENGTH } from '../crypto/diffie-hellman.ts'
import { hmacSha256 } from '../crypto/digest.ts'

/** C0 and S0: one byte, the version. C1, C2, S1 and S2: 1536 bytes each (RTMP 1.0, 5.2). */
export const VERSION_LENGTH = 1
export const PACKET_LENGTH = 1536
/** What a handshake takes in each direction. */
export const HANDSHAKE_LENGTH: number = VERSION_LENGTH + 2 * PACKET_LENGTH
/** The plain version (RTMP 1.0, 5.2.2); those of RTMPE are an Encryption. */
export const VERSION = 3

/**
 * Where in C1 and S1 the digest lies, when there is one. The scheme is not announced: it is found by looking for a digest that
 * fits. Adobe published neither; the Flash Player digests by scheme 0, FFmpeg by 1. The numbers are those that SRS gave them.
 */
export type DigestScheme = 0 | 1

const DIGEST_LENGTH = 32
/** The signature ends C2 and S2. */
export const SIGNATURE_START: number = PACKET_LENGTH - DIGEST_LENGTH

/** Four bytes that, summed up, say how far behind `base` something lies. */
interface Place {
  readonly sumAt: number
  readonly base: number
  readonly modulus: number
}

const digestPlaces: Record<DigestScheme, Place> = {
  0: { sumAt: 772, base: 776, modulus: 728 },
  1: { sumAt: 8, base: 12, modulus: 728 }
}

/** RTMPE's key has the half of the packet that the digest has not. */
const keyPlaces: Record<DigestScheme, Place> = {
  0: { sumAt: 768, base: 8, modulus: 632 },
  1: { sumAt: 1532, base: 772, modulus: 632 }
}

const secret = Buffer.from('f0eec24a8068bee82e00d0d1029e7e576eec5d2d29806fab93b8e636cfeb31ae', 'hex')
const playerName = Buffer.from('Genuine Adobe Flash Player 001')
const serverName = Buffer.from('Genuine Adobe Flash Media Server 001')

export type Role = 'client' | 'server'

/** A digest in C1 or S1 is keyed with the name of its side, a signature in C2 or S2 with the name and a secret. */
const keys: Record<Role, { digest: Buffer; signature: Buffer }> = {
  client: { digest: playerName, signature: Buffer.concat([playerName, secret]) },
  server: { digest: serverName, signature: Buffer.concat([serverName, secret]) }
}

/** The digest in a C1 or S1 of `role`, and the scheme it lies by; undefined for a simple one. */
export function findDigest(packet: Buffer, role: Role): { scheme: DigestScheme; digest: Buffer } | undefined {
  // a version of zeros says that no digest was written (librtmp, GStreamer, OBS)
  if (packet.readUInt32BE(4) === 0) return undefined
  for (const scheme of [1, 0] as const) {
    const offset = offsetOf(packet, digestPlaces[scheme])
    const digest = packet.subarray(offset, offset + DIGEST_LENGTH)
    if (digestOf(packet, offset, role).equals(digest)) return { scheme, digest }
  }
  return undefined
}

/** Writes into a C1 or S1 of `role` the digest of all its other bytes, and gives it. */
export function writeDigest(packet: Buffer, scheme: DigestScheme, role: Role): Buffer {
  const offset = offsetOf(packet, digestPlaces[scheme])
  const digest = digestOf(packet, offset, role)
  digest.copy(packet, offset)
  return digest
}

/** The public key in a C1 or S1, and where it lies. */
export function readKey(packet: Buffer, scheme: DigestScheme): { key: Buffer; offset: number } {
  const offset = offsetOf(packet, keyPlaces[scheme])
  return { key: packet.subarray(offset, offset + KEY_LENGTH), offset }
}

/** Writes a public key into a C1 or S1, before its digest. */
export function writeKey(packet: Buffer, scheme: DigestScheme, key: Buffer): void {
  key.copy(packet, offsetOf(packet, keyPlaces[scheme]))
}

/** How a C2 or S2 of `role` is signed: keyed by the digest of the packet that it answers, and by what its role knows. */
export function signatureOf(packet: Buffer, answered: Buffer, role: Role): { signature: Buffer; key: Buffer } {
  const key = hmacSha256(keys[role].signature, answered)
  return { signature: hmacSha256(key, packet.subarray(0, SIGNATURE_START)), key }
}

/** The SHA-256 of an SWF, keyed as the digests of the Flash Player that plays it. */
export const swfDigest = (swf: Buffer): Buffer => hmacSha256(keys.client.digest, swf)

function offsetOf(packet: Buffer, { sumAt, base, modulus }: Place): number {
  const sum = packet[sumAt]! + packet[sumAt + 1]! + packet[sumAt + 2]! + packet[sumAt + 3]!
  return (sum % modulus) + base
}

function digestOf(packet: Buffer, offset: number, role: Role): Buffer {
  return hmacSha256(keys[role].digest, packet.subarray(0, offset), packet.subarray(offset + DIGEST_LENGTH))
}
