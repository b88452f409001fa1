import { ProtocolError } from '../errors.ts'
import { OutgoingMessage, type OutgoingMessageOptions } from '../rtmfp/flow/outgoing-message.ts'
import type { Owed } from '../rtmfp/flow/owed.ts'
import type { FlowEnd, SendingFlowEvents } from '../rtmfp/flow/sending-flow-events.ts'
import type { RtwsMessage } from './rtws-message.ts'

/** The fields of a sending flow that its connection gives it. */
export interface RtwsSendingFlowStart {
  readonly id: number
  /** 0 to 7: a higher one goes first. */
  readonly priority: number
  readonly capacityBytes: number
  readonly opening: RtwsMessage
  readonly owed: Owed
  readonly events: SendingFlowEvents
  /** It may have something to send. */
  ready(flow: RtwsSendingFlow): void
  /** The receiver has acknowledged its close, or the connection is over. */
  over(flow: RtwsSendingFlow): void
}

/** A message that was not sent completely. */
interface Queued {
  readonly message: OutgoingMessage
  readonly payload: Buffer
  /** The bytes of it that were sent. */
  offset: number
}

const FRAGMENT_BYTES = 1400
/** The room that a receiver is assumed to have until it announces it. */
export const INITIAL_WINDOW_BYTES = 65_536

/** The sending end of a flow of RTWebSocket: messages in, fragments of those that are not late out. */
export class RtwsSendingFlow {
  readonly id: number
  readonly priority: number
  /** The queued bytes at which it stops being writable. It may be changed before a write. */
  capacityBytes: number
  readonly #start: RtwsSendingFlowStart
  readonly #queue: Queued[] = []
  #queuedBytes = 0
  #number = 1
  #last: OutgoingMessage | undefined
  /** Abandoned messages that the receiver was not told of yet. */
  #abandoned = 0
  #sentBytes = 0
  #acknowledgedBytes = 0
  #allowedBytes = INITIAL_WINDOW_BYTES
  #isOpen = true
  #isOpenSent = false
  #isCloseSent = false
  #isRejected = false
  #isOver = false
  #isFull = false

  constructor(start: RtwsSendingFlowStart) {
    this.id = start.id
    this.priority = start.priority
    this.capacityBytes = start.capacityBytes
    this.#start = start
  }

  /** Whether it takes messages: it was not closed, and not rejected. */
  get isOpen(): boolean {
    return this.#isOpen
  }

  /** Bytes that wait to be sent. What was sent is delivered before everything that is sent later, on any flow. */
  get queuedBytes(): number {
    return this.#queuedBytes
  }

  /** Whether it is open, and less is queued than its capacity. */
  get isWritable(): boolean {
    return this.#isOpen && this.#queuedBytes < this.capacityBytes
  }

  /** Bytes of fragments that were not acknowledged. */
  get outstandingBytes(): number {
    return this.#sentBytes - this.#acknowledgedBytes
  }

  /** Whether `next` may have a message. */
  get isReady(): boolean {
    return this.#queue.length > 0 || this.#abandoned > 0 || (!this.#isOpen && !this.#isCloseSent)
  }

