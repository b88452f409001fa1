import { type Clock, systemClock } from '../../clock.ts'
import { asError, RtmpError } from '../../errors.ts'
import { type Limits, limitsWith } from '../../limits.ts'
import {
  type AddressedBatch,
  type BatchEncoder,
  isAddressedBatch,
  type MessageBatch
} from '../../live/message-batch.ts'
import { type Message, type MessageStreamId, MessageTypeId } from '../../message/message.ts'
import { readUserControlEvent } from '../../message/user-control-event.ts'
import { flowMessageLength, writeFlowMessage, writeFlowMessages } from '../../rtmfp/flow-mapping/flow-message.ts'
import type { AcceptFlow } from '../../rtmfp/flow-mapping/flow-set.ts'
import { MessageFlows } from '../../rtmfp/flow-mapping/message-flows.ts'
import type { MessageOptions } from '../../rtmfp/flow-mapping/sending-messages.ts'
import { isTooEarly } from '../../stream/direct.ts'
import { sides } from '../../stream/sides.ts'
import { TakingDuplex } from '../../stream/taking.ts'
import type { Peers, Wire, WireCounters } from '../../wire.ts'
import type { FlowCarrier } from './flow-carrier.ts'
import { type MediaLifetimes, Urgency } from './urgency.ts'

/** Options of FlowWire. */
export interface FlowWireOptions {
  /** Whether it opens the connection or answers. */
  readonly role: 'client' | 'server'
  /** The limits that differ from the defaults: see Limits. `handshakeMs`, `stallMs` and `lingerMs` are used. */
  readonly limits?: Partial<Limits>
  /** The clock it measures time by: the system's. */
  readonly clock?: Clock
  /** How long live media is worth sending. */
  readonly lifetimes?: MediaLifetimes
  /** Of a client over RTMFP: see `wire.peers`. */
  readonly peers?: Peers
  /** Between peers: the message stream of all messages (RFC 7425, 5.4). */
  readonly messageStreamId?: MessageStreamId
}

/** Batches of live media that may be queued for a slow peer. */
const BATCHES = 4
/** The shortest keepalive period that a server may set, in milliseconds (RFC 7425, 5.3.4.1). */
const LEAST_KEEPALIVE_MS = 5000

/** Shared by all wires, because these bytes are the same for each. */
const flowMessages: BatchEncoder = {
  encode: writeFlowMessages,
  equals: (other: BatchEncoder) => other === flowMessages
}

/*
 *     up      carrier → MessageFlows … pump, after each packet → push → takeNow of the session
 *     down    takeNow, or write (taking.ts) → MessageFlows.write → flow, up to its capacity … drained
 *             takeBatchNow: batch.encoded, shared by all players, each message with its lifetime
 */

/**
 * A Wire over flows: a Duplex of Messages, each message stream of which has flows of its own for audio, for video and for the rest
 * (RFC 7425, 5). It holds writes until `open`. Single messages are reliable. Messages of a MessageBatch, which is live media, are left out
 * when they are late.
 */
export class FlowWire extends TakingDuplex<Message | AddressedBatch, Message> implements Wire {
  readonly takesBatches = true
  readonly peers: Peers | undefined
  readonly #role: 'client' | 'server'
  readonly #messageStreamId: MessageStreamId | undefined
  readonly #clock: Clock
  readonly #limits: Limits
  readonly #urgency: Urgency
  #messages: MessageFlows<FlowCarrier> | undefined
  /** Whether the reader wants more. */
  #isWanted = false
  #isPumping = false
  /** Whether a flow has no room. */
  #isFull = false
  /** Whether the peer sends nothing more. */
  #isEnded = false
  /** Whether the end waits for what was written to arrive. */
  #isEnding = false
  /** Bytes of the item written last. */
  #itemLength = 0
  #messagesIn = 0
  #messagesOut = 0
  #stopTimer: (() => void) | undefined

