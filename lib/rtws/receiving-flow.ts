import { ProtocolError } from '../errors.ts'
import type { Limits } from '../limits.ts'
import { PINNED } from '../message/message.ts'
import type { HeldBytes } from '../rtmfp/flow/receive-buffer.ts'
import type { RtwsMessage } from './rtws-message.ts'
import { INITIAL_WINDOW_BYTES, type RtwsSendingFlow } from './sending-flow.ts'

/** The fields with which the peer opens a flow. */
export interface RtwsFlowOpening {
  readonly metadata: Buffer
  /** The flow of this side that it answers. */
  readonly returnOf: RtwsSendingFlow | undefined
}

/** How a flow of the peer is received, and its events, which are called synchronously. */
export interface RtwsReceivingFlowOptions {
  /** `read` has a message, and had none before. */
  readable?(flow: RtwsReceivingFlow): void
  /** Once: all was read, the flow was rejected because of what came, or the connection is over. */
  ended?(flow: RtwsReceivingFlow, isComplete: boolean): void
}

/** What a receiving flow needs of its connection. */
export interface RtwsReceivingFlowHost {
  readonly limits: Limits
  /** Counts the bytes that all flows hold. */
  readonly held: HeldBytes
  /** It has something to acknowledge. */
  acknowledge(flow: RtwsReceivingFlow, isAtOnce: boolean): void
  rejected(flow: RtwsReceivingFlow, exceptionCode: number): void
  /** Messages were read, or dropped. */
  released(): void
}

/** Bytes that may be received and not read. No fragment is longer. */
export const WINDOW_BYTES: number = 1024 * 1024
/** Bytes that a fragment counts beside its data, so that empty ones are bounded too. */
const FRAGMENT_COST = 128
/** The least that is advertised while no message waits to be read, so that one can be completed. */
const LEAST_WINDOW_BYTES = 1400

/** The receiving end of a flow of RTWebSocket: it holds what the application has not read, and composes acknowledgements. */
export class RtwsReceivingFlow {
  readonly id: number
  readonly metadata: Buffer
  readonly returnOf: RtwsSendingFlow | undefined
  readonly #options: RtwsReceivingFlowOptions
  readonly #host: RtwsReceivingFlowHost
  readonly #messages: Buffer[] = []
  /** The fragments of an incomplete message. */
  readonly #pieces: Buffer[] = []
  #pieceBytes = 0
  #heldBytes = 0
  #receivedBytes = 0
  #unacknowledgedBytes = 0
  /** The highest byte that the peer was ever allowed to send. */
  #allowedBytes = INITIAL_WINDOW_BYTES
  #advertisedBytes = INITIAL_WINDOW_BYTES
  #isClosed = false
  #isRejected = false
  #isOver = false

  constructor(id: number, opening: RtwsFlowOpening, options: RtwsReceivingFlowOptions, host: RtwsReceivingFlowHost) {
    this.id = id
    this.metadata = Buffer.from(opening.metadata)
    this.returnOf = opening.returnOf
    this.#options = options
    this.#host = host
  }

  /** Whether `read` has a message. */
  get isReadable(): boolean {
    return this.#messages.length > 0
  }

  /** Whether it is closed, and everything was read. The sender may then forget it. */
  get isComplete(): boolean {
    return this.#isClosed && !this.isReadable
  }

  /** Whether it now has at least twice the room that was advertised. */
  get hasRoomAgain(): boolean {
    return !this.#isRejected && this.#roomBytes >= 2 * Math.max(this.#advertisedBytes, LEAST_WINDOW_BYTES)
  }

  /** Whether the last advertisement was small. */
  get isShort(): boolean {
    return !this.#isRejected && this.#advertisedBytes < WINDOW_BYTES / 2
  }

  /** The next message. Reading makes room for more. */
  read(): { readonly payload: Buffer } | undefined {
    const payload = this.#messages.shift()
    if (payload === undefined) return undefined
    this.#hold(-payload.length - FRAGMENT_COST)
    this.#host.released()
    if (this.isComplete) this.#complete()
    return { payload }
  }

