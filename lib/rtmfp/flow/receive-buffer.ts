import { ProtocolError } from '../../errors.ts'
import { type Limits, limitsWith } from '../../limits.ts'
import { PINNED } from '../../message/message.ts'
import type { SequenceRange } from '../wire/acknowledgement.ts'
import type { UserData } from '../wire/user-data.ts'
import { SequenceSet } from './sequence-set.ts'

/** A message of a flow, with all its fragments. */
export interface FlowMessage {
  /** The sequence number of its first fragment. */
  readonly sequenceNumber: number
  /** The number of its fragments. */
  readonly fragments: number
  /** Its bytes, which may be a view of the packet. */
  readonly payload: Buffer
}

/** The order in which a flow delivers its messages (RFC 7016, 3.6.3.3): as they were queued, or each as soon as it is complete. */
export type ReceiveOrder = 'sequence' | 'network'

export interface ReceiveBufferOptions {
  /** `'sequence'` if omitted. */
  order?: ReceiveOrder
  limits?: Partial<Limits>
  /** Counts the bytes that it holds, together with those of other buffers. Each fragment counts 128 bytes more. */
  held?: HeldBytes
}

/** Bytes that all buffers of a session hold. */
export interface HeldBytes {
  bytes: number
}

/**
 * The result for a fragment: `'duplicate'` if it was received before or is no longer needed; `'refused'` if there is no room, so that it
 * has to be retransmitted, or if it lies after the last fragment of the flow.
 */
export type Added = 'new' | 'duplicate' | 'refused'

/** Adjacent fragments of one message. */
interface Run {
  first: number
  last: number
  begins: boolean
  ends: boolean
  bytes: number
  pieces: Buffer[]
}

/** Bytes that a fragment counts beside its data, so that empty ones are bounded too. */
const FRAGMENT_COST = 128
/** A message may have so many fragments, and one more for each FRAGMENT_COST bytes of `messageBytes`. */
const FEW_FRAGMENTS = 1024

/**
 * The receive buffer of a flow (RFC 7016, 3.6.3): fragments in any order in, messages out. It knows what to acknowledge. Its memory is bounded:
 * fragments that would make too many gaps, or for which there is no room, are dropped as if they were lost. The next fragment in order always
 * has room, so that the flow makes progress.
 */
export class ReceiveBuffer {
  readonly #order: ReceiveOrder
  readonly #limits: Limits
  readonly #numbers: SequenceSet
  /** In the order of their sequence numbers. */
  readonly #runs: Run[] = []
  /** Complete messages, in network order. */
  readonly #ready: Run[] = []
  readonly #heldByAll: HeldBytes
  #held = 0
  #bufferedBytes = 0
  #final: number | undefined
  #forward = 0
  #rejected = false

  constructor({ order = 'sequence', limits, held = { bytes: 0 } }: ReceiveBufferOptions = {}) {
    this.#heldByAll = held
    this.#order = order
    this.#limits = limitsWith(limits)
    this.#numbers = new SequenceSet(this.#limits.rtmfpGaps)
  }

  /** All fragments up to this number were received, or will not be sent again. */
  get cumulativeAck(): number {
    return this.#numbers.cumulative
  }

  /** The ranges received beyond it. */
  get received(): SequenceRange[] {
    return this.#numbers.ranges()
  }

  get gaps(): number {
    return this.#numbers.gaps
  }

  /** Bytes of messages that were not taken yet, incomplete ones included. */
  get bufferedBytes(): number {
    return this.#bufferedBytes
  }

  /** No fragment up to this number will be sent again. */
  get forwardSequenceNumber(): number {
    return this.#forward
  }

  /** The number of the last fragment of the flow, once it was received. */
  get finalSequenceNumber(): number | undefined {
    return this.#final
  }

  /** Whether all fragments up to the last were received, or will not be sent again. */
  get isComplete(): boolean {
    return this.#final !== undefined && this.#numbers.cumulative >= this.#final
  }

  /** Whether `take` has a message. */
  get isReadable(): boolean {
    const [run] = this.#runs
    return this.#ready.length > 0 || (run !== undefined && run.first <= this.cumulativeAck && isWhole(run))
  }

