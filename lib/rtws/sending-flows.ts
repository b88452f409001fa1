import { ProtocolError } from '../errors.ts'
import { Owed } from '../rtmfp/flow/owed.ts'
import type { SendingFlowOptions } from '../rtmfp/flow/sending-flows.ts'
import { OutstandingWindow } from './outstanding-window.ts'
import { type RtwsMessage, rtwsMessage } from './rtws-message.ts'
import { RtwsSendingFlow } from './sending-flow.ts'

/** A flow that this side opens. */
export interface RtwsSendingFlowOptions extends Omit<SendingFlowOptions, 'returnOf'> {
  /** The flow of the peer that it answers. */
  readonly returnOf?: { readonly id: number }
}

const PRIORITIES = 8
const ROUTINE_PRIORITY = 3
const DEFAULT_CAPACITY_BYTES = 65_536
/** The ack window of a peer until it is told another. */
const INITIAL_ACK_WINDOW_BYTES = 2800

type Of<Kind> = RtwsMessage & { readonly kind: Kind }

/** The flows that this side of an RTWebSocket sends: priorities, and how much may be outstanding. */
export class RtwsSendingFlows {
  readonly #wake: () => void
  readonly #flows = new Map<number, RtwsSendingFlow>()
  readonly #freeIds: number[] = []
  #nextId = 0
  /** Flows that may have something to send, by priority, and in each priority in turn. */
  readonly #ready: Set<RtwsSendingFlow>[] = Array.from({ length: PRIORITIES }, () => new Set())
  readonly #window = new OutstandingWindow()
  readonly #owed = new Owed()
  #ackWindowBytes = INITIAL_ACK_WINDOW_BYTES

  constructor(wake: () => void) {
    this.#wake = wake
  }

  get size(): number {
    return this.#flows.size
  }

  /** Bytes that wait to be sent or acknowledged. */
  get queuedBytes(): number {
    return this.#owed.bytes
  }

  get owedSince(): number | undefined {
    return this.#owed.since
  }

  get window(): OutstandingWindow {
    return this.#window
  }

  /** The open flow with this id. */
  get(id: number): RtwsSendingFlow | undefined {
    const flow = this.#flows.get(id)
    return flow?.isOpen ? flow : undefined
  }

  /** Opens a flow. It is opened at the peer with its first message. */
  open(options: RtwsSendingFlowOptions): RtwsSendingFlow {
    const { metadata, returnOf, priority = ROUTINE_PRIORITY, capacityBytes = DEFAULT_CAPACITY_BYTES } = options
    const flowId = this.#freeIds.pop() ?? this.#nextId++
    const flow = new RtwsSendingFlow({
      id: flowId,
      priority,
      capacityBytes,
      opening: returnOf
        ? { kind: 'ReturnFlowOpen', flowId, returnFlowId: returnOf.id, metadata }
        : { kind: 'FlowOpen', flowId, metadata },
      owed: this.#owed,
      events: options,
      ready: flow => {
        if (!flow.isReady || this.#flows.get(flow.id) !== flow) return
        this.#ready[priority]!.add(flow)
        this.#wake()
      },
      over: flow => {
        // unacknowledged bytes of this flow do not count against the others
        this.#window.forgotten(flow.outstandingBytes)
        this.#flows.delete(flow.id)
        this.#freeIds.push(flow.id)
        this.#ready[priority]!.delete(flow)
      }
    })
    this.#flows.set(flowId, flow)
    return flow
  }

  /** @throws ProtocolError `ERR_RTMP_RTWS` for an unknown flow, or bytes that were never sent. */
  acknowledged({ flowId, deltaBytes, bufferBytes }: Of<'DataAck'>, now: number): void {
    this.#known(flowId).acknowledged(deltaBytes, bufferBytes, now)
    this.#window.acknowledged(deltaBytes, now)
    this.#wake()
  }

  /** @throws ProtocolError `ERR_RTMP_RTWS` for an unknown or open flow. */
  closeAcknowledged({ flowId }: { readonly flowId: number }): void {
    this.#known(flowId).closeAcknowledged()
  }

  /** @throws ProtocolError `ERR_RTMP_RTWS` for an unknown flow. */
  rejected({ flowId, exceptionCode }: Of<'FlowException'>, now: number): void {
    this.#known(flowId).rejected(exceptionCode, now)
  }

  /** The next message to send, by priority, and in turn within one. */
  next(now: number): Buffer | undefined {
    if (!this.#window.isOpen) return undefined
    if (this.#ackWindowBytes !== this.#window.ackWindowBytes) {
      this.#ackWindowBytes = this.#window.ackWindowBytes
      return rtwsMessage({ kind: 'AckWindow', bytes: this.#ackWindowBytes })
    }
    for (let priority = PRIORITIES - 1; priority >= 0; priority--) {
      const flows = this.#ready[priority]!
      for (const flow of flows) {
        const message = flow.next(now)
        flows.delete(flow)
        if (message === undefined) continue
        // to the end of its queue
        if (flow.isReady) flows.add(flow)
        return this.#sent(flow, message, now)
      }
    }
    return undefined
  }

  over(): void {
    for (const flow of [...this.#flows.values()]) flow.over()
  }

  #sent(flow: RtwsSendingFlow, message: RtwsMessage, now: number): Buffer {
    const bytes = rtwsMessage(message)
    if ('data' in message) {
      flow.sent(bytes.length, message.data.length)
      this.#window.sent(bytes.length, now)
    }
    return bytes
  }

  #known(id: number): RtwsSendingFlow {
    const flow = this.#flows.get(id)
    if (flow === undefined)
      throw new ProtocolError('ERR_RTMP_RTWS', { layer: 'rtws', detail: `flow ${id} does not exist` })
    return flow
  }
}
