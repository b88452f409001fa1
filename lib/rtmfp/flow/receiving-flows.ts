import { type Limits, limitsWith } from '../../limits.ts'
import type { Acknowledgement } from '../wire/acknowledgement.ts'
import { readFlowOptions } from '../wire/flow-options.ts'
import type { UserData } from '../wire/user-data.ts'
import { vluLength } from '../wire/vlu.ts'
import type { PacketSpace } from './packet-space.ts'
import type { HeldBytes } from './receive-buffer.ts'
import { type FlowOpening, ReceivingFlow, type ReceivingFlowOptions } from './receiving-flow.ts'
import type { SendingFlow } from './sending-flow.ts'

/** What the receiving flows of a session need. */
export interface ReceivingFlowsHost {
  readonly limits?: Partial<Limits>
  /** Decides on a flow of the peer: returns how it is received, or undefined to reject it. */
  readonly accept?: (opening: FlowOpening) => ReceivingFlowOptions | undefined
  /** The open sending flow with this id. */
  flow(id: number): SendingFlow | undefined
  /** There is something to acknowledge at once. */
  wake(): void
}

/** Milliseconds that an acknowledgement may be delayed (RFC 7016, 3.6.3.4.4). */
const DELAY_MS = 200
/** After so many packets of data an acknowledgement is sent at once. */
const PACKETS_PER_ACKNOWLEDGEMENT = 2
/** Milliseconds for which a complete flow acknowledges retransmissions (RFC 7016, 3.6.3.8). */
const LINGER_MS = 120_000
/** The most answers that wait to fragments of unknown flows; further fragments are not answered. */
const MAX_REFUSALS = 64

/** The flows that the peer of a session sends, and when they are acknowledged (RFC 7016, 3.6.3.4). */
export class ReceivingFlows {
  readonly #host: ReceivingFlowsHost
  readonly #limits: Limits
  readonly #flows = new Map<number, ReceivingFlow>()
  /** Complete flows and when each is forgotten, in that order. */
  readonly #lingering = new Map<ReceivingFlow, number>()
  readonly #owing = new Set<ReceivingFlow>()
  readonly #held: HeldBytes = { bytes: 0 }
  #refusals: UserData[] = []
  #isDue = false
  #dueAt = Number.POSITIVE_INFINITY
  /** The number of data packets that were not acknowledged yet, and whether the current packet has data. */
  #packets = 0
  #isData = false

  constructor(host: ReceivingFlowsHost) {
    this.#host = host
    this.#limits = limitsWith(host.limits)
  }

  get size(): number {
    return this.#flows.size
  }

  /** Bytes received that are incomplete or not read; each fragment counts 128 bytes more. */
  get heldBytes(): number {
    return this.#held.bytes
  }

  get isDue(): boolean {
    return this.#isDue
  }

