import { PacketOpener } from '../crypto/packet-opener.ts'
import { defaultProtection } from '../crypto/packet-protection.ts'
import { PacketSealer } from '../crypto/packet-sealer.ts'
import type { Address } from '../wire/address.ts'
import type { RtmfpChunk } from '../wire/chunk.ts'
import { PacketMode, type RtmfpPacket, readPacket, writePacket } from '../wire/packet.ts'
import { SESSION_ID_LENGTH, STARTUP_SESSION_ID, writeSessionId } from '../wire/session-id.ts'

/** Where a datagram comes from, or goes. */
export type Place = Pick<Address, 'address' | 'port'>

/** A datagram to be sent. */
export interface OutDatagram {
  readonly bytes: Buffer
  readonly to: Place
}

/** A packet as a datagram: encrypted, behind the id of the session that it is for. */
export function sealDatagram(sealer: PacketSealer, packet: Buffer, sessionId: number): Buffer {
  const datagram = sealer.seal(packet, SESSION_ID_LENGTH)
  writeSessionId(datagram, sessionId)
  return datagram
}

/** What an encrypted packet holds; undefined if it does not verify or is no packet. */
export function openPacket(opener: PacketOpener, encrypted: Buffer): RtmfpPacket | undefined {
  const packet = opener.open(encrypted)
  // mode 0, which is to be ignored, or cut inside its header
  if (packet === undefined || (packet[0]! & 0x03) === 0 || packet.length < 5) return undefined
  return readPacket(packet)
}

const PADDING = 0xff

/** The packets of startup, which the key that everybody knows encrypts (RFC 7425, 4.1). */
export class StartupPackets {
  readonly #sealer = new PacketSealer(defaultProtection)
  readonly #opener = new PacketOpener(defaultProtection)

  /** The datagram of a chunk, for an opening session if that is known; padded to `length` bytes or a few more. */
  seal(chunk: RtmfpChunk, sessionId: number = STARTUP_SESSION_ID, length = 0): Buffer {
    const packet = writePacket({
      mode: PacketMode.Startup,
      timeCritical: false,
      timeCriticalReverse: false,
      timestamp: undefined,
      timestampEcho: undefined,
      chunks: [chunk]
    })
    const padding = Math.max(0, length - packet.length - SESSION_ID_LENGTH)
    return sealDatagram(this.#sealer, Buffer.concat([packet, Buffer.alloc(padding, PADDING)]), sessionId)
  }

  /** The chunks of a startup packet; undefined if it is none. */
  open(encrypted: Buffer): readonly RtmfpChunk[] | undefined {
    const packet = openPacket(this.#opener, encrypted)
    return packet?.mode === PacketMode.Startup ? packet.chunks : undefined
  }
}

/** The chunks of what may be a startup packet. */
export const startupChunks = (packet: RtmfpPacket | undefined): readonly RtmfpChunk[] =>
  packet?.mode === PacketMode.Startup ? packet.chunks : []