  /** For a rejected flow: drops what it holds and what arrives, but still knows what to acknowledge. */
  reject(): void {
    this.#rejected = true
    for (const run of this.#runs.splice(0)) this.#drop(run)
    for (const run of this.#ready.splice(0)) this.#drop(run)
  }

  /** Nothing more arrives: keeps the messages that `take` has, and drops incomplete ones. */
  end(): void {
    for (const run of this.#runs.splice(0)) {
      if (run.first <= this.cumulativeAck && isWhole(run)) this.#runs.push(run)
      else this.#drop(run)
    }
  }

  /** Adds a fragment. @throws ProtocolError `ERR_RTMP_MESSAGE_TOO_LONG`; the flow is then to be rejected. */
  add({ sequenceNumber, forwardSequenceNumber, fragmentControl, abandon, final, data }: UserData): Added {
    const added = this.#note(sequenceNumber, forwardSequenceNumber, abandon ? 0 : data.length)
    // a final fragment below the highest number received is not valid
    if (added !== 'refused' && final && sequenceNumber >= this.#numbers.highest) this.#final ??= sequenceNumber
    if (added === 'new' && !abandon && !this.#rejected) this.#keep(sequenceNumber, fragmentControl, data)
    this.#dropAbandoned()
    return added
  }

  /** The next message that is complete and next in the order of the flow. */
  take(): FlowMessage | undefined {
    const ready = this.#ready.shift()
    if (ready !== undefined) return this.#release(ready)
    this.#dropAbandoned()
    const [run] = this.#runs
    if (run === undefined || run.first > this.cumulativeAck || !isWhole(run)) return undefined
    this.#runs.shift()
    return this.#release(run)
  }

  #note(sequenceNumber: number, forwardSequenceNumber: number, bytes: number): Added {
    const isKnown = this.#numbers.has(sequenceNumber)
    this.#forward = Math.max(this.#forward, forwardSequenceNumber)
    this.#numbers.addUpTo(forwardSequenceNumber)
    if (isKnown) return 'duplicate'
    if (sequenceNumber > (this.#final ?? Number.POSITIVE_INFINITY)) return 'refused'
    const isNeeded = sequenceNumber <= this.cumulativeAck + 1 && !this.isReadable
    if (!isNeeded && this.#held + FRAGMENT_COST + bytes > this.#limits.rtmfpFlowBytes) return 'refused'
    return this.#numbers.add(sequenceNumber) ? 'new' : 'refused'
  }

  #keep(sequenceNumber: number, fragmentControl: UserData['fragmentControl'], data: Buffer): void {
    const begins = fragmentControl === 'whole' || fragmentControl === 'begin'
    const ends = fragmentControl === 'whole' || fragmentControl === 'end'
    // a fragment that waits must not retain a much larger packet
    const piece = data.buffer.byteLength > PINNED * data.length ? Buffer.from(data) : data
    let run: Run = { first: sequenceNumber, last: sequenceNumber, begins, ends, bytes: data.length, pieces: [piece] }
    this.#count(1, data.length)
    let at = this.#indexOf(sequenceNumber)
    const before = this.#runs[at - 1]
    if (before !== undefined && joins(before, run)) {
      run = joined(before, run)
      this.#runs.splice(--at, 1)
    }
    const after = this.#runs[at]
    if (after !== undefined && joins(run, after)) {
      run = joined(run, after)
      this.#runs.splice(at, 1)
    }
    if (this.#order === 'network' && isWhole(run)) this.#ready.push(run)
    else this.#runs.splice(at, 0, run)
    const { messageBytes } = this.#limits
    if (run.bytes > messageBytes || run.pieces.length > FEW_FRAGMENTS + messageBytes / FRAGMENT_COST) {
      const detail = `${run.bytes} bytes in ${run.pieces.length} fragments`
      throw new ProtocolError('ERR_RTMP_MESSAGE_TOO_LONG', { layer: 'rtmfp', detail })
    }
  }

  /** Drops messages at the head that can never be complete: a fragment was abandoned, or there is no first one. */
  #dropAbandoned(): void {
    for (;;) {
      const [run] = this.#runs
      if (run === undefined || run.first > this.cumulativeAck) return
      const goesOn = run.begins && run.last === this.cumulativeAck
      if (isWhole(run) || goesOn) return
      this.#runs.shift()
      this.#drop(run)
    }
  }

  #drop({ first, last, bytes }: Run): void {
    this.#count(first - last - 1, -bytes)
  }

  #release(run: Run): FlowMessage {
    this.#drop(run)
    const { first, last, bytes, pieces } = run
    const payload = pieces.length === 1 ? pieces[0]! : Buffer.concat(pieces, bytes)
    return { sequenceNumber: first, fragments: last - first + 1, payload }
  }

  #count(fragments: number, bytes: number): void {
    const held = bytes + fragments * FRAGMENT_COST
    this.#held += held
    this.#heldByAll.bytes += held
    this.#bufferedBytes += bytes
  }

  #indexOf(sequenceNumber: number): number {
    let low = 0
    let high = this.#runs.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if (this.#runs[middle]!.first < sequenceNumber) low = middle + 1
      else high = middle
    }
    return low
  }
}

const isWhole = ({ begins, ends }: Run): boolean => begins && ends

const joins = (one: Run, other: Run): boolean => one.last + 1 === other.first && !one.ends && !other.begins

/** Appends the shorter list to the longer: fragments may arrive in any order. */
function joined(one: Run, other: Run): Run {
  const { first, begins } = one
  const { last, ends } = other
  let pieces = one.pieces
  if (one.pieces.length >= other.pieces.length) one.pieces.push(...other.pieces)
  else {
    other.pieces.unshift(...one.pieces)
    pieces = other.pieces
  }
  return { first, last, begins, ends, bytes: one.bytes + other.bytes, pieces }
}
