import type { Limits } from '../../limits.ts'
import type { RtmfpChunk } from '../wire/chunk.ts'
import type { PacketHeader } from '../wire/packet.ts'
import { PacketSpace } from './packet-space.ts'
import type { FlowOpening, ReceivingFlowOptions } from './receiving-flow.ts'
import { ReceivingFlows } from './receiving-flows.ts'
import type { SendingFlow } from './sending-flow.ts'
import { type FlowsSession, type SendingFlowOptions, SendingFlows } from './sending-flows.ts'
import { TimeCriticalData } from './time-critical.ts'

/** The options of the flows of a session. */
export interface FlowsOptions {
  readonly limits?: Partial<Limits>
  /** Decides on a flow of the peer: returns how it is received, or undefined to reject it. Without this function all are rejected. */
  readonly accept?: (opening: FlowOpening) => ReceivingFlowOptions | undefined
  /** Shared by all sessions of the endpoint. */
  readonly timeCritical?: TimeCriticalData
}

/**
 * The flows of a session in both directions (RFC 7016, 3.6): the `SessionFlows` of the session. They put their chunks into its packets, and
 * share its clock and timer. Times are in ms.
 */
export class Flows {
  readonly #timeCritical: TimeCriticalData
  readonly #sending: SendingFlows
  readonly #receiving: ReceivingFlows

  constructor(session: FlowsSession, { limits, accept, timeCritical = new TimeCriticalData() }: FlowsOptions = {}) {
    this.#timeCritical = timeCritical
    this.#sending = new SendingFlows(session, timeCritical)
    this.#receiving = new ReceivingFlows({
      ...(limits && { limits }),
      ...(accept && { accept }),
      flow: id => this.#sending.get(id),
      wake: () => session.wake()
    })
  }

  /** The numbers of sending and receiving flows, those that linger included. */
  get sizes(): { readonly sending: number; readonly receiving: number } {
    return { sending: this.#sending.size, receiving: this.#receiving.size }
  }

  /** The congestion window, and the bytes in flight. */
  get congestion(): { readonly windowBytes: number; readonly bytesInFlight: number } {
    return { windowBytes: this.#sending.windowBytes, bytesInFlight: this.#sending.bytesInFlight }
  }

  /** Bytes of all flows that are queued or not acknowledged: the memory that a peer that stops reading, or a dead path, costs this side. */
  get queuedBytes(): number {
    return this.#sending.queuedBytes
  }

  /**
   * Since when, in ms, something waits to be acknowledged without any progress: a stall, if that is long ago. Undefined if nothing waits.
   */
  get owedSince(): number | undefined {
    return this.#sending.owedSince
  }

  /** Bytes received from the peer that are incomplete or not read; each fragment counts 128 bytes more. */
  get heldBytes(): number {
    return this.#receiving.heldBytes
  }

  /** Opens a flow: see SendingFlows.open. */
  open(options: SendingFlowOptions): SendingFlow {
    return this.#sending.open(options)
  }

  receive(chunk: RtmfpChunk, now: number): void {
    if (chunk.kind === 'UserData' || chunk.kind === 'NextUserData') this.#receiving.add(chunk, now)
    else if (chunk.kind === 'BitmapAck' || chunk.kind === 'RangeAck') this.#sending.acknowledged(chunk, now)
    else if (chunk.kind === 'BufferProbe') this.#receiving.probed(chunk.flowId)
    else if (chunk.kind === 'FlowException') this.#sending.rejected(chunk)
  }

  received(header: PacketHeader, now: number): void {
    const wasData = this.#receiving.received(now)
    if (wasData && header.timeCritical) this.#timeCritical.received(this, now)
    this.#sending.received(header, now)
  }

  fill(room: number, now: number): PacketSpace | undefined {
    const packet = new PacketSpace(room)
    if (this.#receiving.isDue) this.#receiving.answer(packet)
    const hasData = this.#sending.fill(packet, now)
    // a packet with data also carries acknowledgements that could wait (RFC 7016, 3.6.3.4.6)
    if (hasData && !this.#receiving.isDue) this.#receiving.answer(packet)
    if (packet.chunks.length === 0) return undefined
    packet.timeCriticalReverse = this.isTimeCriticalReverse(now)
    return packet
  }

  isTimeCriticalReverse(now: number): boolean {
    return this.#timeCritical.isReceivedBeside(this, now)
  }

  nextTimeout(): number {
    return Math.min(this.#sending.timeoutAt, this.#receiving.timeoutAt)
  }

  elapsed(now: number): void {
    this.#receiving.elapsed(now)
    this.#sending.elapsed(now)
  }

  over(): void {
    this.#sending.over()
    this.#receiving.over()
  }
}
