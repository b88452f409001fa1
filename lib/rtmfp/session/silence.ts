const NO_PROGRESS_MS = 120_000
const MAX_INTERVAL_MS = 10_000
const BACKOFF = Math.SQRT2
/** Milliseconds without a sign of life, while one is asked for, that another in the place of a peer waits for. */
const GONE_MS = 3000

/** Whether a peer is still there: it is pinged when it is silent, and given up when no Ping has a reply (RFC 7016, 3.5.4.1). */
export class Silence {
  #keepaliveMs: number
  #quietMs: number
  #heardAt: number
  /** Whether data of the peer was heard, and no Ping has told since that there is no more. */
  #isFed = false
  /** Since when a Ping has no reply, and how long the next one is waited for. */
  #pinging: { readonly since: number; readonly interval: number } | undefined
  #nextAt: number
  /** Since when there is reason to ask, besides that nothing is heard. */
  #doubtedAt: number | undefined

  /**
   * @param keepaliveMs Milliseconds without a packet of the peer until it is pinged.
   * @param quietMs The same, where the last ones brought data: a NAT may have given this side another address, and then only what it says
   * tells the peer.
   */
  constructor(keepaliveMs: number, quietMs: number, now: number) {
    this.#keepaliveMs = keepaliveMs
    this.#quietMs = Math.min(quietMs, keepaliveMs)
    this.#heardAt = now
    this.#nextAt = now + keepaliveMs
  }

  /** Changes `keepaliveMs`; `nextAt` may be an earlier one now. */
  keepAlive(keepaliveMs: number): void {
    this.#keepaliveMs = keepaliveMs
    this.#quietMs = Math.min(this.#quietMs, keepaliveMs)
    if (this.#pinging === undefined) this.#nextAt = this.#pingAt
  }

  get heardAt(): number {
    return this.#heardAt
  }

  /** When `due` is to be called. */
  get nextAt(): number {
    return this.#nextAt
  }

  /** A packet of the peer has been verified. Whether `nextAt` is an earlier one now. */
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

  /** Whether a peer whose place another has come to is gone: it has been silent for three seconds of being asked, which begins now. */
  isGone(now: number): boolean {
    if (this.#doubtedAt === undefined) {
      this.#doubtedAt = now
      this.#nextAt = Math.min(this.#nextAt, now)
    }
    return now >= this.#doubtedAt + GONE_MS
  }

  /** What is to be done at `nextAt`, where a reply takes `erto` ms: a Ping, to give up, or nothing. */
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
