import { inflateSync } from 'node:zlib'
import { hmacSha256 } from '../crypto/digest.ts'
import { swfDigest } from './packets.ts'

/** What tells one SWF from another in SWF verification. */
export interface SwfHash {
  /** 32 bytes: HMAC-SHA256 of the SWF, uncompressed. */
  readonly hash: Buffer
  /** Its bytes, uncompressed. */
  readonly size: number
}

const HEADER_LENGTH = 8
const HASH_LENGTH = 32

/**
 * The hash of an SWF file, compressed or not: what rtmpdump's `--swfhash` and `--swfsize` want, and FFmpeg's options of these names.
 * @throws TypeError for what is no SWF, and for one that is compressed by LZMA.
 *
 * @example
 * ```ts
 * const wire = await connect('rtmp://127.0.0.1/live', { swf: swfHash(readFileSync('player.swf')) })
 * ```
 */
export function swfHash(file: Buffer): SwfHash {
  const swf = uncompressed(file)
  return { hash: swfDigest(swf), size: swf.length }
}

function uncompressed(file: Buffer): Buffer {
  const signature = file.toString('latin1', 0, 3)
  if (file.length < HEADER_LENGTH || !['FWS', 'CWS'].includes(signature))
    throw new TypeError('file is not an SWF: no FWS or CWS signature')
  if (signature === 'FWS') return file
  const maxOutputLength = file.readUInt32LE(4)
  const body = inflateSync(file.subarray(HEADER_LENGTH), { maxOutputLength })
  return Buffer.concat([Buffer.from('F'), file.subarray(1, HEADER_LENGTH), body])
}

/** What a player answers a server that asks which SWF it is: 42 bytes, keyed by the last 32 of S1. */
export function swfSignature({ hash, size }: SwfHash, key: Buffer): Buffer {
  const sizes = Buffer.alloc(8)
  sizes.writeUInt32BE(size, 0)
  sizes.writeUInt32BE(size, 4)
  return Buffer.concat([Buffer.of(1, 1), sizes, hmacSha256(key, hash)])
}

/** @throws TypeError for a hash that is not 32 bytes, RangeError for an invalid size. */
export function assertSwfHash({ hash, size }: SwfHash): void {
  if (hash?.length !== HASH_LENGTH) throw new TypeError(`swf.hash must be ${HASH_LENGTH} bytes`)
  if (!(Number.isInteger(size) && size > 0 && size < 2 ** 32))
    throw new RangeError(`swf.size must be an integer from 1 to ${2 ** 32 - 1}, not ${size}`)
}
