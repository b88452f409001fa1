import type { FragmentControl } from '../wire/user-data.ts'
import type { OutgoingFragment } from './in-flight.ts'
import { OutgoingMessage } from './outgoing-message.ts'
import type { Owed } from './owed.ts'

const EMPTY = Buffer.alloc(0)

/** The fragments of a sending flow that are neither acknowledged nor given up (RFC 7016, 3.6.2), by their numbers. */
export class FragmentQueue {
  readonly #flow: OutgoingFragment['flow']
  readonly #owed: Owed
  readonly #fragments = new Map<number, OutgoingFragment>()
  /** The lowest number of them. */
  #first = 1
  /** The number that the next fragment will have. */
  #next = 1
  /** The lowest that may have to be sent. */
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

  /** Whether some may have to be sent. */
  get isWaiting(): boolean {
    return this.#cursor < this.#next
  }

  /** The highest number that, with all below it, will not be sent (again): RFC 7016, 3.6.2.3. */
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

  /** Adds a fragment that carries the forward sequence number, or the end of the flow, and no data. */
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

  /** The first that waits to be sent; it stays so until it is in flight. */
  nextWaiting(): OutgoingFragment | undefined {
    for (; this.#cursor < this.#next; this.#cursor++) {
      const fragment = this.#fragments.get(this.#cursor)
      if (fragment !== undefined && !fragment.isInFlight) return fragment
    }
    return undefined
  }

  /** One is to be sent again. */
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

  /** The data of one that is abandoned is not needed any more: it is sent without. */
  empty(fragment: OutgoingFragment): void {
    this.#count(0, -fragment.data.length)
    fragment.data = EMPTY
  }

  /**
   * Forgets the abandoned ones that are ahead of all others (RFC 7016, 3.6.2.7). One stays to say so. Those behind others are sent without
   * their data, so that the receiver goes on at once.
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