  /** Rejects the flow, and tells the sender. */
  reject(exceptionCode = 0): void {
    if (this.#isOver || this.#isRejected) return
    this.#isOver = true
    this.#refuse(exceptionCode)
  }

  /** Adds a fragment, which had `length` bytes with its header. @throws ProtocolError if the peer was not allowed to send it. */
  add(data: Buffer, isLast: boolean, length: number): void {
    if (this.#isClosed) throw wrong('sends on a flow that it has closed')
    // the last fragment may exceed the window by its header
    if (this.#receivedBytes > this.#allowedBytes) throw wrong('sends more than was allowed')
    this.#receivedBytes += length
    this.#unacknowledgedBytes += length
    this.#host.acknowledge(this, this.#unacknowledgedBytes >= this.#advertisedBytes / 2)
    if (this.#isRejected) return
    // a fragment that waits must not retain a much larger read
    this.#pieces.push(data.buffer.byteLength > PINNED * data.length ? Buffer.from(data) : data)
    this.#pieceBytes += data.length
    this.#hold(data.length + FRAGMENT_COST)
    const { messageBytes, rtmfpSessionBytes } = this.#host.limits
    if (this.#pieceBytes > messageBytes || this.#host.held.bytes > rtmfpSessionBytes) {
      this.#refuse(0)
      this.#end(false)
    } else if (isLast) this.#whole()
  }

  /** The sender abandons the message that it has begun, or messages that it has not begun. */
  abandoned(): void {
    if (this.#isClosed) throw wrong('abandons on a flow that it has closed')
    this.#dropPieces()
    this.#host.acknowledge(this, true)
  }

  /** The sender has closed the flow. */
  closed(): void {
    if (this.#isClosed) throw wrong('closes a flow that it has closed')
    this.#dropPieces()
    this.#isClosed = true
    if (this.isComplete) this.#complete()
    else this.#host.acknowledge(this, true)
  }

  /** Its connection is over: what was received can still be read. */
  over(): void {
    this.#dropPieces()
    if (!this.#isClosed) this.#end(false)
  }

  /** The messages that acknowledge it now. */
  answers(): RtwsMessage[] {
    const bufferBytes = this.#roomBytes
    const answer: RtwsMessage = {
      kind: 'DataAck',
      flowId: this.id,
      deltaBytes: this.#unacknowledgedBytes,
      bufferBytes
    }
    this.#unacknowledgedBytes = 0
    this.#advertisedBytes = bufferBytes
    this.#allowedBytes = Math.max(this.#allowedBytes, this.#receivedBytes + bufferBytes)
    return this.isComplete ? [answer, { kind: 'FlowCloseAck', flowId: this.id }] : [answer]
  }

  /** An incomplete message does not count, because only its completion can make room. */
  get #roomBytes(): number {
    if (this.#isRejected) return 0
    const own = WINDOW_BYTES - (this.isReadable ? this.#heldBytes : 0)
    const room = Math.min(own, this.#host.limits.rtmfpSessionBytes - this.#host.held.bytes)
    return Math.max(room, this.isReadable ? 0 : LEAST_WINDOW_BYTES)
  }

  #whole(): void {
    const wasReadable = this.isReadable
    const [first] = this.#pieces
    this.#hold(-(this.#pieces.length - 1) * FRAGMENT_COST)
    this.#messages.push(this.#pieces.length === 1 ? first! : Buffer.concat(this.#pieces, this.#pieceBytes))
    this.#pieces.length = 0
    this.#pieceBytes = 0
    if (!wasReadable) this.#options.readable?.(this)
  }

  #dropPieces(): void {
    this.#hold(-this.#pieceBytes - this.#pieces.length * FRAGMENT_COST)
    this.#pieces.length = 0
    this.#pieceBytes = 0
  }

  #hold(bytes: number): void {
    this.#heldBytes += bytes
    this.#host.held.bytes += bytes
  }

  #complete(): void {
    this.#host.acknowledge(this, true)
    this.#end(true)
  }

  #refuse(exceptionCode: number): void {
    this.#isRejected = true
    this.#messages.length = 0
    this.#pieces.length = 0
    this.#pieceBytes = 0
    this.#hold(-this.#heldBytes)
    if (!this.#isClosed) this.#host.rejected(this, exceptionCode)
    this.#host.released()
    this.#host.acknowledge(this, true)
  }

  #end(isComplete: boolean): void {
    if (this.#isOver) return
    this.#isOver = true
    this.#options.ended?.(this, isComplete)
  }
}

const wrong = (detail: string) => new ProtocolError('ERR_RTMP_RTWS', { layer: 'rtws', detail: `peer ${detail}` })
