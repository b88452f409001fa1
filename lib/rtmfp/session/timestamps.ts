import { type PacketHeader, TIMESTAMP_TICK_MS } from '../wire/packet.ts'

const TICKS = 0x10000
/** A timestamp of the peer is echoed for so long: 16 bits of 4 ms wrap around after 262 s. */
const MAX_ECHO_MS = 128_000
const INITIAL_ERTO_MS = 3000
const INITIAL_MRTO_MS = 250
const MIN_ERTO_MS = 250
const MAX_ERTO_MS = 10_000
const ERTO_BACKOFF = Math.SQRT2
const DELAYED_ACK_MS = 200

const tickOf = (now: number): number => Math.floor(now / TIMESTAMP_TICK_MS) % TICKS

/** The timestamps of a session's packets, and the round trip measured by them (RFC 7016, 2.2.4, 3.5.2.1, 3.5.2.2). Times are in ms. */
export class Timestamps {
  #heard: { readonly tick: number; readonly at: number } | undefined
  #sent: number | undefined
  #echoSent: number | undefined
  #echoHeard: number | undefined
  #variance = 0
  /** The smoothed round trip time; undefined until it was measured. */
  roundTrip: number | undefined
  /** The measured retransmission timeout, MRTO. */
  mrto: number = INITIAL_MRTO_MS
  /** The effective retransmission timeout, ERTO: each timeout increases it, until the round trip is measured again. */
  erto: number = INITIAL_ERTO_MS

  /** The timestamps of a packet that is sent now. A value that has not changed since the last packet is left out. */
  stamp(now: number): Pick<PacketHeader, 'timestamp' | 'timestampEcho'> {
    const [timestamp, timestampEcho] = [tickOf(now), this.#echo(now)]
    const fields = {
      timestamp: timestamp === this.#sent ? undefined : timestamp,
      timestampEcho: timestampEcho === this.#echoSent ? undefined : timestampEcho
    }
    this.#sent = timestamp
    this.#echoSent = timestampEcho
    return fields
  }

  /** Processes the header of a verified packet. */
  hear({ timestamp, timestampEcho }: Pick<PacketHeader, 'timestamp' | 'timestampEcho'>, now: number): void {
    if (timestamp !== undefined && timestamp !== this.#heard?.tick) this.#heard = { tick: timestamp, at: now }
    if (timestampEcho === undefined || timestampEcho === this.#echoHeard) return
    this.#echoHeard = timestampEcho
    const ticks = (tickOf(now) - timestampEcho + TICKS) % TICKS
    if (ticks < TICKS / 2) this.#measure(ticks * TIMESTAMP_TICK_MS)
  }

  /** Nothing was acknowledged in time (RFC 7016, 3.6.2.6). */
  timedOut(): void {
    this.erto = Math.max(Math.min(this.erto * ERTO_BACKOFF, MAX_ERTO_MS), this.mrto)
  }

  #echo(now: number): number | undefined {
    if (this.#heard === undefined) return undefined
    const held = now - this.#heard.at
    if (held > MAX_ECHO_MS) this.#heard = undefined
    return this.#heard && (this.#heard.tick + Math.floor(held / TIMESTAMP_TICK_MS)) % TICKS
  }

  #measure(roundTrip: number): void {
    const smoothed = this.roundTrip
    this.#variance = smoothed === undefined ? roundTrip / 2 : (3 * this.#variance + Math.abs(smoothed - roundTrip)) / 4
    this.roundTrip = smoothed === undefined ? roundTrip : (7 * smoothed + roundTrip) / 8
    this.mrto = this.roundTrip + 4 * this.#variance + DELAYED_ACK_MS
    this.erto = Math.max(this.mrto, MIN_ERTO_MS)
  }
}
