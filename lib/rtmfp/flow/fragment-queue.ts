import type { FragmentControl } from '../wire/user-data.ts'
import type { OutgoingFragment } from './in-flight.ts'
import { OutgoingMessage } from './outgoing-message.ts'
import type { Owed } from './owed.ts'

const EMPTY = Buffer.alloc(0)

/** The fragments of a sending flow that are neither acknowledged nor abandoned (RFC 7016, 3.6.2), by their sequence numbers. */
export class FragmentQueue {
  readonly #flow: OutgoingFragment['flow']
  readonly #owed: Owed
  readonly #fragments = new Map<number, OutgoingFragment>()
  /** The lowest sequence number among them. */
  #first = 1
  /** The sequence number of the next fragment. */
  #next = 1
  /** The lowest sequence number that may have to be sent. */
  #cursor = 1
  #bytes = 0

  constructor(flow: OutgoingFragment['flow'], owed: Owed) {
    this.#flow = flow
    this.#owed = owed
  }

  get size(): number {
    return this.#fragments.size
  }

  get bytes(): number {
    return this.#bytes
  }

  get first(): number {
    return this.#first
  }

  get next(): number {
    return this.#next
  }

  /** Whether fragments may have to be sent. */
  get isWaiting(): boolean {
    return this.#cursor < this.#next
  }

  /** The highest number up to which no fragment will be sent again (RFC 7016, 3.6.2.3). */
  get forwardSequenceNumber(): number {
    const fragment = this.#fragments.get(this.#first)
    const isGivenUp = fragment?.message.isAbandoned && (!fragment.isInFlight || fragment.isSentAbandoned)
    return isGivenUp ? this.#first : this.#first - 1
  }

  /** Cuts a message into fragments of at most so many bytes. */
  cut(message: OutgoingMessage, payload: Buffer, most: number): void {
    for (let at = 0; at === 0 || at < payload.length; at += most) {
      const end = Math.min(at + most, payload.length)
      this.#add(message, this.#next, controlOf(at === 0, end === payload.length), payload.subarray(at, end))
    }
  }

  /** Adds a fragment without data, which carries the forward sequence number or the end of the flow. */
  addAbandoned(number: number): void {
    const message = new OutgoingMessage(number, 0, {})
    message.abandon()
    this.#add(message, number, 'whole', EMPTY)
    this.#first = Math.min(this.#first, number)
    this.again(number)
  }

  get(number: number): OutgoingFragment | undefined {
    return this.#fragments.get(number)
  }

  /** The first fragment that waits to be sent. It is returned again until it is in flight. */
  nextWaiting(): OutgoingFragment | undefined {
    for (; this.#cursor < this.#next; this.#cursor++) {
      const fragment = this.#fragments.get(this.#cursor)
      if (fragment !== undefined && !fragment.isInFlight) return fragment
    }
    return undefined
  }

  /** A fragment is to be retransmitted. */
  again(number: number): void {
    this.#cursor = Math.min(this.#cursor, number)
  }

  remove(number: number): OutgoingFragment | undefined {
    const fragment = this.#fragments.get(number)
    if (fragment === undefined) return undefined
    this.#fragments.delete(number)
    this.#count(-1, -fragment.data.length)
    return fragment
  }

  /** Drops the data of an abandoned fragment, which is sent without it. */
  empty(fragment: OutgoingFragment): void {
    this.#count(0, -fragment.data.length)
    fragment.data = EMPTY
  }

  /**
   * Removes abandoned fragments at the head (RFC 7016, 3.6.2.7). The last one stays, to carry the forward sequence number. Abandoned fragments
   * after others are sent without their data, so that the receiver can continue at once.
   */
  discard(now: number): void {
    for (; this.#first < this.#next; this.#first++) {
      const fragment = this.#fragments.get(this.#first)
      if (fragment === undefined) continue
      if (fragment.isInFlight) break
      fragment.message.expire(now)
      if (!fragment.message.isAbandoned || this.#fragments.size === 1) break
      this.remove(this.#first)
    }
    this.#cursor = Math.max(this.#cursor, this.#first)
  }

  abandonAll(): void {
    for (const { message } of this.#fragments.values()) message.abandon()
  }

  clear(): void {
    this.#count(-this.#fragments.size, -this.#bytes)
    this.#fragments.clear()
    this.#cursor = this.#next
  }

  #add(message: OutgoingMessage, sequenceNumber: number, fragmentControl: FragmentControl, data: Buffer): void {
    this.#fragments.set(sequenceNumber, {
      flow: this.#flow,
      message,
      sequenceNumber,
      fragmentControl,
      data,
      isSent: false,
      isSentAbandoned: false,
      isInFlight: false,
      length: 0,
      transmission: 0,
      negatives: 0
    })
    this.#count(1, data.length)
    this.#next = Math.max(this.#next, sequenceNumber + 1)
  }

  #count(fragments: number, bytes: number): void {
    this.#bytes += bytes
    this.#owed.add(fragments, bytes)
  }
}

const controlOf = (isFirst: boolean, isLast: boolean): FragmentControl =>
  isFirst ? (isLast ? 'whole' : 'begin') : isLast ? 'end' : 'middle'
