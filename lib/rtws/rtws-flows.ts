import { RtmpError } from '../errors.ts'
import { type Limits, limitsWith } from '../limits.ts'
import { MESSAGE_COST } from '../message/message.ts'
import type { RtwsFlowOpening, RtwsReceivingFlowOptions } from './receiving-flow.ts'
import { RtwsReceivingFlows } from './receiving-flows.ts'
import { type RtwsMessage, readRtwsMessage, rtwsMessage } from './rtws-message.ts'
import type { RtwsSendingFlow } from './sending-flow.ts'
import { type RtwsSendingFlowOptions, RtwsSendingFlows } from './sending-flows.ts'

/** The options of the flows of an RTWebSocket. */
export interface RtwsFlowsOptions {
  readonly limits?: Partial<Limits>
  /** Decides on a flow of the peer: returns how it is received, or undefined to reject it. Without this function all are rejected. */
  readonly accept?: (opening: RtwsFlowOpening) => RtwsReceivingFlowOptions | undefined
  /** `output` may have a message, or `nextTimeout` is earlier. */
  readonly wake?: () => void
}

/**
 * RTWebSocket without a WebSocket: binary messages and the time in, binary messages and the next timeout out. It carries flows as a session of
 * RTMFP does, with the same names (the file `protocol` of zenomt/rtwebsocket). Times are in ms.
 */
export class RtwsFlows {
  readonly #limits: Limits
  readonly #wake: () => void
  readonly #sending: RtwsSendingFlows
  readonly #receiving: RtwsReceivingFlows
  #answers: Buffer[] = []
  #answerBytes = 0
  #isOver = false

  constructor({ limits, accept, wake = () => {} }: RtwsFlowsOptions = {}) {
    this.#limits = limitsWith(limits)
    this.#wake = wake
    this.#sending = new RtwsSendingFlows(wake)
    this.#receiving = new RtwsReceivingFlows({
      limits: this.#limits,
      accept,
      flow: id => this.#sending.get(id),
      say: message => this.#say(message),
      wake
    })
  }

  /** The numbers of sending and receiving flows that this side has not forgotten. */
  get sizes(): { readonly sending: number; readonly receiving: number } {
    return { sending: this.#sending.size, receiving: this.#receiving.size }
  }

  /** The window, and the bytes that are not acknowledged. */
  get outstanding(): { readonly windowBytes: number; readonly bytes: number } {
    const { bytes, outstandingBytes } = this.#sending.window
    return { windowBytes: bytes, bytes: outstandingBytes }
  }

  /** Bytes that wait to be sent or acknowledged. */
  get queuedBytes(): number {
    return this.#sending.queuedBytes + this.#answerBytes
  }

  /** Bytes that wait to be sent. */
  get waitingBytes(): number {
    return this.#sending.queuedBytes - this.#sending.window.outstandingBytes
  }

  /** Since when something waits to be acknowledged without any progress; undefined if nothing waits. */
  get owedSince(): number | undefined {
    return this.#sending.owedSince
  }

  /** Bytes received from the peer that are incomplete or not read; each fragment counts 128 bytes more. */
  get heldBytes(): number {
    return this.#receiving.held.bytes
  }

  /** Opens a flow: see RtwsSendingFlows.open. */
  open(options: RtwsSendingFlowOptions): RtwsSendingFlow {
    return this.#sending.open(options)
  }

  /**
   * Processes a binary message of the peer, whose buffer it may keep. After an error the connection is to be closed.
   * @throws ProtocolError `ERR_RTMP_RTWS` for what is not allowed in the state of a flow, `ERR_RTMP_TRUNCATED`, `ERR_RTMP_VLU`; RtmpError
   * `ERR_RTMP_REPLIES`.
   */
  input(bytes: Buffer, now: number): void {
    if (this.#isOver) return
    const message = readRtwsMessage(bytes)
    switch (message.kind) {
      case 'Ping':
        this.#say({ kind: 'PingReply', data: message.data })
        if (this.#answerBytes > this.#limits.replyBytes) throw new RtmpError('ERR_RTMP_REPLIES')
        break
      case 'AckWindow':
        this.#receiving.askedFor(message.bytes)
        break
      case 'FlowOpen':
        this.#receiving.opened(message.flowId, message.metadata, undefined, now)
        break
      case 'ReturnFlowOpen':
        this.#receiving.opened(message.flowId, message.metadata, message.returnFlowId, now)
        break
      case 'Fragment':
      case 'LastFragment':
        this.#receiving.add(message.flowId, message.data, message.kind === 'LastFragment', bytes.length, now)
        break
      case 'Abandon':
        this.#receiving.abandoned(message.flowId)
        break
      case 'FlowClose':
        this.#receiving.closed(message.flowId)
        break
      case 'DataAck':
        this.#sending.acknowledged(message, now)
        break
      case 'FlowCloseAck':
        this.#sending.closeAcknowledged(message)
        break
      case 'FlowException':
        this.#sending.rejected(message, now)
        break
    }
  }

  /** The next binary message to send, if there is one. Call it only when the connection has room: late messages are dropped in this call. */
  output(now: number): Buffer | undefined {
    if (this.#isOver) return undefined
    const answer = this.#answers.shift()
    if (answer !== undefined) {
      this.#answerBytes -= answer.length + MESSAGE_COST
      return answer
    }
    const acknowledgement = this.#receiving.next()
    return acknowledgement ? rtwsMessage(acknowledgement) : this.#sending.next(now)
  }

  /** When to call `elapsed`; Infinity for never. */
  nextTimeout(): number {
    return this.#receiving.timeoutAt
  }

  /** The timeout has passed: `output` may have a message. */
  elapsed(now: number): void {
    this.#receiving.elapsed(now)
  }

  /** The connection is over: what was received can still be read. */
  over(): void {
    if (this.#isOver) return
    this.#isOver = true
    this.#answers = []
    this.#answerBytes = 0
    this.#sending.over()
    this.#receiving.over()
  }

  #say(message: RtwsMessage): void {
    const bytes = rtwsMessage(message)
    this.#answers.push(bytes)
    this.#answerBytes += bytes.length + MESSAGE_COST
    this.#wake()
  }
}
