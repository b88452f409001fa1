import type { Message, MessageStreamId } from '../../message/message.ts'
import type { AcceptFlow, FlowSet } from './flow-set.ts'
import { ReceivingMessages } from './receiving-messages.ts'
import { type MessageOptions, SendingMessages } from './sending-messages.ts'

/** The options of RTMP over flows. */
export interface MessageFlowsOptions {
  readonly role: 'client' | 'server'
  /** Between peers, the message stream of all messages of this side (RFC 7425, 5.4). No flow is then of message stream 0. */
  readonly messageStreamId?: MessageStreamId | undefined
  /** `read` has a message, and had none before. */
  readonly readable?: () => void
  /** There is room again, after `write` returned false. */
  readonly drained?: () => void
  /** The control flow is over, and with it the connection (RFC 7425, 5.3.1). What was received can still be read. Called once. */
  readonly ended?: () => void
  /** Everything that was written before `close` has arrived, or the session is over. */
  readonly finished?: () => void
}

const CONTROL_STREAM: MessageStreamId = 0

/**
 * The messages of an RTMP connection over flows (RFC 7425, 5). Each message stream has a flow, and one more for its audio and for its video.
 * The first flow of the client on message stream 0 is its control flow. The first flow of the server on that stream answers it, and is the
 * control flow of the server. Each further flow answers the control flow of the other side. It has no clock: times are in ms.
 */
export class MessageFlows<Flows extends FlowSet = FlowSet> {
  readonly flows: Flows
  readonly #options: MessageFlowsOptions
  readonly #sending: SendingMessages
  readonly #receiving: ReceivingMessages
  #isOver = false

  /** `flowsOf` makes the flows, with a function that decides on those of the peer. */
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

  /** Whether it is closed, and everything that was written has arrived. */
  get isFinished(): boolean {
    return this.#sending.isFinished
  }

  /**
   * Queues a message of a message stream, in the form of writeFlowMessage. Whether its flow has room for more. Protocol control messages, which
   * concern chunk streams (RFC 7425, 5.2), are dropped, and so is everything after `close` and after the end.
   * @throws RangeError if a flow is needed, and the peer has no control flow yet that it would answer.
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

  /** The next message of any flow, if there is one. */
  read(): Message | undefined {
    return this.#receiving.read()
  }

  /** Accepts nothing more. What was written still arrives. */
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
