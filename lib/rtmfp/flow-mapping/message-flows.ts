import type { Message, MessageStreamId } from '../../message/message.ts'
import type { AcceptFlow, FlowSet } from './flow-set.ts'
import { ReceivingMessages } from './receiving-messages.ts'
import { type MessageOptions, SendingMessages } from './sending-messages.ts'

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

const CONTROL_STREAM: MessageStreamId = 0

/**
 * The messages of an RTMP connection over flows (RFC 7425, 5): each message stream has a flow, and its audio and its video have one more
 * each. The first flow of the client, on message stream 0, is that of control: the first of the server on it answers it, and all further
 * ones of either answer the other's. It has no clock: times are in ms.
 */
export class MessageFlows<Flows extends FlowSet = FlowSet> {
  readonly flows: Flows
  readonly #options: MessageFlowsOptions
  readonly #sending: SendingMessages
  readonly #receiving: ReceivingMessages
  #isOver = false

  /** `flowsOf` makes the flows: those of the peer are decided on by the function that it is given. */
  constructor(flowsOf: (accept: AcceptFlow) => Flows, options: MessageFlowsOptions) {
    this.#options = options
    const { role, messageStreamId: controlStream = CONTROL_STREAM } = options
    const isOver = () => this.#isOver
    const receiving = new ReceivingMessages({
      role,
      controlStream,
      get isOver() {
        return isOver()
      },
      readable: () => options.readable?.(),
      ended: () => this.#end()
    })
    this.#receiving = receiving
    this.flows = flowsOf(opening => receiving.accept(opening))
    this.#sending = new SendingMessages({
      flows: this.flows,
      controlStream,
      isFirst: role === 'client',
      get answered() {
        return receiving.control
      },
      drained: () => options.drained?.(),
      ended: () => this.#end(),
      finished: () => options.finished?.()
    })
  }

  /** Whether everything that was written has arrived, and nothing more will be. */
  get isFinished(): boolean {
    return this.#sending.isFinished
  }

  /**
   * Queues a message of a message stream, in the form of writeFlowMessage. Whether its flow has room for more. What belongs to a chunk
   * stream (RFC 7425, 5.2) is left out, and all behind `close` and the end.
   * @throws RangeError if the peer has no flow yet that this would answer.
   */
  write(
    type: number,
    messageStreamId: MessageStreamId,
    bytes: Buffer,
    now: number,
    options: MessageOptions = {}
  ): boolean {
    return this.#sending.write(type, this.#options.messageStreamId ?? messageStreamId, bytes, now, options)
  }

  /** The next message of any flow, if there is one whose turn it is. */
  read(): Message | undefined {
    return this.#receiving.read()
  }

  /** Says nothing more: what was written still arrives. */
  close(): void {
    this.#sending.close()
  }

  #end(): void {
    if (this.#isOver) return
    this.#isOver = true
    this.close()
    this.#options.ended?.()
  }
}
