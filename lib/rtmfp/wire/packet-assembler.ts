import { type Limits, limitsWith } from '../../limits.ts'
import type { PacketFragment } from './packet-fragment.ts'

/** Milliseconds within which a packet must be complete, and within which its next fragment must arrive (RFC 7016, 2.3.1). */
const MAX_AGE_MS = 60_000
const MAX_PAUSE_MS = 1_000

/** Bytes that a fragment counts beside its data, so that many of one byte are bounded too. */
const FRAGMENT_COST = 128

/** The fragments of one packet. */
interface Pieces {
  readonly byNumber: Map<number, Buffer>
  readonly begun: number
  latest: number
  /** The number of fragments, once the last has arrived. */
  count: number | undefined
  bytes: number
}

/**
 * Assembles packets from Packet Fragments (RFC 7016, 2.3.1). Anybody can send them, so few packets may be in progress: a further one replaces
 * the one whose latest fragment is the oldest.
 */
export class PacketAssembler {
  readonly #limits: Limits
  /** In the order of their latest fragments, the oldest first. */
  readonly #packets = new Map<string, Pieces>()

  constructor({ limits }: { limits?: Partial<Limits> } = {}) {
    this.#limits = limitsWith(limits)
  }

  get size(): number {
    return this.#packets.size
  }

  /**
   * Adds a fragment; returns the packet if it is complete. `source` names where it came from, because other sources may choose the same packet
   * id; `now` is in milliseconds. The packet must have the mode of the packets that carried it.
   */
  add(source: string, { packetId, fragmentNumber, more, data }: PacketFragment, now: number): Buffer | undefined {
    const key = `${packetId} ${source}`
    const known = this.#packets.get(key)
    this.#packets.delete(key)
    const isOld = known === undefined || now - known.begun > MAX_AGE_MS || now - known.latest > MAX_PAUSE_MS
    const pieces: Pieces = isOld ? { byNumber: new Map(), begun: now, latest: now, count: undefined, bytes: 0 } : known
    pieces.latest = now
    if (!pieces.byNumber.has(fragmentNumber)) {
      // a copy, which does not retain the packet that carried it
      pieces.byNumber.set(fragmentNumber, Buffer.from(data))
      pieces.bytes += FRAGMENT_COST + data.length
    }
    if (!more) pieces.count ??= fragmentNumber + 1
    if (pieces.bytes > this.#limits.rtmfpFragmentedBytes) return undefined
    if (pieces.byNumber.size === pieces.count) return joined(pieces.byNumber, pieces.count)
    this.#packets.set(key, pieces)
    if (this.#packets.size > this.#limits.rtmfpFragmentedPackets) {
      const [oldest] = this.#packets.keys()
      this.#packets.delete(oldest!)
    }
    return undefined
  }
}

/** Undefined unless the fragments are 0 to `count` - 1. */
function joined(byNumber: ReadonlyMap<number, Buffer>, count: number): Buffer | undefined {
  const pieces: Buffer[] = []
  for (let number = 0; number < count; number++) {
    const piece = byNumber.get(number)
    if (piece === undefined) return undefined
    pieces.push(piece)
  }
  return Buffer.concat(pieces)
}
