import { ProtocolError } from '../../errors.ts'
import { isProtocolControlType, type Message, type MessageStreamId } from '../../message/message.ts'
import { readFlowMessage } from './flow-message.ts'
import { type FlowMetadata, readFlowMetadata } from './flow-metadata.ts'
import type { IncomingFlow, IncomingFlowOpening, IncomingFlowOptions } from './flow-set.ts'
import { FlowSyncs, readFlowSync } from './flow-sync.ts'
import { kindOf } from './message-kind.ts'

/** What the messages that this side receives need of the connection. */
export interface ReceivingMessagesHost {
  readonly role: 'client' | 'server'
  /** The message stream of the control flows. */
  readonly controlStream: MessageStreamId
  /** Whether the connection is over. */
  readonly isOver: boolean
  readable(): void
  /** The control flow of the peer is over. */
  ended(): void
}

const MAX_SYNCS = 64
/** The most message streams that a client remembers as begun. */
const MAX_BEGUN = 1024
/** The most messages that wait for their message stream to begin, each the first of a flow; further ones do not wait. */
const MAX_EARLY = 8

/** The messages that one end of an RTMP connection receives in flows. */
export class ReceivingMessages {
  readonly #host: ReceivingMessagesHost
  /** Readable flows with their metadata, in turn. */
  readonly #readable = new Map<IncomingFlow, FlowMetadata>()
  readonly #syncs = new FlowSyncs<IncomingFlow>(MAX_SYNCS)
  /**
   * At a client: message streams on which the peer has sent a message other than media, and media that arrived before. tcserver sends no
   * FlowSync between `NetStream.Play.Start` and the sequence headers, and either may be lost and retransmitted.
   */
  readonly #begun = new Set<MessageStreamId>()
  readonly #early = new Map<IncomingFlow, Message>()
  #control: IncomingFlow | undefined
  #hasControl = false
  /** Whether a flow that had to wait may be read now. */
  #isReleased = false

  constructor(host: ReceivingMessagesHost) {
    this.#host = host
  }

  /** The control flow of the peer, once a message was received on it. */
  get control(): IncomingFlow | undefined {
    return this.#control
  }

  /** Decides on a flow of the peer: those of other protocols and of other connections are rejected (RFC 7425, 5.3.1). */
  accept({ metadata, returnOf }: IncomingFlowOpening): IncomingFlowOptions | undefined {
    const { role, controlStream, isOver } = this.#host
    const told = readFlowMetadata(metadata)
    if (told === undefined || isOver) return undefined
    const isControl = told.messageStreamId === controlStream && !this.#hasControl
    const isOfThis = role === 'server' && isControl ? returnOf === undefined : returnOf !== undefined
    if (!isOfThis) return undefined
    if (isControl) this.#hasControl = true
    return {
      order: told.receiveOrder,
      readable: flow => {
        if (isControl) this.#control ??= flow
        this.#readable.set(flow, told)
        this.#host.readable()
      },
      ended: flow => {
        this.#syncs.remove(flow)
        this.#early.delete(flow)
        if (isControl) this.#host.ended()
      }
    }
  }

  /** The next message of any flow, if there is one. */
  read(): Message | undefined {
    do {
      this.#isReleased = false
      for (const [flow, told] of this.#readable) {
        const message = this.#syncs.holds(flow) ? undefined : this.#next(flow, told)
        if (message === undefined) continue
        // to the end of the order, so that flows are read in turn
        this.#readable.delete(flow)
        if (flow.isReadable) this.#readable.set(flow, told)
        return message
      }
    } while (this.#isReleased)
    return undefined
  }

  /** The next message of a flow, unless it waits for its message stream to begin. */
  #next(flow: IncomingFlow, told: FlowMetadata): Message | undefined {
    const message = this.#early.get(flow) ?? this.#readFrom(flow, told)
    this.#early.delete(flow)
    if (message === undefined || this.#host.role === 'server') return message
    const { messageStreamId, type } = message
    if (this.#begun.has(messageStreamId) || this.#host.isOver) return message
    if (kindOf(type) === 'rest') {
      if (this.#begun.size >= MAX_BEGUN) this.#begun.clear()
      this.#begun.add(messageStreamId)
    } else if (this.#early.size < MAX_EARLY) {
      this.#early.set(flow, message)
      return undefined
    }
    return message
  }

  #readFrom(flow: IncomingFlow, { messageStreamId, receiveOrder }: FlowMetadata): Message | undefined {
    for (let taken = flow.read(); taken !== undefined; taken = flow.read()) {
      const message = messageIn(taken.payload, messageStreamId)
      if (message === undefined) {
        flow.reject()
        break
      }
      const sync = readFlowSync(message)
      if (sync !== undefined) {
        // after the last message of a flow there is nothing to hold
        const mayWait = receiveOrder === 'sequence' && (flow.isReadable || !flow.isComplete)
        this.#isReleased = this.#syncs.add(sync, flow, mayWait) || this.#isReleased
        if (this.#syncs.holds(flow)) return undefined
      } else if (!isProtocolControlType(message.type)) return message
    }
    this.#readable.delete(flow)
    return undefined
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
