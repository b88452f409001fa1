/** What real RTMFP programs said to each other: their datagrams, and the keys that both ends wrote down. */
import { readdirSync, readFileSync } from 'node:fs'
import { PacketOpener } from '../../lib/rtmfp/crypto/packet-opener.ts'
import { defaultProtection, type PacketProtection } from '../../lib/rtmfp/crypto/packet-protection.ts'
import { framesOf } from './pcap-files.ts'

const folder = new URL('../../../test/captures/rtmfp/', import.meta.url)

export const rtmfpCaptures: readonly string[] = readdirSync(folder)
  .filter(name => name.endsWith('.pcap'))
  .map(name => name.slice(0, -'.pcap'.length))
  .sort()

export interface Datagram {
  readonly from: number
  readonly to: number
  readonly ms: number
  readonly bytes: Buffer
}

const UDP = 14 + 20

/** The datagrams of a capture, between ports of 127.0.0.1. */
export function datagramsOf(name: string): Datagram[] {
  return framesOf(readFileSync(new URL(`${name}.pcap`, folder))).map(({ nanoseconds, bytes }) => ({
    from: bytes.readUInt16BE(UDP),
    to: bytes.readUInt16BE(UDP + 2),
    ms: Number(nanoseconds / 1000n) / 1000,
    bytes: bytes.subarray(UDP + 8, UDP + bytes.readUInt16BE(UDP + 4))
  }))
}

/** A session of a keys file. */
export interface KeysOfSession {
  readonly group: number
  readonly secret: Buffer
  readonly cookie: Buffer
  readonly skic: Buffer
  readonly skrc: Buffer
  readonly initiator: KeysOfEnd
  readonly responder: KeysOfEnd
}

export interface KeysOfEnd {
  /** The id in packets to this end. */
  readonly sessionId: number
  readonly nonce: Buffer
  /** Of the packets that it sends. */
  readonly protection: PacketProtection
}

export function keysOf(name: string): KeysOfSession[] {
  const blocks = readFileSync(new URL(`${name}.keys.txt`, folder), 'latin1').split(/^session .*\n/m)
  return blocks.slice(1).map(block => {
    const fields = new Map(block.split('\n').map(line => line.split(' ') as [string, string]))
    const text = (key: string) => fields.get(key)!
    const bytes = (key: string) => Buffer.from(text(key), 'hex')
    const end = (role: string): KeysOfEnd => ({
      sessionId: bytes(`${role}-session-id`).readUInt32BE(),
      nonce: bytes(`${role}-nonce`),
      protection: {
        key: bytes(`${role}-key`),
        hmacKey: bytes(`${role}-hmac-key`),
        hmacLength: Number(text(`${role}-hmac-length`)),
        isSequenced: text(`${role}-sseq`) === '1'
      }
    })
    return {
      group: Number(text('dh-group')),
      secret: bytes('dh-secret'),
      cookie: bytes('cookie'),
      skic: bytes('skic'),
      skrc: bytes('skrc'),
      initiator: end('initiator'),
      responder: end('responder')
    }
  })
}

/** The packets of a capture, as they are inside the encryption, with their padding. */
export function packetsOf(name: string): Buffer[] {
  const ends = keysOf(name).flatMap(({ initiator, responder }) => [initiator.protection, responder.protection])
  const openers = [...ends, defaultProtection].map(protection => new PacketOpener(protection))
  return datagramsOf(name).map(({ bytes }) => {
    for (const opener of openers) {
      const packet = opener.open(bytes.subarray(4))
      if (packet !== undefined) return packet
    }
    throw new Error('no key opens it')
  })
}
