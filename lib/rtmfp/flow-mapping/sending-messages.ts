import { isProtocolControlType, type MessageStreamId, MessageTypeId } from '../../message/message.ts'
import { userControlMessage } from '../../message/user-control-event.ts'
import type { OutgoingMessageOptions } from '../flow/outgoing-message.ts'
import { writeFlowMessage } from './flow-message.ts'
import { flowMetadata } from './flow-metadata.ts'
import type { FlowSet, IncomingFlow, OutgoingFlow } from './flow-set.ts'
import { kindOf, type MessageKind } from './message-kind.ts'

/** How a message is queued. */
export interface MessageOptions extends OutgoingMessageOptions {
  /** The bytes waiting on its flow at which there is no more room; 64 KiB. */
  readonly capacityBytes?: number
  /** Whether it is delivered after the media that was written before it, as commands are. */
  readonly isBehindMedia?: boolean
}

/** What the messages that this side sends need of the connection. */
export interface SendingMessagesHost {
  readonly flows: FlowSet
  /** The message stream of the control flows. */
  readonly controlStream: MessageStreamId
  /** Whether the control flow of this side comes first, and so answers no other flow. */
  readonly isFirst: boolean
  /** The control flow of the peer, once there is one. */
  readonly answered: IncomingFlow | undefined
  drained(): void
  /** The control flow of this side is over, if it was the first. */
  ended(): void
  /** Everything that was written before `close` has arrived, or the session is over. */
  finished(): void
}

/** A flow of this side. */
interface Sending {
  readonly messageStreamId: MessageStreamId
  readonly flow: OutgoingFlow
  /** How many commands of its message stream precede its messages. */
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

/** The messages that one end of an RTMP connection sends in flows. FlowSync keeps commands and media of a message stream in order. */
export class SendingMessages {
  readonly #host: SendingMessagesHost
  readonly #streams = new Map<MessageStreamId, StreamFlows>()
  #syncId = 0
  #hasOpened = false
  #isClosed = false

  constructor(host: SendingMessagesHost) {
    this.#host = host
  }

  /** Whether it is closed, and everything that was written has arrived. */
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

  /** Accepts nothing more. What was written still arrives. */
  close(): void {
    this.#isClosed = true
    this.#closeFlows()
  }

  /** The control flow is closed last, once the others have ended: with it the connection ends for the peer. */
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
      throw new RangeError(`message stream ${messageStreamId} cannot have a flow before the peer has a control flow`)
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

  /** A command is delivered after the media that was written before it: that of its message stream, or of all on stream 0. */
  #command(stream: StreamFlows, sending: Sending, now: number): void {
    stream.commands++
    const others = sending.messageStreamId === 0 ? [...this.#sending()] : [stream.audio, stream.video]
    const busy = others.filter(other => other !== undefined && other !== sending && other.flow.queuedBytes > 0)
    this.#sync([sending, ...(busy as Sending[])], now)
  }

  /** Media is delivered after the commands of its message stream that were written before it. */
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
