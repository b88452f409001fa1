const NO_PROGRESS_MS = 120_000
const MAX_INTERVAL_MS = 10_000
const BACKOFF = Math.SQRT2
/** Milliseconds of silence after a Ping until a peer gives way to another endpoint at its address. */
const GONE_MS = 3000

/** Decides whether a peer is still there: it is pinged when it is silent, and given up when no Ping is answered (RFC 7016, 3.5.4.1). */
export class Silence {
  #keepaliveMs: number
  #quietMs: number
  #heardAt: number
  /** Whether the peer has sent data, and no Ping since then was answered without data. */
  #isFed = false
  /** Since when no Ping was answered, and after how many ms the next one follows. */
  #pinging: { readonly since: number; readonly interval: number } | undefined
  #nextAt: number
  /** Since when there is another reason to ping than silence. */
  #doubtedAt: number | undefined

  /**
   * @param keepaliveMs Milliseconds without a packet of the peer until it is pinged.
   * @param quietMs The same, after packets with data: a NAT may have assigned this side another address, which the peer learns only from a
   * packet of this side.
   */
  constructor(keepaliveMs: number, quietMs: number, now: number) {
    this.#keepaliveMs = keepaliveMs
    this.#quietMs = Math.min(quietMs, keepaliveMs)
    this.#heardAt = now
    this.#nextAt = now + keepaliveMs
  }

  /** Changes `keepaliveMs`; `nextAt` may then be earlier. */
  keepAlive(keepaliveMs: number): void {
    this.#keepaliveMs = keepaliveMs
    this.#quietMs = Math.min(this.#quietMs, keepaliveMs)
    if (this.#pinging === undefined) this.#nextAt = this.#pingAt
  }

  get heardAt(): number {
    return this.#heardAt
  }

  /** When to call `due`. */
  get nextAt(): number {
    return this.#nextAt
  }

  /** A packet of the peer has been verified. Whether `nextAt` is earlier now. */
  heard(now: number, hasData: boolean): boolean {
    const before = this.#nextAt
    this.#heardAt = now
    this.#doubtedAt = undefined
    if (this.#pinging !== undefined) {
      this.#pinging = undefined
      this.#isFed = hasData
      this.#nextAt = this.#pingAt
    } else if (hasData && !this.#isFed) {
      this.#isFed = true
      this.#nextAt = Math.min(before, this.#pingAt)
    }
    return this.#nextAt < before
  }

  /** Whether the peer is gone, when another endpoint appears at its address: it is pinged from now on, and gone after 3 s of silence. */
  isGone(now: number): boolean {
    if (this.#doubtedAt === undefined) {
      this.#doubtedAt = now
      this.#nextAt = Math.min(this.#nextAt, now)
    }
    return now >= this.#doubtedAt + GONE_MS
  }

  /** What to do at `nextAt`: send a Ping, give up, or nothing. `erto` is how long a reply is waited for, in ms. */
  due(now: number, erto: number): 'ping' | 'give up' | undefined {
    if (now < this.#pingAt) {
      this.#nextAt = this.#pingAt
      return undefined
    }
    const { since, interval } = this.#pinging ?? { since: now, interval: erto }
    if (now >= since + NO_PROGRESS_MS) return 'give up'
    this.#pinging = { since, interval: Math.min(interval * BACKOFF, MAX_INTERVAL_MS) }
    this.#nextAt = Math.min(now + interval, since + NO_PROGRESS_MS)
    return 'ping'
  }

  get #pingAt(): number {
    return this.#doubtedAt ?? this.#heardAt + (this.#isFed ? this.#quietMs : this.#keepaliveMs)
  }
}
