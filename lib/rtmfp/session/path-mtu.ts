import { isIPv6 } from 'node:net'

/** Bytes of the longest datagram that any path is taken to carry: IPv6 has 1280 at least, with its own header and that of UDP. */
export const CERTAIN_LENGTH = 1204
/** What Ethernet carries with IPv4, and what UDP has over IPv4 at most. */
const ETHERNET_LENGTH = 1472
const MAX_LENGTH = 65_507
/** Bytes that the header of IPv6 has more than that of IPv4. */
const IPV6_LENGTH = 20
/** Bytes of datagrams that are tried, before the longest that is allowed: through tunnels and PPPoE, and Ethernet with IPv6. */
const STEPS = [1280, 1400, 1452]
/** A datagram with as much data tells that longer ones would be of use. */
const FULL_LENGTH = 1100
const MAX_TRIES = 3
const CONFIRM_INTERVAL_MS = 5000
const RAISE_INTERVAL_MS = 600_000
const MARK = 0x50

/** A Ping that is padded to the length of a datagram. */
export interface MtuProbe {
  readonly message: Buffer
  readonly length: number
}

/**
 * How long the datagrams are that the path of a session carries (RFC 7016, 3.5.4.3; RFC 4821): longer ones are tried while there is data to
 * fill them, one that is answered is believed, and is asked again while it is used, as paths change.
 */
export class PathMtu {
  readonly #maxBytes: number
  /** Bytes of the longest datagram that is tried. */
  #most = CERTAIN_LENGTH
  #length = CERTAIN_LENGTH
  #probe: (MtuProbe & { tries: number }) | undefined
  #count = 0
  #isUsed = false
  /** When longer datagrams may be tried. */
  #raiseAt = Number.POSITIVE_INFINITY
  #nextAt = Number.POSITIVE_INFINITY

  /** @param maxBytes Bytes of the longest datagram that is tried over IPv4. */
  constructor(maxBytes: number, address: string) {
    this.#maxBytes = maxBytes
    this.reset(address)
  }

  /** Bytes of the longest datagrams that arrive, as far as is known. */
  get length(): number {
    return this.#length
  }

  /** When `due` is to be called; Infinity while no data asks for longer datagrams. */
  get nextAt(): number {
    return this.#nextAt
  }

  /** A datagram with data is sent. */
  sent(length: number, now: number): void {
    if (length < FULL_LENGTH) return
    this.#isUsed = true
    const isIdle = this.#nextAt === Number.POSITIVE_INFINITY
    if (isIdle && (this.#length > CERTAIN_LENGTH || now >= this.#raiseAt)) this.#nextAt = now
  }

  /** The probe that is to be sent at `nextAt`, where a reply takes `erto` ms. */
  due(now: number, erto: number): MtuProbe | undefined {
    if (this.#probe?.tries === MAX_TRIES) this.#fail(this.#probe, now)
    this.#probe ??= this.#newProbe(now)
    if (this.#probe === undefined) return undefined
    this.#probe.tries++
    this.#nextAt = now + erto
    return this.#probe
  }

  /** Whether a Ping Reply is that to the probe. */
  answered(message: Buffer, now: number): boolean {
    const probe = this.#probe
    if (probe === undefined || !message.equals(probe.message)) return false
    this.#probe = undefined
    this.#nextAt = probe.length > this.#length ? now : now + CONFIRM_INTERVAL_MS
    this.#length = probe.length
    return true
  }

  /** The path is another one. */
  reset(address: string): void {
    this.#most = this.#maxBytes - (isIPv6(address) ? IPV6_LENGTH : 0)
    this.#length = CERTAIN_LENGTH
    this.#probe = undefined
    this.#raiseAt = this.#most > CERTAIN_LENGTH ? Number.NEGATIVE_INFINITY : Number.POSITIVE_INFINITY
    this.#nextAt = Number.POSITIVE_INFINITY
  }

  #newProbe(now: number): (MtuProbe & { tries: number }) | undefined {
    const length = this.#isUsed ? this.#wanted(now) : undefined
    this.#isUsed = false
    this.#nextAt = Number.POSITIVE_INFINITY
    if (length === undefined) return undefined
    const message = Buffer.alloc(5, MARK)
    message.writeUInt32BE(this.#count++, 1)
    return { message, length, tries: 0 }
  }

  /** The length to ask for: a longer one, or again that which is used. */
  #wanted(now: number): number | undefined {
    const step = [...STEPS, this.#most].find(step => step > this.#length)
    if (step !== undefined && step <= this.#most && now >= this.#raiseAt) return step
    return this.#length > CERTAIN_LENGTH ? this.#length : undefined
  }

  #fail({ length }: MtuProbe, now: number): void {
    this.#probe = undefined
    if (length <= this.#length) this.#length = CERTAIN_LENGTH
    this.#raiseAt = now + RAISE_INTERVAL_MS
  }
}

/** The option `maxDatagramBytes` of an endpoint. @throws RangeError if no path carries as much, or any more. */
export function checkedDatagramBytes(bytes: number = ETHERNET_LENGTH): number {
  if (bytes >= CERTAIN_LENGTH && bytes <= MAX_LENGTH) return bytes
  throw new RangeError(`maxDatagramBytes must be ${CERTAIN_LENGTH} to ${MAX_LENGTH}, not ${bytes}`)
}
