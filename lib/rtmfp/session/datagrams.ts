import type { ProtocolError } from '../../errors.ts'
import { type Limits, limitsWith } from '../../limits.ts'
import { PacketOpener } from '../crypto/packet-opener.ts'
import { defaultProtection } from '../crypto/packet-protection.ts'
import { PacketSealer } from '../crypto/packet-sealer.ts'
import type { Address } from '../wire/address.ts'
import type { RtmfpChunk } from '../wire/chunk.ts'
import { PacketMode, type RtmfpPacket, readPacket, writePacket } from '../wire/packet.ts'
import { PacketAssembler } from '../wire/packet-assembler.ts'
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

/** The content of an encrypted packet; undefined if it does not verify or is malformed. */
export function openPacket(opener: PacketOpener, encrypted: Buffer): RtmfpPacket | undefined {
  const packet = opener.open(encrypted)
  // mode 0, which is ignored (RFC 7016, 2.2.4), or truncated inside its header
  if (packet === undefined || (packet[0]! & 0x03) === 0 || packet.length < 5) return undefined
  return readPacket(packet)
}

const PADDING = 0xff

/** A packet with so many bytes of padding (RFC 7016, 2.2.4). */
export const padded = (packet: Buffer, padding: number): Buffer =>
  padding === 0 ? packet : Buffer.concat([packet, Buffer.alloc(padding, PADDING)])

/** Startup packets, which are encrypted with the Default Session Key (RFC 7425, 4.1). */
export class StartupPackets {
  readonly #sealer = new PacketSealer(defaultProtection)
  readonly #opener = new PacketOpener(defaultProtection)
  readonly #fragments: PacketAssembler

  constructor(limits: Limits = limitsWith()) {
    this.#fragments = new PacketAssembler({ limits })
  }

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
    return sealDatagram(this.#sealer, padded(packet, padding), sessionId)
  }

  /** The chunks of a startup packet; undefined if the packet is not valid. */
  open(encrypted: Buffer): readonly RtmfpChunk[] | undefined {
    const packet = openPacket(this.#opener, encrypted)
    return packet?.mode === PacketMode.Startup ? packet.chunks : undefined
  }

  /** These chunks of a startup packet, and the chunks of a fragmented packet that they complete. */
  *joined(chunks: readonly RtmfpChunk[], source: string, now: number): Generator<RtmfpChunk, void> {
    for (const chunk of chunks) {
      const whole = chunk.kind === 'PacketFragment' ? this.#fragments.add(source, chunk, now) : undefined
      const packet = whole && readable(() => readPacket(whole))
      if (whole === undefined) yield chunk
      else if (packet?.mode === PacketMode.Startup) yield* packet.chunks
    }
  }
}

/** What is read from a peer's bytes; undefined if they are malformed. */
export function readable<Value>(read: () => Value): Value | undefined {
  try {
    return read()
  } catch (error) {
    if ((error as Partial<ProtocolError>).layer === 'rtmfp') return undefined
    throw error
  }
}
