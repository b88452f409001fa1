import { ProtocolError } from '../../errors.ts'
import type { Limits } from '../../limits.ts'
import { type Acknowledgement, BUFFER_BLOCK_BYTES, rangeLength, type SequenceRange } from '../wire/acknowledgement.ts'
import type { UserData } from '../wire/user-data.ts'
import { vluLength } from '../wire/vlu.ts'
import type { PacketSpace } from './packet-space.ts'
import { type FlowMessage, type HeldBytes, ReceiveBuffer, type ReceiveOrder } from './receive-buffer.ts'
import type { SendingFlow } from './sending-flow.ts'

/** The fields with which the peer opens a flow (RFC 7016, 3.6.3.1). */
export interface FlowOpening {
  readonly metadata: Buffer
  /** The flow of this side that it answers. */
  readonly returnOf: SendingFlow | undefined
}

/** How a flow of the peer is received, and its events, which are called synchronously. */
export interface ReceivingFlowOptions {
  /** `'sequence'` if omitted. */
  readonly order?: ReceiveOrder
  /** Bytes that may be received and not read, as announced to the peer; 1 MiB. */
  readonly windowBytes?: number
  /** `read` has a message, and had none before. */
  readable?(flow: ReceivingFlow): void
  /** Once: all was read, the flow was rejected because of what came, or the session is over. */
  ended?(flow: ReceivingFlow, isComplete: boolean): void
}

/** What a receiving flow needs of its session. */
export interface ReceivingFlowHost {
  readonly limits: Partial<Limits> | undefined
  /** Counts the bytes that all flows hold. */
  readonly held: HeldBytes
  /** The most that may be announced, because other flows hold memory too. */
  roomBytes(): number
  /** It has something to acknowledge at once. */
  acknowledge(flow: ReceivingFlow): void
}

const DEFAULT_WINDOW_BYTES = 1024 * 1024
/** With fewer blocks announced, the sender waits for room: its fragments and reads are acknowledged at once. */
const FEW_BLOCKS = 2

/** The receiving end of a flow (RFC 7016, 3.6.3): it holds what the application has not read, and composes acknowledgements. */
export class ReceivingFlow {
  readonly id: number
  readonly returnOf: SendingFlow | undefined
  readonly #host: ReceivingFlowHost
  readonly #options: ReceivingFlowOptions
  readonly #buffer: ReceiveBuffer
  #exceptionCode: number | undefined
  #advertised = FEW_BLOCKS
  #isOver = false

  constructor(id: number, opening: FlowOpening, options: ReceivingFlowOptions, host: ReceivingFlowHost) {
    this.id = id
    this.returnOf = opening.returnOf
    this.#options = options
    this.#host = host
    const { order = 'sequence' } = options
    this.#buffer = new ReceiveBuffer({ order, held: host.held, ...(host.limits && { limits: host.limits }) })
  }

  /** Whether all of it was received (RFC 7016, 3.6.3.8). It is kept for a while, to acknowledge retransmissions. */
  get isComplete(): boolean {
    return this.#buffer.isComplete
  }

  get bufferedBytes(): number {
    return this.#buffer.bufferedBytes
  }

  /** Whether `read` has a message. */
  get isReadable(): boolean {
    return this.#buffer.isReadable
  }

  /** The next message, if there is one. Reading makes room for more. */
  read(): FlowMessage | undefined {
    const message = this.#buffer.take()
    if (message === undefined) return undefined
    if (this.#advertised < FEW_BLOCKS) this.#host.acknowledge(this)
    if (this.isComplete && !this.isReadable) this.#end(true)
    return message
  }

  /** Rejects the flow, and tells the sender (RFC 7016, 3.6.3.7). */
  reject(exceptionCode = 0): void {
    if (this.#isOver || this.#exceptionCode !== undefined) return
    this.#isOver = true
    this.#refuse(exceptionCode)
  }

  /** The session is over: what was received can still be read. */
  over(): void {
    this.#buffer.end()
    if (!this.isComplete) this.#end(false)
  }

  /** Adds a fragment (RFC 7016, 3.6.3.2). Whether it is to be acknowledged at once (3.6.3.4.5). */
  add(chunk: UserData): boolean {
    const gaps = this.#buffer.gaps
    const wasReadable = this.isReadable
    const added = this.#added(chunk)
    const isOrdinary = added === 'new' && !chunk.abandon && !chunk.final && gaps === 0 && this.#buffer.gaps === 0
    if (!this.#isOver && !wasReadable && this.isReadable) this.#options.readable?.(this)
    if (this.isComplete && !this.isReadable) this.#end(true)
    return !isOrdinary || this.#advertised < FEW_BLOCKS || this.#exceptionCode !== undefined
  }

  /**
   * Whether it is the next fragment in order, and nothing waits to be read. Such a fragment is always accepted, so that the flow makes progress.
   */
  isNext({ sequenceNumber }: UserData): boolean {
    return sequenceNumber <= this.#buffer.cumulativeAck + 1 && !this.isReadable
  }

  /**
   * Adds the acknowledgement to a packet (RFC 7016, 3.6.3.4.3), after the exception if the flow was rejected. With `mayTruncate`, ranges for
   * which there is no room are left out; otherwise false if the whole acknowledgement has no room.
   */
  answer(packet: PacketSpace, mayTruncate: boolean): boolean {
    const { cumulativeAck, received } = this.#buffer
    const exceptionLength = this.#exceptionCode === undefined ? 0 : vluLength(this.id) + vluLength(this.#exceptionCode)
    const blocks = this.#blocks()
    let length = vluLength(this.id) + vluLength(blocks) + vluLength(cumulativeAck)
    // room for the exception and its header too
    const reserved = this.#exceptionCode === undefined ? 0 : exceptionLength + 3
    const fitting: SequenceRange[] = []
    let end = cumulativeAck
    for (const range of received) {
      const more = rangeLength(range, end)
      if (!packet.has(reserved + length + more)) break
      fitting.push(range)
      length += more
      end = range[1]
    }
    if (!packet.has(reserved + length) || (!mayTruncate && fitting.length < received.length)) return false
    if (this.#exceptionCode !== undefined)
      packet.add({ kind: 'FlowException', flowId: this.id, exceptionCode: this.#exceptionCode }, exceptionLength)
    const chunk: Acknowledgement = {
      kind: 'RangeAck',
      flowId: this.id,
      bufferBlocksAvailable: blocks,
      cumulativeAck,
      received: fitting
    }
    packet.add(chunk, length)
    this.#advertised = blocks
    return true
  }

  /** Blocks that there is room for (RFC 7016, 3.6.3.5): at least one, to complete a message, unless one waits to be read. */
  #blocks(): number {
    const { windowBytes = DEFAULT_WINDOW_BYTES } = this.#options
    const left = Math.min(windowBytes - this.bufferedBytes, this.#host.roomBytes())
    return Math.max(Math.ceil(left / BUFFER_BLOCK_BYTES), this.isReadable ? 0 : 1)
  }

  #added(chunk: UserData): ReturnType<ReceiveBuffer['add']> {
    try {
      return this.#buffer.add(chunk)
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error
      this.#refuse(0)
      this.#end(false)
      return 'refused'
    }
  }

  #refuse(exceptionCode: number): void {
    this.#exceptionCode = exceptionCode
    this.#buffer.reject()
    this.#host.acknowledge(this)
  }

  #end(isComplete: boolean): void {
    if (this.#isOver) return
    this.#isOver = true
    this.#options.ended?.(this, isComplete)
  }
}
