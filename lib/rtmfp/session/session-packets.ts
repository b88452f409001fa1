import { ByteWriter } from '../../bytes/byte-writer.ts'
import { BLOCK_LENGTH } from '../crypto/packet-blocks.ts'
import { PacketOpener } from '../crypto/packet-opener.ts'
import type { PacketProtection } from '../crypto/packet-protection.ts'
import { CHECKSUM_LENGTH, PacketSealer } from '../crypto/packet-sealer.ts'
import { ReplayWindow } from '../crypto/replay-window.ts'
import type { RtmfpChunk } from '../wire/chunk.ts'
import { PacketMode, type RtmfpPacket, writePacket } from '../wire/packet.ts'
import { SESSION_ID_LENGTH } from '../wire/session-id.ts'
import { vluLength } from '../wire/vlu.ts'
import { type OutDatagram, openPacket, type Place, padded, sealDatagram } from './datagrams.ts'
import type { FlowChunks } from './flows.ts'
import { CERTAIN_LENGTH } from './path-mtu.ts'
import type { SessionStart } from './session-start.ts'
import { Timestamps } from './timestamps.ts'

/** Chunks of the session itself that may wait; a Ping beyond them is not answered. */
const MAX_WAITING = 16
/** Flags and timestamps. */
const MAX_HEADER_LENGTH = 5
/** Bytes of the longest session sequence number. */
const MAX_SEQUENCE_LENGTH = 8

/** The packets of a session, which are encrypted with its keys: chunks to datagrams, and back. */
export class SessionPackets {
  readonly timestamps: Timestamps = new Timestamps()
  /** Verified packets of the peer, packets to it, and the bytes of their datagrams. */
  packetsIn = 0
  packetsOut = 0
  bytesIn = 0
  bytesOut = 0
  #waiting: { readonly chunk: RtmfpChunk; readonly to: Place; readonly length: number }[] = []
  readonly #farId: number
  readonly #protection: PacketProtection
  readonly #nearMode: PacketMode
  readonly #farMode: PacketMode
  readonly #writer = new ByteWriter(CERTAIN_LENGTH)
  readonly #sealer: PacketSealer
  readonly #opener: PacketOpener
  readonly #replays: ReplayWindow | undefined

  constructor({ role, farId, agreement: { initiator, responder } }: SessionStart) {
    const isInitiator = role === 'initiator'
    const [near, far] = isInitiator ? [initiator, responder] : [responder, initiator]
    this.#farId = farId
    this.#nearMode = isInitiator ? PacketMode.Initiator : PacketMode.Responder
    this.#farMode = isInitiator ? PacketMode.Responder : PacketMode.Initiator
    this.#protection = near.protection
    this.#sealer = new PacketSealer(near.protection)
    this.#opener = new PacketOpener(far.protection)
    this.#replays = far.protection.isSequenced ? new ReplayWindow() : undefined
  }

  /** Decrypts a packet of the peer. One that does not verify, or is a replay, has no effect. */
  open(encrypted: Buffer, now: number): RtmfpPacket | undefined {
    const packet = openPacket(this.#opener, encrypted)
    if (packet?.mode !== this.#farMode || this.#replays?.accepts(this.#opener.sequence) === false) return undefined
    this.packetsIn++
    this.bytesIn += SESSION_ID_LENGTH + encrypted.length
    this.timestamps.hear(packet, now)
    return packet
  }

  /** Queues a chunk of the session itself, for a packet with no other chunk: see `seal`. */
  say(chunk: RtmfpChunk, to: Place, length: number): void {
    if (this.#waiting.length < MAX_WAITING) this.#waiting.push({ chunk, to, length })
  }

  /** The datagrams of the queued chunks. */
  *said(now: number, timeCriticalReverse = false): Generator<OutDatagram, void> {
    for (const { chunk, to, length } of this.#waiting.splice(0)) {
      const chunks = { chunks: [chunk], timeCritical: false, timeCriticalReverse }
      yield { bytes: this.seal(chunks, now, length), to }
    }
  }

  /** Bytes of chunks that a datagram of so many bytes has room for. */
  room(length: number): number {
    return this.#plainLength(length) - MAX_HEADER_LENGTH - (this.#protection.isSequenced ? MAX_SEQUENCE_LENGTH : 0)
  }

  /** The datagram of these chunks, padded to `length` bytes or up to a block less. */
  seal({ chunks, timeCritical, timeCriticalReverse }: FlowChunks, now: number, length = 0): Buffer {
    const { timestamp, timestampEcho } = this.timestamps.stamp(now)
    const header = { mode: this.#nearMode, timeCritical, timeCriticalReverse, timestamp, timestampEcho, chunks }
    const packet = writePacket(header, this.#writer)
    const sequenceLength = this.#protection.isSequenced ? vluLength(this.#sealer.sequence) : 0
    const padding = Math.max(0, this.#plainLength(length) - sequenceLength - packet.length)
    const datagram = sealDatagram(this.#sealer, padded(packet, padding), this.#farId)
    this.packetsOut++
    this.bytesOut += datagram.length
    return datagram
  }

  /** Bytes that a datagram of so many bytes has for a packet and its session sequence number. */
  #plainLength(length: number): number {
    const { hmacLength } = this.#protection
    const blocks = Math.floor((length - SESSION_ID_LENGTH - hmacLength) / BLOCK_LENGTH)
    return blocks * BLOCK_LENGTH - (hmacLength > 0 ? 0 : CHECKSUM_LENGTH)
  }
}
