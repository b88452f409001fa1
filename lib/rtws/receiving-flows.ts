import { ProtocolError } from '../errors.ts'
import type { Limits } from '../limits.ts'
import type { HeldBytes } from '../rtmfp/flow/receive-buffer.ts'
import {
  type RtwsFlowOpening,
  RtwsReceivingFlow,
  type RtwsReceivingFlowHost,
  type RtwsReceivingFlowOptions
} from './receiving-flow.ts'
import type { RtwsMessage } from './rtws-message.ts'
import type { RtwsSendingFlow } from './sending-flow.ts'

/** What the receiving flows of an RTWebSocket need. */
export interface RtwsReceivingFlowsHost {
  readonly limits: Limits
  /** Decides on a flow of the peer: returns how it is received, or undefined to reject it. */
  readonly accept: ((opening: RtwsFlowOpening) => RtwsReceivingFlowOptions | undefined) | undefined
  /** The open sending flow with this id. */
  flow(id: number): RtwsSendingFlow | undefined
  /** There is something to send at once. */
  say(message: RtwsMessage): void
  wake(): void
}

const DELAY_MS = 250
const INITIAL_ACK_WINDOW_BYTES = 2800

/** The flows that the peer of an RTWebSocket sends, and when they are acknowledged. */
export class RtwsReceivingFlows implements RtwsReceivingFlowHost {
  readonly limits: Limits
  readonly held: HeldBytes = { bytes: 0 }
  readonly #host: RtwsReceivingFlowsHost
  readonly #flows = new Map<number, RtwsReceivingFlow>()
  readonly #owing = new Set<RtwsReceivingFlow>()
  /** Flows whose last advertisement was small. */
  readonly #short = new Set<RtwsReceivingFlow>()
  #answers: RtwsMessage[] = []
  #isDue = false
  #dueAt = Number.POSITIVE_INFINITY
  #now = 0
  #ackWindowBytes = INITIAL_ACK_WINDOW_BYTES
  /** Bytes of all flows since the ack window was last full. */
  #bytes = 0

  constructor(host: RtwsReceivingFlowsHost) {
    this.limits = host.limits
    this.#host = host
  }

  get size(): number {
    return this.#flows.size
  }

  /** When to call `elapsed`. */
  get timeoutAt(): number {
    return this.#isDue ? Number.POSITIVE_INFINITY : this.#dueAt
  }

  /** @throws ProtocolError `ERR_RTMP_RTWS` for the id of an existing flow, or for too many flows. */
  opened(flowId: number, metadata: Buffer, returnFlowId: number | undefined, now: number): void {
    this.#now = now
    if (this.#flows.has(flowId)) throw wrong(`flow ${flowId} is opened twice`)
    if (this.#flows.size >= this.limits.rtmfpFlows) throw wrong(`peer has more than ${this.limits.rtmfpFlows} flows`)
    const returnOf = returnFlowId === undefined ? undefined : this.#host.flow(returnFlowId)
    const isWrong = returnFlowId !== undefined && returnOf === undefined
    const isLong = metadata.length > this.limits.rtmfpMetadataBytes
    const opening = { metadata: isLong ? metadata.subarray(0, 0) : metadata, returnOf }
    const accepted = isWrong || isLong ? undefined : this.#host.accept?.(opening)
    const flow = new RtwsReceivingFlow(flowId, opening, accepted ?? {}, this)
    this.#flows.set(flowId, flow)
    if (accepted === undefined) flow.reject()
    this.acknowledge(flow, true)
  }

  /** @throws ProtocolError `ERR_RTMP_RTWS` for an unknown flow, or one without room. */
  add(flowId: number, data: Buffer, isLast: boolean, length: number, now: number): void {
    this.#now = now
    this.#known(flowId).add(data, isLast, length)
    this.#bytes += length
    this.#dueOnWindow()
  }

  /** @throws ProtocolError `ERR_RTMP_RTWS` for an unknown flow. */
  abandoned(flowId: number): void {
    this.#known(flowId).abandoned()
  }

  /** @throws ProtocolError `ERR_RTMP_RTWS` for an unknown or closed flow. */
  closed(flowId: number): void {
    this.#known(flowId).closed()
  }

  /** The peer asks for an acknowledgement after each so many bytes. */
  askedFor(bytes: number): void {
    this.#ackWindowBytes = Math.max(bytes, INITIAL_ACK_WINDOW_BYTES)
    this.#dueOnWindow()
  }

  /** The next of the acknowledgements that are due. */
  next(): RtwsMessage | undefined {
    if (this.#answers.length === 0 && this.#isDue) {
      for (const flow of this.#owing) this.#answer(flow)
      this.#owing.clear()
      this.#isDue = false
      this.#dueAt = Number.POSITIVE_INFINITY
    }
    return this.#answers.shift()
  }

  elapsed(now: number): void {
    this.#now = now
    if (now >= this.#dueAt) this.#isDue = true
  }

  over(): void {
    for (const flow of this.#flows.values()) flow.over()
    this.#flows.clear()
    this.#owing.clear()
    this.#short.clear()
    this.#answers = []
    this.#dueAt = Number.POSITIVE_INFINITY
  }

  acknowledge(flow: RtwsReceivingFlow, isAtOnce: boolean): void {
    if (this.#flows.get(flow.id) !== flow) return
    this.#owing.add(flow)
    this.#dueAt = Math.min(this.#dueAt, this.#now + DELAY_MS)
    if (!isAtOnce || this.#isDue) return
    this.#isDue = true
    this.#host.wake()
  }

  rejected({ id }: RtwsReceivingFlow, exceptionCode: number): void {
    this.#host.say({ kind: 'FlowException', flowId: id, exceptionCode, text: '' })
  }

  released(): void {
    for (const flow of this.#short) if (flow.hasRoomAgain) this.acknowledge(flow, true)
  }

  #answer(flow: RtwsReceivingFlow): void {
    this.#answers.push(...flow.answers())
    if (flow.isComplete) this.#flows.delete(flow.id)
    if (flow.isShort && !flow.isComplete) this.#short.add(flow)
    else this.#short.delete(flow)
  }

  #dueOnWindow(): void {
    if (this.#bytes < this.#ackWindowBytes) return
    this.#bytes %= this.#ackWindowBytes
    if (this.#owing.size === 0) return
    this.#isDue = true
    this.#host.wake()
  }

  #known(id: number): RtwsReceivingFlow {
    const flow = this.#flows.get(id)
    if (flow === undefined) throw wrong(`flow ${id} is not open`)
    return flow
  }
}

const wrong = (detail: string) => new ProtocolError('ERR_RTMP_RTWS', { layer: 'rtws', detail })
