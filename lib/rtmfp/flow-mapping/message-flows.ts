import { ProtocolError } from '../../errors.ts'
import type { Limits } from '../../limits.ts'
import { type Message, type MessageStreamId, MessageTypeId } from '../../message/message.ts'
import { Flows } from '../flow/flows.ts'
import type { OutgoingMessageOptions } from '../flow/outgoing-message.ts'
import type { FlowOpening, ReceivingFlow, ReceivingFlowOptions } from '../flow/receiving-flow.ts'
import type { SendingFlow } from '../flow/sending-flow.ts'
import type { FlowsSession } from '../flow/sending-flows.ts'
import type { TimeCriticalData } from '../flow/time-critical.ts'
import { readFlowMessage, writeFlowMessage } from './flow-message.ts'
import { flowMetadata, readFlowMetadata } from './flow-metadata.ts'
import { FlowSyncs, readFlowSync } from './flow-sync.ts'

/** The options of RTMP over the flows of a session. */
export interface MessageFlowsOptions {
  readonly role: 'client' | 'server'
  readonly limits?: Partial<Limits>
  readonly timeCritical?: TimeCriticalData
  /** How long a message is worth sending: for media that may be late. Without it all is reliable. */
  readonly lifetimeOf?: (message: Message) => OutgoingMessageOptions
  /** `read` has a message that it had not. */
  readonly readable?: () => void
  /** There is room again, behind a `write` that was false. */
  readonly drained?: () => void
  /** Once: the control flow is over, and the connection with it (RFC 7425, 5.3.1). What was received can still be read. */
  readonly ended?: () => void
}

/** Messages of the chunk stream itself, which flows have no use for (RFC 7425, 5.2). */
const ofChunkStreams: readonly number[] = [
  MessageTypeId.SetChunkSize,
  MessageTypeId.Abort,
  MessageTypeId.Acknowledgement,
  MessageTypeId.WindowAcknowledgementSize,
  MessageTypeId.SetPeerBandwidth
]
const CONTROL_STREAM: MessageStreamId = 0
const PRIORITY = 5
const VIDEO_PRIORITY = 4
const MAX_SYNCS = 64

/**
 * The messages of an RTMP connection over the flows of a session (RFC 7425, 5): each message stream has a flow, and its audio and its video
 * have one more each, so that audio does not wait for video. It has no clock: times are in ms.
 */
export class MessageFlows {
  readonly flows: Flows
  readonly #options: MessageFlowsOptions
  readonly #sending = new Map<string, SendingFlow>()
  readonly #readable = new Set<ReceivingFlow>()
  readonly #syncs = new FlowSyncs<ReceivingFlow>(MAX_SYNCS)
  /** What all flows but the client's first answer: the first flow of the peer on stream 0. */
  #control: ReceivingFlow | undefined
  #hasControl = false
  /** Whether a flow that was passed over may be read now. */
  #isReleased = false
  #isClosed = false
  #isOver = false

  constructor(session: FlowsSession, options: MessageFlowsOptions) {
    this.#options = options
    const { limits, timeCritical } = options
    this.flows = new Flows(session, {
      ...(limits && { limits }),
      ...(timeCritical && { timeCritical }),
      accept: opening => this.#accept(opening)
    })
  }

  /**
   * Queues a message. Whether its flow has room for more. What belongs to a chunk stream is left out, and all behind `close` and the end.
   * @throws RangeError if the peer has no flow yet that this would answer.
   */
  write(message: Message, now: number): boolean {
    if (ofChunkStreams.includes(message.type) || this.#isClosed) return true
    const flow = this.#flowOf(message)
    flow.write(writeFlowMessage(message), now, this.#options.lifetimeOf?.(message))
    return flow.isWritable
  }

  /** The next message of any flow, if there is one whose turn it is. */
  read(): Message | undefined {
    do {
      this.#isReleased = false
      for (const flow of this.#readable) {
        const message = this.#syncs.holds(flow) ? undefined : this.#readFrom(flow)
        if (message === undefined) continue
        // to the end of the turn
        this.#readable.delete(flow)
        if (flow.isReadable) this.#readable.add(flow)
        return message
      }
    } while (this.#isReleased)
    return undefined
  }

  /** Says nothing more: what was written still arrives. */
  close(): void {
    this.#isClosed = true
    for (const flow of this.#sending.values()) flow.close()
  }

  #flowOf({ type, messageStreamId }: Message): SendingFlow {
    const kind = type === MessageTypeId.Audio || type === MessageTypeId.Video ? type : 0
    const name = `${messageStreamId} ${kind}`
    const known = this.#sending.get(name)
    if (known !== undefined) return known
    const isFirst = this.#options.role === 'client' && this.#sending.size === 0 && name === `${CONTROL_STREAM} 0`
    const returnOf = isFirst ? undefined : this.#control
    if (!isFirst && returnOf === undefined)
      throw new RangeError(`message stream ${messageStreamId} has no flow of the peer to answer`)
    const flow = this.flows.open({
      metadata: flowMetadata({ messageStreamId, receiveOrder: 'sequence' }),
      ...(returnOf && { returnOf }),
      priority: type === MessageTypeId.Video ? VIDEO_PRIORITY : PRIORITY,
      drained: () => this.#options.drained?.(),
      ended: () => {
        this.#sending.delete(name)
        if (isFirst) this.#end()
      }
    })
    this.#sending.set(name, flow)
    return flow
  }

  /** Flows of other protocols, and of other connections, are rejected (RFC 7425, 5.3.1). */
  #accept({ metadata, returnOf }: FlowOpening): ReceivingFlowOptions | undefined {
    const told = readFlowMetadata(metadata)
    if (told === undefined || this.#isOver) return undefined
    const { messageStreamId, receiveOrder } = told
    const isControl = messageStreamId === CONTROL_STREAM && !this.#hasControl
    const isOfThis = this.#options.role === 'server' && isControl ? returnOf === undefined : returnOf !== undefined
    if (!isOfThis) return undefined
    if (isControl) this.#hasControl = true
    return {
      order: receiveOrder,
      readable: flow => {
        if (isControl) this.#control ??= flow
        this.#readable.add(flow)
        this.#options.readable?.()
      },
      ended: flow => {
        this.#syncs.remove(flow)
        if (isControl) this.#end()
      }
    }
  }

  #readFrom(flow: ReceivingFlow): Message | undefined {
    const { messageStreamId, receiveOrder } = readFlowMetadata(flow.metadata)!
    for (let taken = flow.read(); taken !== undefined; taken = flow.read()) {
      const message = messageIn(taken.payload, messageStreamId)
      if (message === undefined) {
        flow.reject()
        break
      }
      const sync = readFlowSync(message)
      if (sync !== undefined) {
        this.#isReleased = this.#syncs.add(sync, flow, receiveOrder === 'sequence') || this.#isReleased
        if (this.#syncs.holds(flow)) return undefined
      } else if (!ofChunkStreams.includes(message.type)) return message
    }
    this.#readable.delete(flow)
    return undefined
  }

  #end(): void {
    if (this.#isOver) return
    this.#isOver = true
    this.close()
    this.#options.ended?.()
  }
}

function messageIn(payload: Buffer, messageStreamId: MessageStreamId): Message | undefined {
  try {
    return readFlowMessage(payload, messageStreamId)
  } catch (error) {
    if (error instanceof ProtocolError) return undefined
    throw error
  }
}