  constructor({ role, limits, clock = systemClock, lifetimes, peers, messageStreamId }: FlowWireOptions) {
    super({ ...sides({}), readableHighWaterMark: BATCHES, writableHighWaterMark: BATCHES })
    this.peers = peers
    this.#role = role
    this.#messageStreamId = messageStreamId
    this.#clock = clock
    this.#limits = limitsWith(limits)
    this.#urgency = new Urgency(lifetimes)
    this.#stopTimer = clock.after(this.#limits.handshakeMs, () =>
      this.destroy(new RtmpError('ERR_RTMP_HANDSHAKE_TIMEOUT'))
    )
  }

  /** Opens it: `carry` returns the carrier, and passes flows of the peer to the function that it is given. */
  open(carry: (accept: AcceptFlow) => FlowCarrier): void {
    this.#stopTimer?.()
    this.#messages = new MessageFlows(carry, {
      role: this.#role,
      messageStreamId: this.#messageStreamId,
      drained: () => this.#drained(),
      ended: () => {
        this.#isEnded = true
      },
      finished: () => this.#finished()
    })
    this._release()
  }

  get #carrier(): FlowCarrier | undefined {
    return this.#messages?.flows
  }

  get counters(): WireCounters {
    const { bytesIn = 0, bytesOut = 0 } = this.#carrier ?? {}
    return { bytesIn, bytesOut, messagesIn: this.#messagesIn, messagesOut: this.#messagesOut }
  }

  get heardAt(): number {
    return this.#carrier?.heardAt ?? Number.NEGATIVE_INFINITY
  }

  get isHeldBack(): boolean {
    return !this.#isWanted
  }

  get owesAcknowledgement(): boolean {
    return false
  }

  get isStalled(): boolean {
    return this.#isFull
  }

  /** Without what is in flight: MessageWire does not count the buffers of the operating system either. */
  heldBytes(behind = 0): number {
    const { heldBytes = 0, waitingBytes = 0 } = this.#carrier ?? {}
    return heldBytes + waitingBytes + (this.writableLength + behind) * this.#itemLength
  }

  /** When to call `check`; Infinity while nothing waits. */
  get stallsAt(): number {
    return (this.#carrier?.owedSince ?? Number.POSITIVE_INFINITY) + this.#limits.stallMs
  }

  /** Disconnects a peer that has acknowledged nothing for `limits.stallMs`, while something waits. */
  check(now: number): void {
    if (now >= this.stallsAt) this.destroy(new RtmpError('ERR_RTMP_STALLED'))
  }

  /** Pushes the messages that have arrived. The carrier calls it after each packet. */
  pump(): void {
    if (this.#isPumping || this.#messages === undefined) return
    this.#isPumping = true
    while (this.#isWanted && !this.destroyed) {
      const message = this.#messages.read()
      if (message === undefined) break
      this.#messagesIn++
      if (this.#role === 'client' && message.type === MessageTypeId.UserControl) this.#heedKeepalive(message)
      this.#isWanted = this.push(message)
    }
    this.#isPumping = false
    if (this.#isEnded && this.#isWanted && !this.destroyed) this.#end()
  }

  /** The carrier is over: the peer has closed it, or it has failed with this error. */
  over(error?: Error): void {
    if (error !== undefined) this.destroy(error)
    this.#isEnded = true
    this.pump()
  }

  takeBatchNow(batch: MessageBatch, messageStreamId: MessageStreamId): boolean {
    if (!this._isClear) return false
    try {
      this.#batch(batch, messageStreamId)
    } catch (error) {
      this.destroy(asError(error))
    }
    return true
  }

  heedPeerInfo(args: readonly unknown[]): void {
    this.#carrier?.heedPeerInfo?.(args)
  }

  override get _hasRoom(): boolean {
    return this.#messages !== undefined && !this.#isFull
  }

  override _take(item: Message | AddressedBatch): boolean {
    if (isAddressedBatch(item)) this.#batch(item.batch, item.messageStreamId)
    else {
      const bytes = writeFlowMessage(item)
      this.#put(item.type, item.messageStreamId, bytes, this.#clock.now(), this.#urgency.of(item))
      this.#itemLength = bytes.length
    }
    return true
  }

  override _takeEnd(): boolean {
    const messages = this.#messages!
    messages.close()
    if (messages.isFinished) return true
    this.#isEnding = true
    this.#linger()
    return false
  }

  override _read(): void {
    if (isTooEarly(this)) return
    this.#isWanted = true
    this.pump()
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    this.#stopTimer?.()
    this.#carrier?.close()
    super._destroy(error, done)
  }

  #batch(batch: MessageBatch, messageStreamId: MessageStreamId): void {
    const bytes = batch.encoded(flowMessages)
    const now = this.#clock.now()
    let at = 0
    for (const message of batch.messages) {
      const from = at
      at += flowMessageLength(message)
      this.#put(message.type, messageStreamId, bytes.subarray(from, at), now, this.#urgency.ofLive(message))
    }
    this.#itemLength = bytes.length
  }

  #put(type: number, messageStreamId: MessageStreamId, bytes: Buffer, now: number, options?: MessageOptions): void {
    this.#messagesOut++
    if (!this.#messages!.write(type, messageStreamId, bytes, now, options)) this.#isFull = true
  }

  /** A server tells its clients how often to ping it (RFC 7425, 5.3.4.1). */
  #heedKeepalive({ payload }: Message): void {
    const event = readUserControlEvent(payload)
    if (event.kind === 'SetKeepalive') this.#carrier?.keepAlive?.(Math.max(event.serverPeriod, LEAST_KEEPALIVE_MS))
  }

  #drained(): void {
    this.#isFull = false
    this._release()
  }

  /** Everything that was written has arrived, or is given up. */
  #finished(): void {
    if (!this.#isEnding) return
    this.#isEnding = false
    this._taken()
  }

  #end(): void {
    this.#isWanted = false
    this.push(null)
    this.once('end', () => this.#linger())
  }

  /** One side sends nothing more: the other has `limits.lingerMs` for the rest. */
  #linger(): void {
    this.#stopTimer?.()
    if (!this.destroyed) this.#stopTimer = this.#clock.after(this.#limits.lingerMs, () => this.destroy())
  }
}
