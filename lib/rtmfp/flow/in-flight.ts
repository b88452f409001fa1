import type { FragmentControl } from '../wire/user-data.ts'
import type { OutgoingMessage } from './outgoing-message.ts'

/** A fragment of a sending flow. */
export interface OutgoingFragment {
  readonly flow: { lost(fragment: OutgoingFragment): void }
  readonly message: OutgoingMessage
  readonly sequenceNumber: number
  readonly fragmentControl: FragmentControl
  data: Buffer
  isSent: boolean
  /** Whether it was last sent as abandoned, without its data. */
  isSentAbandoned: boolean
  isInFlight: boolean
  /** The bytes that it took of its packet. */
  length: number
  /** The number of the packet that it was last sent in. */
  transmission: number
  /** How many packets acknowledged fragments that were sent later (negative acknowledgements). */
  negatives: number
}

/** After so many negative acknowledgements a fragment counts as lost (RFC 7016, 3.6.2.5). */
const NEGATIVES_OF_LOSS = 3

/** The fragments of all flows of a session that are neither acknowledged nor lost (RFC 7016, 3.6.2.5), in the order in which they were sent. */
export class InFlight {
  readonly #fragments = new Set<OutgoingFragment>()
  #bytes = 0
  /** The number of the last packet that was sent, and of the last packet with an acknowledged fragment. */
  #transmission = 0
  #acknowledged = 0

  get bytes(): number {
    return this.#bytes
  }

  get isEmpty(): boolean {
    return this.#fragments.size === 0
  }

  /** The fragments added from here on are in another packet. */
  beginPacket(): void {
    this.#transmission++
  }

  add(fragment: OutgoingFragment, length: number): void {
    fragment.isSent = true
    fragment.isInFlight = true
    fragment.length = length
    fragment.transmission = this.#transmission
    fragment.negatives = 0
    this.#fragments.add(fragment)
    this.#bytes += length
  }

  acknowledge(fragment: OutgoingFragment): void {
    this.#acknowledged = Math.max(this.#acknowledged, fragment.transmission)
    this.#remove(fragment)
  }

  /** Called after the acknowledgements of a packet: counts a negative acknowledgement for what was sent before the last acknowledged packet. */
  countNegatives(): { lost: number; hasGaps: boolean } {
    let lost = 0
    let hasGaps = false
    for (const fragment of this.#fragments) {
      if (fragment.transmission >= this.#acknowledged) break
      hasGaps = true
      if (++fragment.negatives < NEGATIVES_OF_LOSS) continue
      lost += fragment.length
      this.#lose(fragment)
    }
    return { lost, hasGaps }
  }

  /** All are lost: the retransmission timeout has passed (RFC 7016, 3.6.2.6). */
  loseAll(): void {
    for (const fragment of this.#fragments) this.#lose(fragment)
  }

  /** The session is over. */
  clear(): void {
    this.#fragments.clear()
    this.#bytes = 0
  }

  #lose(fragment: OutgoingFragment): void {
    this.#remove(fragment)
    fragment.flow.lost(fragment)
  }

  #remove(fragment: OutgoingFragment): void {
    if (!this.#fragments.delete(fragment)) return
    fragment.isInFlight = false
    this.#bytes -= fragment.length
  }
}
