import { ProtocolError } from '../../errors.ts'
import { type Message, type MessageStreamId, MessageTypeId } from '../../message/message.ts'
import { userControlMessage } from '../../message/user-control-event.ts'
import type { OutgoingMessageOptions } from '../flow/outgoing-message.ts'
import { readFlowMessage, writeFlowMessage } from './flow-message.ts'
import { flowMetadata, readFlowMetadata } from './flow-metadata.ts'
import type {
  AcceptFlow,
  FlowSet,
  IncomingFlow,
  IncomingFlowOpening,
  IncomingFlowOptions,
  OutgoingFlow
} from './flow-set.ts'
import { FlowSyncs, readFlowSync } from './flow-sync.ts'

/** The options of RTMP over flows. */
export interface MessageFlowsOptions {
  readonly role: 'client' | 'server'
  /** Between peers, the message stream of all messages of this side (RFC 7425, 5.4): then no flow is of message stream 0. */
  readonly messageStreamId?: MessageStreamId | undefined
  /** `read` has a message that it had not. */
  readonly readable?: () => void
  /** There is room again, behind a `write` that was false. */
  readonly drained?: () => void
  /** Once: the control flow is over, and the connection with it (RFC 7425, 5.3.1). What was received can still be read. */
  readonly ended?: () => void
  /** Everything that was written ahead of `close` has arrived, or nobody waits for it. */
  readonly finished?: () => void
}

/** How a message is queued. */
export interface MessageOptions extends OutgoingMessageOptions {
  /** Bytes that wait on its flow from which on there is no room; 64 KiB. */
  readonly capacityBytes?: number
  /** Whether it comes behind the media that was written ahead of it, as commands do. */
  readonly isBehindMedia?: boolean
}

/** Messages of the chunk stream itself, which flows have no use for (RFC 7425, 5.2). */
const ofChunkStreams: ReadonlySet<number> = new Set([
  MessageTypeId.SetChunkSize,
  MessageTypeId.Abort,
  MessageTypeId.Acknowledgement,
  MessageTypeId.WindowAcknowledgementSize,
  MessageTypeId.SetPeerBandwidth
])
const commands: ReadonlySet<number> = new Set([MessageTypeId.CommandAmf0, MessageTypeId.CommandAmf3])
const CONTROL_STREAM: MessageStreamId = 0
const PRIORITY = 5
const VIDEO_PRIORITY = 4
const CAPACITY_BYTES = 65_536
const MAX_SYNCS = 64
/** Message streams that a client knows to have begun: more than any has. */
const MAX_BEGUN = 1024

/** Which flow of its message stream a message goes on. */
type Kind = 'audio' | 'video' | 'rest'

/** A flow of this side. */
interface Sending {
  readonly messageStreamId: MessageStreamId
  readonly flow: OutgoingFlow
  /** The commands on its message stream, counted, that it is in order with. */
  behind: number
}

/** The flows of a message stream. */
interface StreamFlows {
  audio: Sending | undefined
  video: Sending | undefined
  rest: Sending | undefined
  /** Commands that were written on it. */
  commands: number
}

/**
 * The messages of an RTMP connection over flows (RFC 7425, 5): each message stream has a flow, and its audio and its video have one more
 * each, so that audio does not wait for video. Commands keep their place among the media of their stream by FlowSync. It has no clock: times
 * are in ms.
 */
export class MessageFlows<Flows extends FlowSet = FlowSet> {
  readonly flows: Flows
  readonly #options: MessageFlowsOptions
  readonly #streams = new Map<MessageStreamId, StreamFlows>()
  readonly #readable = new Set<IncomingFlow>()
  readonly #syncs = new FlowSyncs<IncomingFlow>(MAX_SYNCS)
  /**
   * Of a client: message streams that the peer has said anything but media on, and media that has come ahead of that. tcserver sends no
   * FlowSync between `NetStream.Play.Start` and the sequence headers, and either may be lost and sent again.
   */
  readonly #begun = new Set<MessageStreamId>()
  readonly #early = new Map<IncomingFlow, Message>()
  #syncId = 0
  /** What all flows but the client's first answer: the first flow of the peer on stream 0. */
  #control: IncomingFlow | undefined
  #hasControl = false
  #hasOpened = false
  /** Whether a flow that was passed over may be read now. */
  #isReleased = false
  #isClosed = false
  #isOver = false

