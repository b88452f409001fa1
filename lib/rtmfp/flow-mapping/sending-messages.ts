import { isProtocolControlType, type MessageStreamId, MessageTypeId } from '../../message/message.ts'
import { userControlMessage } from '../../message/user-control-event.ts'
import type { OutgoingMessageOptions } from '../flow/outgoing-message.ts'
import { writeFlowMessage } from './flow-message.ts'
import { flowMetadata } from './flow-metadata.ts'
import type { FlowSet, IncomingFlow, OutgoingFlow } from './flow-set.ts'
import { kindOf, type MessageKind } from './message-kind.ts'

/** How a message is queued. */
export interface MessageOptions extends OutgoingMessageOptions {
  /** Bytes that wait on its flow from which on there is no room; 64 KiB. */
  readonly capacityBytes?: number
  /** Whether it comes behind the media that was written ahead of it, as commands do. */
  readonly isBehindMedia?: boolean
}

/** What the messages that this side sends need of the connection. */
export interface SendingMessagesHost {
  readonly flows: FlowSet
  /** That whose flow all others answer. */
  readonly controlStream: MessageStreamId
  /** Whether the first flow of that answers none. */
  readonly isFirst: boolean
  /** The flow of the peer that all others of this side answer, once there is one. */
  readonly answered: IncomingFlow | undefined
  drained(): void
  /** The flow that answers none is over. */
  ended(): void
  /** Everything that was written ahead of `close` has arrived, or nobody waits for it. */
  finished(): void
}

/** A flow of this side. */
interface Sending {
  readonly messageStreamId: MessageStreamId
  readonly flow: OutgoingFlow
  /** The commands on its message stream, counted, that it is in order with. */
  behind: number
}

/** The flows of a message stream, and how many commands were written on it. */
interface StreamFlows extends Record<MessageKind, Sending | undefined> {
  commands: number
}

const commands: ReadonlySet<number> = new Set([MessageTypeId.CommandAmf0, MessageTypeId.CommandAmf3])
const PRIORITY = 5
const VIDEO_PRIORITY = 4
const CAPACITY_BYTES = 65_536

/** The messages that one end of an RTMP connection sends in flows; commands keep their place among the media of their stream by FlowSync. */
export class SendingMessages {
  readonly #host: SendingMessagesHost
  readonly #streams = new Map<MessageStreamId, StreamFlows>()
  #syncId = 0
  #hasOpened = false
  #isClosed = false

  constructor(host: SendingMessagesHost) {
    this.#host = host
  }

  /** Whether everything that was written has arrived, and nothing more will be. */
  get isFinished(): boolean {
    return this.#isClosed && this.#streams.size === 0
  }

  /** See MessageFlows.write. */
  write(type: number, messageStreamId: MessageStreamId, bytes: Buffer, now: number, options: MessageOptions): boolean {
    if (this.#isClosed || isProtocolControlType(type)) return true
    const kind = kindOf(type)
    const stream = this.#stream(messageStreamId)
    const sending = stream[kind] ?? this.#open(messageStreamId, kind, stream)
    if (commands.has(type) || options.isBehindMedia) this.#command(stream, sending, now)
    else if (kind !== 'rest' && sending.behind < stream.commands) this.#follow(stream, sending, now)
    const { flow } = sending
    flow.capacityBytes = options.capacityBytes ?? CAPACITY_BYTES
    flow.write(bytes, now, options)
    return flow.isWritable
  }

  /** Says nothing more: what was written still arrives. */
  close(): void {
    this.#isClosed = true
    this.#closeFlows()
  }

  /** That of control is the last one, once all others have arrived: with it the connection is over for the peer. */
  #closeFlows(): void {
    const all = [...this.#sending()]
    const control = this.#streams.get(this.#host.controlStream)?.rest
    for (const sending of all) if (sending !== control || all.length === 1) sending.flow.close()
  }

  #stream(id: MessageStreamId): StreamFlows {
    const known = this.#streams.get(id)
    if (known !== undefined) return known
    const stream: StreamFlows = { audio: undefined, video: undefined, rest: undefined, commands: 0 }
    this.#streams.set(id, stream)
    return stream
  }

  #open(messageStreamId: MessageStreamId, kind: MessageKind, stream: StreamFlows): Sending {
    const { flows, controlStream, isFirst: isClient, answered } = this.#host
    const isFirst = isClient && !this.#hasOpened && messageStreamId === controlStream
    if (!isFirst && answered === undefined) {
      if (this.#isEmpty(stream)) this.#streams.delete(messageStreamId)
      throw new RangeError(`message stream ${messageStreamId} has no flow of the peer to answer`)
    }
    const flow = flows.open({
      metadata: flowMetadata({ messageStreamId, receiveOrder: 'sequence' }),
      ...(!isFirst && answered && { returnOf: answered }),
      priority: kind === 'video' ? VIDEO_PRIORITY : PRIORITY,
      drained: () => this.#host.drained(),
      ended: () => {
        stream[kind] = undefined
        if (this.#isEmpty(stream)) this.#streams.delete(messageStreamId)
        if (this.#isClosed) this.#closeFlows()
        if (isFirst) this.#host.ended()
        this.#host.drained()
        if (this.isFinished) this.#host.finished()
      }
    })
    this.#hasOpened = true
    const sending = { messageStreamId, flow, behind: 0 }
    stream[kind] = sending
    return sending
  }

  #isEmpty({ audio, video, rest }: StreamFlows): boolean {
    return audio === undefined && video === undefined && rest === undefined
  }

  /** A command comes behind the media that was written ahead of it: of its message stream, or on stream 0 of all. */
  #command(stream: StreamFlows, sending: Sending, now: number): void {
    stream.commands++
    const others = sending.messageStreamId === 0 ? [...this.#sending()] : [stream.audio, stream.video]
    const busy = others.filter(other => other !== undefined && other !== sending && other.flow.queuedBytes > 0)
    this.#sync([sending, ...(busy as Sending[])], now)
  }

  /** Media comes behind the commands of its message stream that were written ahead of it. */
  #follow(stream: StreamFlows, sending: Sending, now: number): void {
    sending.behind = stream.commands
    if (stream.rest !== undefined && stream.rest.flow.queuedBytes > 0) this.#sync([stream.rest, sending], now)
  }

  #sync(sendings: readonly Sending[], now: number): void {
    if (sendings.length < 2) return
    const event = { kind: 'FlowSync', syncId: this.#syncId++ >>> 0, count: sendings.length } as const
    const bytes = writeFlowMessage(userControlMessage(event))
    for (const { flow } of sendings) flow.write(bytes, now)
  }

  *#sending(): Generator<Sending, void> {
    for (const { audio, video, rest } of this.#streams.values())
      for (const sending of [audio, video, rest]) if (sending !== undefined) yield sending
  }
}
