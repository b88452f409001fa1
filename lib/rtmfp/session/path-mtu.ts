import { isIPv6 } from 'node:net'

/** Bytes of the longest datagram that every path is assumed to carry: the minimum MTU of IPv6 is 1280, headers of IPv6 and UDP included. */
export const CERTAIN_LENGTH = 1204
/** Bytes of a datagram that fits Ethernet with IPv4, and the most that UDP allows over IPv4. */
const ETHERNET_LENGTH = 1472
const MAX_LENGTH = 65_507
/** Bytes by which the header of IPv6 is longer than that of IPv4. */
const IPV6_LENGTH = 20
/** Lengths of probes before the longest that is allowed: they fit tunnels, PPPoE, and Ethernet with IPv6. */
const STEPS = [1280, 1400, 1452]
/** A datagram of at least so many bytes shows that longer ones would be used. */
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
 * Discovers how long datagrams the path of a session carries (RFC 7016, 3.5.4.3; RFC 4821). Longer ones are probed while there is data to
 * fill them. A length that is answered is used, and probed again while it is used, because paths change.
 */
export class PathMtu {
  readonly #maxBytes: number
  /** Bytes of the longest probe. */
  #most = CERTAIN_LENGTH
  #length = CERTAIN_LENGTH
  #probe: (MtuProbe & { tries: number }) | undefined
  #count = 0
  #isUsed = false
  /** When longer datagrams may be probed. */
  #raiseAt = Number.POSITIVE_INFINITY
  #nextAt = Number.POSITIVE_INFINITY

  /** @param maxBytes Bytes of the longest probe over IPv4. */
  constructor(maxBytes: number, address: string) {
    this.#maxBytes = maxBytes
    this.reset(address)
  }

  /** Bytes of the longest datagrams that arrive, as far as is known. */
  get length(): number {
    return this.#length
  }

  /** When to call `due`; Infinity while no data would use longer datagrams. */
  get nextAt(): number {
    return this.#nextAt
  }

  /** A datagram with data was sent. */
  sent(length: number, now: number): void {
    if (length < FULL_LENGTH) return
    this.#isUsed = true
    const isIdle = this.#nextAt === Number.POSITIVE_INFINITY
    if (isIdle && (this.#length > CERTAIN_LENGTH || now >= this.#raiseAt)) this.#nextAt = now
  }

  /** The probe to send at `nextAt`. `erto` is how long its reply is waited for, in ms. */
  due(now: number, erto: number): MtuProbe | undefined {
    if (this.#probe?.tries === MAX_TRIES) this.#fail(this.#probe, now)
    this.#probe ??= this.#newProbe(now)
    if (this.#probe === undefined) return undefined
    this.#probe.tries++
    this.#nextAt = now + erto
    return this.#probe
  }

  /** Whether a Ping Reply answers the probe. */
  answered(message: Buffer, now: number): boolean {
    const probe = this.#probe
    if (probe === undefined || !message.equals(probe.message)) return false
    this.#probe = undefined
    this.#nextAt = probe.length > this.#length ? now : now + CONFIRM_INTERVAL_MS
    this.#length = probe.length
    return true
  }

  /** The path has changed. */
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

  /** The length to probe: a longer one, or the current one again. */
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

/** The option `maxDatagramBytes` of an endpoint. @throws RangeError if it is below what every path carries, or above what UDP allows. */
export function checkedDatagramBytes(bytes: number = ETHERNET_LENGTH): number {
  if (bytes >= CERTAIN_LENGTH && bytes <= MAX_LENGTH) return bytes
  throw new RangeError(`maxDatagramBytes must be ${CERTAIN_LENGTH} to ${MAX_LENGTH}, not ${bytes}`)
}
