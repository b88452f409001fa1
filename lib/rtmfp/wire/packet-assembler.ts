import { type Limits, limitsWith } from '../../limits.ts'
import type { PacketFragment } from './packet-fragment.ts'

/** Milliseconds that a packet may take to come, and that may lie between two of its fragments (RFC 7016, 2.3.1). */
const MAX_AGE_MS = 60_000
const MAX_PAUSE_MS = 1_000

/** Bytes of a fragment besides its data, so that many of one byte are bounded too. */
const FRAGMENT_COST = 128

/** The fragments of one packet. */
interface Pieces {
  readonly byNumber: Map<number, Buffer>
  readonly begun: number
  latest: number
  /** How many there are, once the last has come. */
  count: number | undefined
  bytes: number
}

/**
 * Joins Packet Fragments to packets (RFC 7016, 2.3.1). Anybody can send them, so few packets are in progress: a further one takes the place
 * of the one whose last fragment is oldest.
 */
export class PacketAssembler {
  readonly #limits: Limits
  /** Those with the oldest latest fragment first. */
  readonly #packets = new Map<string, Pieces>()

  constructor({ limits }: { limits?: Partial<Limits> } = {}) {
    this.#limits = limitsWith(limits)
  }

  get size(): number {
    return this.#packets.size
  }

  /**
   * Takes a fragment; gives the packet if it is whole. `source` names where it came from, as other sources may choose the same packet id;
   * `now` is in milliseconds. The packet must have the mode of the packets that brought it.
   */
  add(source: string, { packetId, fragmentNumber, more, data }: PacketFragment, now: number): Buffer | undefined {
    const key = `${packetId} ${source}`
    const known = this.#packets.get(key)
    this.#packets.delete(key)
    const isOld = known === undefined || now - known.begun > MAX_AGE_MS || now - known.latest > MAX_PAUSE_MS
    const pieces: Pieces = isOld ? { byNumber: new Map(), begun: now, latest: now, count: undefined, bytes: 0 } : known
    pieces.latest = now
    if (!pieces.byNumber.has(fragmentNumber)) {
      // a copy, which does not hold on to the packet that brought it
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

/** Undefined if there are others than 0 to `count` - 1 among the fragments. */
function joined(byNumber: ReadonlyMap<number, Buffer>, count: number): Buffer | undefined {
  const pieces: Buffer[] = []
  for (let number = 0; number < count; number++) {
    const piece = byNumber.get(number)
    if (piece === undefined) return undefined
    pieces.push(piece)
  }
  return Buffer.concat(pieces)
}
