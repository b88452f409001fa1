import type { Acknowledgement } from '../wire/acknowledgement.ts'
import type { BufferProbe } from '../wire/flow-chunks.ts'
import { type Option, optionListLength } from '../wire/option.ts'
import { MAX_USER_DATA_HEADER, type UserData, userDataLength } from '../wire/user-data.ts'
import { FragmentQueue } from './fragment-queue.ts'
import type { InFlight, OutgoingFragment } from './in-flight.ts'
import { OutgoingMessage, type OutgoingMessageOptions } from './outgoing-message.ts'
import type { Owed } from './owed.ts'
import { type PacketSpace, payloadRoom } from './packet-space.ts'
import { ReceiverWindow } from './receiver-window.ts'
import type { FlowEnd, SendingFlowEvents } from './sending-flow-events.ts'

/** The fields of a sending flow that its session gives it. */
export interface SendingFlowStart {
  readonly id: number
  /** 0 to 7: a higher one goes first, and from 4 on it is time critical. */
  readonly priority: number
  /** The options that open it, sent until the flow is acknowledged: see flowOptions. */
  readonly options: readonly Option[]
  /** Bytes of chunks that a packet has room for: see FlowsSession. */
  readonly session: { readonly room: number; readonly certainRoom: number }
  readonly capacityBytes: number
  readonly inFlight: InFlight
  readonly owed: Owed
  readonly events: SendingFlowEvents
  /** It may have something to send. */
  ready(flow: SendingFlow): void
  /** Its last fragment was acknowledged, or its session is over. */
  over(flow: SendingFlow): void
}

/** The sending end of a flow (RFC 7016, 3.6.2): messages in, fragments out, until the receiver has them or they are abandoned. */
export class SendingFlow {
  readonly id: number
  readonly priority: number
  /** The queued bytes at which it stops being writable. It may be changed before a write. */
  capacityBytes: number
  readonly #start: SendingFlowStart
  readonly #queue: FragmentQueue
  #highestSent = 0
  #final: number | undefined
  #isOpen = true
  #isOver = false
  #exceptionCode: number | undefined
  #isAcknowledged = false
  #outstandingBytes = 0
  #isFull = false
  readonly #receiver = new ReceiverWindow()
  #last: OutgoingMessage | undefined

  constructor(start: SendingFlowStart) {
    this.id = start.id
    this.priority = start.priority
    this.capacityBytes = start.capacityBytes
    this.#start = start
    this.#queue = new FragmentQueue(this, start.owed)
  }

  /** Whether it takes messages: it was not closed, and not rejected. */
  get isOpen(): boolean {
    return this.#isOpen
  }

  /** Bytes that are not acknowledged, those in flight included. */
  get queuedBytes(): number {
    return this.#queue.bytes
  }

  /** Whether it is open, and less than its capacity waits to be sent. Bytes in flight do not count, because a long path holds many. */
  get isWritable(): boolean {
    return this.#isOpen && this.#queue.bytes - this.#outstandingBytes < this.capacityBytes
  }

  /** Bytes in flight. */
  get outstandingBytes(): number {
    return this.#outstandingBytes
  }

  /** Whether something waits that the receiver has room for. */
  get isReady(): boolean {
    return this.#mayTransmit && this.#queue.isWaiting
  }