  /** `flowsOf` makes the flows: those of the peer are decided on by the function that it is given. */
  constructor(flowsOf: (accept: AcceptFlow) => Flows, options: MessageFlowsOptions) {
    this.#options = options
    this.flows = flowsOf(opening => this.#accept(opening))
  }

  /** Whether everything that was written has arrived, and nothing more will be. */
  get isFinished(): boolean {
    return this.#isClosed && [...this.#sending()].length === 0
  }

  /**
   * Queues a message of a message stream, in the form of writeFlowMessage. Whether its flow has room for more. What belongs to a chunk
   * stream is left out, and all behind `close` and the end.
   * @throws RangeError if the peer has no flow yet that this would answer.
   */
  write(
    type: number,
    messageStreamId: MessageStreamId,
    bytes: Buffer,
    now: number,
    options: MessageOptions = {}
  ): boolean {
    if (this.#isClosed || ofChunkStreams.has(type)) return true
    const kind = kindOf(type)
    const id = this.#options.messageStreamId ?? messageStreamId
    const stream = this.#stream(id)
    const sending = stream[kind] ?? this.#open(id, kind, stream)
    if (commands.has(type) || options.isBehindMedia) this.#command(stream, sending, now)
    else if (kind !== 'rest' && sending.behind < stream.commands) this.#follow(stream, sending, now)
    const { flow } = sending
    flow.capacityBytes = options.capacityBytes ?? CAPACITY_BYTES
    flow.write(bytes, now, options)
    return flow.isWritable
  }

  /** The next message of any flow, if there is one whose turn it is. */
  read(): Message | undefined {
    do {
      this.#isReleased = false
      for (const flow of this.#readable) {
        const message = this.#syncs.holds(flow) ? undefined : this.#next(flow)
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
    this.#closeFlows()
  }

  /** That of control is the last one, once all others have arrived: with it the connection is over for the peer. */
  #closeFlows(): void {
    const all = [...this.#sending()]
    const control = this.#streams.get(this.#controlStream)?.rest
    for (const sending of all) if (sending !== control || all.length === 1) sending.flow.close()
  }

  /** That of the flows which all others answer. */
  get #controlStream(): MessageStreamId {
    return this.#options.messageStreamId ?? CONTROL_STREAM
  }

  #stream(id: MessageStreamId): StreamFlows {
    const known = this.#streams.get(id)
    if (known !== undefined) return known
    const stream: StreamFlows = { audio: undefined, video: undefined, rest: undefined, commands: 0 }
    this.#streams.set(id, stream)
    return stream
  }

  #open(messageStreamId: MessageStreamId, kind: Kind, stream: StreamFlows): Sending {
    const isFirst = this.#options.role === 'client' && !this.#hasOpened && messageStreamId === this.#controlStream
    const returnOf = isFirst ? undefined : this.#control
    if (!isFirst && returnOf === undefined)
      throw new RangeError(`message stream ${messageStreamId} has no flow of the peer to answer`)
    const flow = this.flows.open({
      metadata: flowMetadata({ messageStreamId, receiveOrder: 'sequence' }),
      ...(returnOf && { returnOf }),
      priority: kind === 'video' ? VIDEO_PRIORITY : PRIORITY,
      drained: () => this.#options.drained?.(),
      ended: () => {
        stream[kind] = undefined
        if (stream.audio === undefined && stream.video === undefined && stream.rest === undefined)
          this.#streams.delete(messageStreamId)
        if (this.#isClosed) this.#closeFlows()
        if (isFirst) this.#end()
        this.#options.drained?.()
        if (this.isFinished) this.#options.finished?.()
      }
    })
    this.#hasOpened = true
    const sending = { messageStreamId, flow, behind: 0 }
    stream[kind] = sending
    return sending
  }

  /** A command comes behind the media that was written ahead of it: of its message stream, or on stream 0 of all. */
  #command(stream: StreamFlows, sending: Sending, now: number): void {
    stream.commands++
    const isOfAll = sending.messageStreamId === CONTROL_STREAM
    const others = isOfAll ? [...this.#sending()] : [stream.audio, stream.video]
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

  /** Flows of other protocols, and of other connections, are rejected (RFC 7425, 5.3.1). */
  #accept({ metadata, returnOf }: IncomingFlowOpening): IncomingFlowOptions | undefined {
    const told = readFlowMetadata(metadata)
    if (told === undefined || this.#isOver) return undefined
    const { messageStreamId, receiveOrder } = told
    const isControl = messageStreamId === this.#controlStream && !this.#hasControl
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
        this.#early.delete(flow)
        if (isControl) this.#end()
      }
    }
  }

  /** The next message of a flow, unless it is early. */
  #next(flow: IncomingFlow): Message | undefined {
    const message = this.#early.get(flow) ?? this.#readFrom(flow)
    this.#early.delete(flow)
    if (message === undefined || this.#options.role === 'server') return message
    const { messageStreamId, type } = message
    if (this.#begun.has(messageStreamId) || this.#isOver) return message
    if (kindOf(type) !== 'rest') {
      this.#early.set(flow, message)
      return undefined
    }
    if (this.#begun.size >= MAX_BEGUN) this.#begun.clear()
    this.#begun.add(messageStreamId)
    return message
  }

  #readFrom(flow: IncomingFlow): Message | undefined {
    const { messageStreamId, receiveOrder } = readFlowMetadata(flow.metadata)!
    for (let taken = flow.read(); taken !== undefined; taken = flow.read()) {
      const message = messageIn(taken.payload, messageStreamId)
      if (message === undefined) {
        flow.reject()
        break
      }
      const sync = readFlowSync(message)
      if (sync !== undefined) {
        // behind the last message of a flow there is nothing to hold
        const mayWait = receiveOrder === 'sequence' && (flow.isReadable || !flow.isComplete)
        this.#isReleased = this.#syncs.add(sync, flow, mayWait) || this.#isReleased
        if (this.#syncs.holds(flow)) return undefined
      } else if (!ofChunkStreams.has(message.type)) return message
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

const kindOf = (type: number): Kind =>
  type === MessageTypeId.Audio ? 'audio' : type === MessageTypeId.Video ? 'video' : 'rest'

function messageIn(payload: Buffer, messageStreamId: MessageStreamId): Message | undefined {
  try {
    return readFlowMessage(payload, messageStreamId)
  } catch (error) {
    if (error instanceof ProtocolError) return undefined
    throw error
  }
}
