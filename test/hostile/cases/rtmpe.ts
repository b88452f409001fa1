import { getDiffieHellman } from 'node:crypto'
import { writeDigest, writeKey } from '../../../lib/handshake/packets.ts'
import { shaken } from '../../support/hostile.ts'
import { type Case, hex, joined, zeros } from './case.ts'

const PRIME = getDiffieHellman('modp2').getPrime()
const lessOne = (odd: Buffer): Buffer => Buffer.concat([odd.subarray(0, -1), Buffer.of(odd.at(-1)! - 1)])

/** C0 and C1 of RTMPE with this public key in it. */
function rtmpeHello(key: Buffer): Buffer {
  const c1 = Buffer.alloc(1536, 0x55)
  c1.writeUInt32BE(0x80_00_03_02, 4)
  writeKey(c1, 0, key)
  writeDigest(c1, 0, 'client')
  return Buffer.concat([Buffer.of(6), c1])
}

export const ofRtmpe: readonly Case[] = [
  {
    row: 'E1',
    what: 'RTMPE without a digest',
    behind: zeros(0),
    sends: [6, 8, 9].map(version => shaken(version)),
    asks: 'nothing',
    ends: 'ERR_RTMP_HANDSHAKE_DIGEST'
  },
  {
    row: 'E1',
    what: 'RTMPE with a key that gives the secret away: 0, 1, p - 1, p',
    behind: zeros(0),
    sends: [zeros(128), joined(zeros(127), hex('01')), lessOne(PRIME), PRIME].map(rtmpeHello),
    asks: 'nothing',
    ends: 'ERR_RTMP_HANDSHAKE_KEY'
  }
]