  /**
   * Queues a message (RFC 7016, 3.6.2.2), which is not copied; undefined if the flow is not open. It is queued even beyond the capacity: see
   * `isWritable`.
   */
  write(payload: Buffer, now: number, options: OutgoingMessageOptions = {}): OutgoingMessage | undefined {
    if (!this.#isOpen) return undefined
    const message = new OutgoingMessage(this.#queue.next, now, options, this.#last)
    this.#last = message
    const optionsLength = this.#isAcknowledged ? 0 : optionListLength(this.#start.options)
    // fragments cannot be cut again: those of a reliable message must fit even if the path changes
    const { room, certainRoom } = this.#start.session
    const most = payloadRoom(message.isReliable ? certainRoom : room)
    this.#queue.cut(message, payload, most - MAX_USER_DATA_HEADER - optionsLength)
    this.#discard(now)
    this.#start.owed.began(now)
    this.#isFull = !this.isWritable
    this.#start.ready(this)
    return message
  }

  /** Accepts no more messages, and ends once the queued ones have arrived (RFC 7016, 3.6.2.11). */
  close(): void {
    if (!this.#isOpen) return
    this.#isOpen = false
    if (this.#queue.next === 1) {
      this.#end('complete')
      return
    }
    const last = this.#queue.get(this.#queue.next - 1)
    if (last === undefined || last.isSent) this.#queue.addAbandoned(this.#queue.next)
    this.#final = this.#queue.next - 1
    this.#start.ready(this)
  }

  /** The receiver rejects it (RFC 7016, 3.6.2.10): what is queued is abandoned. */
  rejected(exceptionCode: number): void {
    if (this.#isOver || this.#exceptionCode !== undefined) return
    this.#exceptionCode = exceptionCode
    this.#queue.abandonAll()
    this.close()
    this.#start.ready(this)
    this.#start.events.ended?.('rejected', exceptionCode)
  }

  /** Its session is over. */
  over(): void {
    this.#isOpen = false
    this.#queue.clear()
    this.#outstandingBytes = 0
    this.#end('session over')
  }

  /** Adds the next fragments to a packet (RFC 7016, 3.6.2.3), and returns their bytes. */
  fill(packet: PacketSpace, now: number): number {
    this.#discard(now)
    const forward = this.#queue.forwardSequenceNumber
    let filled = 0
    let previous: number | undefined
    while (this.#mayTransmit) {
      const fragment = this.#queue.nextWaiting()
      if (fragment === undefined) break
      fragment.message.expire(now)
      if (fragment.message.isAbandoned) this.#queue.empty(fragment)
      const chunk = this.#chunk(fragment, forward, previous)
      const length = userDataLength(chunk)
      // a fragment that was cut for a packet with more room is sent alone
      if (!packet.has(length) && packet.chunks.length > 0) break
      previous = fragment.sequenceNumber
      const added = packet.add(chunk, length)
      this.#sent(fragment, added)
      filled += added
    }
    this.#tellDrained()
    return filled
  }

  /** Processes an acknowledgement (RFC 7016, 3.6.2.4). One of fragments that were never sent is ignored. */
  acknowledged(acknowledgement: Acknowledgement, now: number, erto: number): void {
    const { cumulativeAck, received } = acknowledgement
    const [, highest] = received.at(-1) ?? [0, cumulativeAck]
    if (Math.max(highest, cumulativeAck) > this.#highestSent) return
    this.#isAcknowledged = true
    this.#receiver.told(acknowledgement, now, erto)
    const before = this.#queue.size
    this.#remove(this.#queue.first, cumulativeAck)
    for (const [first, last] of received) this.#remove(Math.max(first, this.#queue.first), last)
    if (this.#queue.size < before) this.#start.owed.progressed(now)
    this.#discard(now)
    this.#settle()
    this.#start.ready(this)
  }

  /** A fragment that was in flight is lost: it is retransmitted, unless its message is late. */
  lost(fragment: OutgoingFragment): void {
    this.#outstandingBytes -= fragment.length
    this.#queue.again(fragment.sequenceNumber)
    this.#start.ready(this)
  }

  /** When to call `probe`; Infinity while the receiver has room. */
  get probeAt(): number {
    return this.#receiver.probeAt
  }

  /** The Buffer Probe that asks whether the receiver has room again (RFC 7016, 3.6.2.9.1), if it is due and something waits for room. */
  probe(now: number): BufferProbe | undefined {
    return this.#receiver.isProbeDue(now) && this.#queue.size > 0 ? { kind: 'BufferProbe', flowId: this.id } : undefined
  }

  get #mayTransmit(): boolean {
    return this.#receiver.allows(this.#outstandingBytes) || this.#exceptionCode !== undefined
  }

  #discard(now: number): void {
    this.#queue.discard(now)
    this.#tellDrained()
  }

  #tellDrained(): void {
    if (!this.#isFull || !this.isWritable) return
    this.#isFull = false
    this.#start.events.drained?.()
  }

  #chunk(fragment: OutgoingFragment, forwardSequenceNumber: number, previous: number | undefined): UserData {
    const { message, sequenceNumber, fragmentControl, data } = fragment
    return {
      kind: previous === sequenceNumber - 1 ? 'NextUserData' : 'UserData',
      flowId: this.id,
      sequenceNumber,
      forwardSequenceNumber,
      fragmentControl,
      abandon: message.isAbandoned,
      final: sequenceNumber === this.#final,
      options: previous === undefined && !this.#isAcknowledged ? this.#start.options : [],
      data
    }
  }

  #sent(fragment: OutgoingFragment, length: number): void {
    fragment.message.isStarted = true
    fragment.isSentAbandoned = fragment.message.isAbandoned
    this.#start.inFlight.add(fragment, length)
    this.#outstandingBytes += length
    this.#highestSent = Math.max(this.#highestSent, fragment.sequenceNumber)
  }

  #remove(first: number, last: number): void {
    for (let number = first; number <= last; number++) {
      const fragment = this.#queue.remove(number)
      if (!fragment?.isInFlight) continue
      this.#outstandingBytes -= fragment.length
      this.#start.inFlight.acknowledge(fragment)
    }
  }

  /** Ends the flow once everything is acknowledged. The receiver must also know what was abandoned (RFC 7016, 3.6.2.7.1). */
  #settle(): void {
    if (this.#queue.size > 0) return
    const last = this.#queue.next - 1
    if (this.#receiver.cumulativeAck < last) this.#queue.addAbandoned(last)
    else if (this.#final !== undefined) this.#end('complete')
  }

  #end(why: FlowEnd): void {
    if (this.#isOver) return
    this.#isOver = true
    this.#receiver.end()
    this.#start.over(this)
    if (this.#exceptionCode === undefined) this.#start.events.ended?.(why)
  }
}