  /**
   * Queues a message, which is not copied; undefined if the flow is not open. It is queued even beyond the capacity: see `isWritable`.
   */
  write(payload: Buffer, now: number, options: OutgoingMessageOptions = {}): OutgoingMessage | undefined {
    if (!this.#isOpen) return undefined
    const message = new OutgoingMessage(this.#number++, now, options, this.#last)
    this.#last = message
    this.#queue.push({ message, payload, offset: 0 })
    this.#queuedBytes += payload.length
    this.#start.owed.add(1, payload.length)
    this.#discard(now)
    this.#start.owed.began(now)
    this.#isFull = !this.isWritable
    this.#start.ready(this)
    return message
  }

  /** Accepts no more messages, and ends once the queued ones have arrived. */
  close(): void {
    if (!this.#isOpen) return
    this.#isOpen = false
    if (this.#number === 1) this.#end('complete')
    else this.#start.ready(this)
  }

  /** The next message of RTWebSocket to send for it, if the receiver has room. */
  next(now: number): RtwsMessage | undefined {
    this.#discard(now)
    if (!this.#isOpenSent) {
      this.#isOpenSent = true
      return this.#start.opening
    }
    if (this.#abandoned > 0) {
      const countMinusOne = this.#abandoned - 1
      this.#abandoned = 0
      return { kind: 'Abandon', flowId: this.id, countMinusOne }
    }
    const [queued] = this.#queue
    if (queued !== undefined) return this.#fragment(queued)
    if (this.#isOpen || this.#isCloseSent) return undefined
    this.#isCloseSent = true
    return { kind: 'FlowClose', flowId: this.id }
  }

  /** A fragment of it was sent, in `length` bytes with its header. */
  sent(length: number, dataLength: number): void {
    this.#sentBytes += length
    this.#start.owed.add(length, length - dataLength)
  }

  /**
   * The receiver has received `deltaBytes` more, and has room for `bufferBytes`.
   * @throws ProtocolError `ERR_RTMP_RTWS` if that much was not sent.
   */
  acknowledged(deltaBytes: number, bufferBytes: number, now: number): void {
    if (!this.#isOpenSent || deltaBytes > this.outstandingBytes) throw wrong('acknowledges what was not sent')
    this.#acknowledgedBytes += deltaBytes
    this.#allowedBytes = this.#acknowledgedBytes + bufferBytes
    this.#start.owed.add(-deltaBytes, -deltaBytes)
    if (deltaBytes > 0) this.#start.owed.progressed(now)
    this.#start.ready(this)
  }

  /**
   * The receiver rejects it: what is queued is abandoned.
   * @throws ProtocolError `ERR_RTMP_RTWS` if the flow was not opened at the receiver.
   */
  rejected(exceptionCode: number, now: number): void {
    if (!this.#isOpenSent) throw wrong('rejects a flow that was not opened')
    if (this.#isRejected) return
    this.#isRejected = true
    this.#isOpen = false
    for (const { message } of this.#queue) message.abandon()
    this.#discard(now)
    this.#start.ready(this)
    this.#start.events.ended?.('rejected', exceptionCode)
  }

  /** The receiver has acknowledged its close. @throws ProtocolError if it was not closed. */
  closeAcknowledged(): void {
    if (!this.#isCloseSent) throw wrong('acknowledges the close of a flow that is open')
    this.#end('complete')
  }

  /** Its connection is over. */
  over(): void {
    this.#isOpen = false
    this.#isCloseSent = true
    this.#start.owed.add(-this.#queue.length, -this.#queuedBytes)
    this.#queue.length = 0
    this.#queuedBytes = 0
    this.#abandoned = 0
    this.#end('session over')
  }

  #fragment(queued: Queued): RtwsMessage | undefined {
    const { message, payload, offset } = queued
    const room = Math.min(this.#allowedBytes - this.#sentBytes, FRAGMENT_BYTES)
    if (room <= 0) return undefined
    const data = payload.subarray(offset, offset + room)
    queued.offset += data.length
    message.isStarted = true
    this.#queuedBytes -= data.length
    const isLast = queued.offset === payload.length
    if (isLast) {
      this.#queue.shift()
      this.#start.owed.add(-1, 0)
    }
    this.#drain()
    return { kind: isLast ? 'LastFragment' : 'Fragment', flowId: this.id, data }
  }

  /** Abandons late messages at the head of the queue. */
  #discard(now: number): void {
    for (let [queued] = this.#queue; queued !== undefined; [queued] = this.#queue) {
      queued.message.expire(now)
      if (!queued.message.isAbandoned) break
      const left = queued.payload.length - queued.offset
      this.#queue.shift()
      this.#queuedBytes -= left
      this.#start.owed.add(-1, -left)
      this.#abandoned++
    }
    this.#drain()
  }

  #drain(): void {
    if (!this.#isFull || !this.isWritable) return
    this.#isFull = false
    this.#start.events.drained?.()
  }

  #end(why: FlowEnd): void {
    if (this.#isOver) return
    this.#isOver = true
    this.#start.owed.add(-this.outstandingBytes, -this.outstandingBytes)
    this.#start.over(this)
    if (!this.#isRejected) this.#start.events.ended?.(why)
  }
}

const wrong = (detail: string) => new ProtocolError('ERR_RTMP_RTWS', { layer: 'rtws', detail: `peer ${detail}` })