  /** When to call `elapsed`. */
  get timeoutAt(): number {
    const [forgetAt] = this.#lingering.values()
    return Math.min(this.#isDue ? Number.POSITIVE_INFINITY : this.#dueAt, forgetAt ?? Number.POSITIVE_INFINITY)
  }

  /** Adds a fragment (RFC 7016, 3.6.3.2). */
  add(chunk: UserData, now: number): void {
    this.#isData = true
    const known = this.#flows.get(chunk.flowId)
    const flow = known ?? this.#opened(chunk)
    if (flow === undefined) {
      if (this.#refusals.length < MAX_REFUSALS) this.#refusals.push(chunk)
      this.#dueNow()
      return
    }
    if (!this.#hasRoom(flow, chunk)) return
    const isAtOnce = flow.add(chunk)
    this.#owing.add(flow)
    if (flow.isComplete && !this.#lingering.has(flow)) this.#lingering.set(flow, now + LINGER_MS)
    if (isAtOnce || known === undefined) this.#dueNow()
  }

  /** The sender asks for an acknowledgement (RFC 7016, 3.6.3.6). */
  probed(flowId: number): void {
    const flow = this.#flows.get(flowId)
    if (flow !== undefined) this.#acknowledge(flow)
  }

  /** Called after each packet. Whether there was data in it. */
  received(now: number): boolean {
    const wasData = this.#isData
    this.#isData = false
    if (wasData) {
      if (++this.#packets >= PACKETS_PER_ACKNOWLEDGEMENT) this.#dueNow()
      this.#dueAt = Math.min(this.#dueAt, now + DELAY_MS)
    }
    return wasData
  }

  /** Adds the acknowledgements that are due to a packet (RFC 7016, 3.6.3.4.2), as far as they have room. */
  answer(packet: PacketSpace): void {
    while (this.#refusals.length > 0) {
      if (!refuse(packet, this.#refusals[0]!)) return
      this.#refusals.shift()
    }
    for (const flow of this.#owing) {
      // an acknowledgement with more gaps than fit a whole packet is truncated
      if (!flow.answer(packet, packet.chunks.length === 0)) return
      this.#owing.delete(flow)
    }
    this.#isDue = false
    this.#dueAt = Number.POSITIVE_INFINITY
    this.#packets = 0
  }

  elapsed(now: number): void {
    if (now >= this.#dueAt) this.#dueNow()
    for (const [flow, forgetAt] of this.#lingering) {
      if (forgetAt > now) break
      this.#lingering.delete(flow)
      // its unread messages still count as held
      if (flow.isReadable) this.#lingering.set(flow, now + LINGER_MS)
      else this.#forget(flow)
    }
  }

  over(): void {
    const flows = [...this.#flows.values()]
    this.#flows.clear()
    this.#lingering.clear()
    this.#owing.clear()
    this.#refusals = []
    this.#dueAt = Number.POSITIVE_INFINITY
    this.#isDue = false
    for (const flow of flows) flow.over()
  }

  /** The flow that a fragment opens (RFC 7016, 3.6.3.1); undefined if it opens none, or if there are too many. */
  #opened({ flowId, options }: UserData): ReceivingFlow | undefined {
    const { metadata, returnFlowId, rejected } = readFlowOptions(options, this.#host.limits)
    const returnOf = returnFlowId === undefined ? undefined : this.#host.flow(returnFlowId)
    if (metadata === undefined || rejected !== undefined || (returnFlowId !== undefined && returnOf === undefined))
      return undefined
    if (!this.#makesRoom()) return undefined
    const opening = { metadata, returnOf }
    const accepted = this.#host.accept?.(opening)
    const flow = new ReceivingFlow(flowId, opening, accepted ?? {}, {
      limits: this.#host.limits,
      held: this.#held,
      roomBytes: () => this.#limits.rtmfpSessionBytes - this.#held.bytes,
      acknowledge: flow => this.#acknowledge(flow)
    })
    this.#flows.set(flowId, flow)
    if (accepted === undefined) flow.reject()
    return flow
  }

  /** Makes room for a flow: the oldest complete flow is forgotten early. */
  #makesRoom(): boolean {
    if (this.#flows.size < this.#limits.rtmfpFlows) return true
    for (const flow of this.#lingering.keys()) {
      if (flow.isReadable) continue
      this.#forget(flow)
      return true
    }
    return false
  }

  /** Whether a fragment may be held. Otherwise the session holds too much, and it is dropped as if it were lost. */
  #hasRoom(flow: ReceivingFlow, chunk: UserData): boolean {
    if (this.#held.bytes + chunk.data.length <= this.#limits.rtmfpSessionBytes) return true
    if (!flow.isNext(chunk)) return false
    for (const other of this.#flows.values()) if (other.bufferedBytes > flow.bufferedBytes) return false
    return true
  }

  #acknowledge(flow: ReceivingFlow): void {
    if (this.#flows.get(flow.id) !== flow) return
    this.#owing.add(flow)
    this.#dueNow()
  }

  #dueNow(): void {
    if (this.#isDue) return
    this.#isDue = true
    this.#host.wake()
  }

  #forget(flow: ReceivingFlow): void {
    this.#lingering.delete(flow)
    this.#flows.delete(flow.id)
    this.#owing.delete(flow)
    flow.over()
  }
}

/**
 * Rejects a fragment of an unknown flow (RFC 7016, 3.6.3.7). Each fragment is acknowledged as it arrives, so that the sender, which abandons
 * them, can end the flow.
 */
function refuse(packet: PacketSpace, { flowId, sequenceNumber, forwardSequenceNumber }: UserData): boolean {
  const isNext = sequenceNumber <= forwardSequenceNumber + 1
  const acknowledgement: Acknowledgement = {
    kind: 'RangeAck',
    flowId,
    bufferBlocksAvailable: 0,
    cumulativeAck: isNext ? sequenceNumber : forwardSequenceNumber,
    received: isNext ? [] : [[sequenceNumber, sequenceNumber]]
  }
  const length = vluLength(flowId) + 20
  if (!packet.has(length * 2)) return false
  packet.add({ kind: 'FlowException', flowId, exceptionCode: 0 }, vluLength(flowId) + 1)
  packet.add(acknowledgement, length)
  return true
}
