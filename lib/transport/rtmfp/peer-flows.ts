import type { Clock } from '../../clock.ts'
import { RtmpError } from '../../errors.ts'
import { type Limits, limitsWith } from '../../limits.ts'
import type { MessageStreamId } from '../../message/message.ts'
import type { TimeCriticalData } from '../../rtmfp/flow/time-critical.ts'
import { readFlowMetadata } from '../../rtmfp/flow-mapping/flow-metadata.ts'
import type {
  AcceptFlow,
  IncomingFlow,
  IncomingFlowOpening,
  IncomingFlowOptions,
  OutgoingFlow,
  OutgoingFlowOptions
} from '../../rtmfp/flow-mapping/flow-set.ts'
import type { SessionFlows } from '../../rtmfp/session/flows.ts'
import type { Session } from '../../rtmfp/session/session.ts'
import type { PacketHeader } from '../../rtmfp/wire/packet.ts'
import type { FlowCarrier } from './flow-carrier.ts'
import type { FlowWire } from './flow-wire.ts'
import { CarryingFlows } from './wire-flows.ts'

/** What the flows of a session with a peer need of the client. */
export interface PeerFlowsHost {
  readonly limits: Partial<Limits> | undefined
  readonly timeCritical: TimeCriticalData
  /** A wire for a play of the peer, which is passed to `accept` once it is open; undefined if the peer may not play. */
  wireFor(messageStreamId: MessageStreamId): FlowWire | undefined
  accept(wire: FlowWire, session: Session, messageStreamId: MessageStreamId): void
}

/**
 * The flows of a session with a peer, which any number of wires share. Each wire is a play by either of the two. The first flow of a wire is
 * sent by the side that plays and answers no other; all further flows of the wire answer a flow of it (RFC 7425, 5.4).
 */
export class PeerFlows extends CarryingFlows implements SessionFlows {
  readonly #host: PeerFlowsHost
  readonly #limits: Limits
  readonly #wires = new Map<FlowWire, PeerWireFlows>()
  /** When the session is closed if it has no wire. */
  readonly #unusedAt: number

  constructor(session: Session, clock: Clock, host: PeerFlowsHost) {
    const { limits, timeCritical } = host
    super(session, clock, { timeCritical, accept: opening => this.#accept(opening), ...(limits && { limits }) })
    this.#host = host
    this.#limits = limitsWith(limits)
    this.#unusedAt = session.openedAt + this.#limits.connectMs
  }

  isOf(session: Session): boolean {
    return this.session === session
  }

  /** Opens a wire over the session. */
  add(wire: FlowWire): PeerWireFlows {
    const flows = new PeerWireFlows(this)
    if (this.session.state !== 'open') wire.destroy(new RtmpError('ERR_RTMP_PREMATURE_CLOSE'))
    if (wire.destroyed) return flows
    this.#wires.set(wire, flows)
    wire.once('close', () => {
      this.#wires.delete(wire)
      if (this.#wires.size === 0) this.close()
    })
    wire.open(accept => {
      flows.decide = accept
      return flows
    })
    return flows
  }

  #accept(opening: IncomingFlowOpening): IncomingFlowOptions | undefined {
    if (opening.returnOf !== undefined) {
      const owner = [...this.#wires.values()].find(flows => flows.has(opening.returnOf))
      return owner?.accept(opening)
    }
    const { messageStreamId = 0 } = readFlowMetadata(opening.metadata) ?? {}
    if (messageStreamId === 0 || this.#wires.size >= this.#limits.messageStreams) return undefined
    const wire = this.#host.wireFor(messageStreamId)
    if (wire === undefined) return undefined
    const flows = this.add(wire)
    this.#host.accept(wire, this.session, messageStreamId)
    return flows.accept(opening)
  }

  override received(header: PacketHeader, now: number): void {
    super.received(header, now)
    for (const wire of this.#wires.keys()) wire.pump()
  }

  override nextTimeout(): number {
    let at = Math.min(super.nextTimeout(), this.#wires.size === 0 ? this.#unusedAt : Number.POSITIVE_INFINITY)
    for (const { stallsAt } of this.#wires.keys()) at = Math.min(at, stallsAt)
    return at
  }

  override elapsed(now: number): void {
    super.elapsed(now)
    for (const wire of this.#wires.keys()) wire.check(now)
    if (this.#wires.size === 0 && now >= this.#unusedAt) this.close()
  }

  /** The session is over. */
  override over(): void {
    super.over()
    for (const wire of this.#wires.keys()) wire.over(this.failure)
  }
}

/** The flows of one wire, among those of a session with a peer. */
export class PeerWireFlows implements FlowCarrier {
  readonly #all: PeerFlows
  readonly #sending = new Set<OutgoingFlow>()
  readonly #receiving = new Set<IncomingFlow>()
  #isClosed = false
  /** The wire's decision on flows of the peer. */
  decide: AcceptFlow = () => undefined

  constructor(all: PeerFlows) {
    this.#all = all
  }

  get waitingBytes(): number {
    return this.#all.waitingBytes
  }

  get heldBytes(): number {
    return this.#all.heldBytes
  }

  get owedSince(): number | undefined {
    return this.#all.owedSince
  }

  get bytesIn(): number {
    return this.#all.bytesIn
  }

  get bytesOut(): number {
    return this.#all.bytesOut
  }

  get heardAt(): number {
    return this.#all.heardAt
  }

  has(flow: unknown): boolean {
    return this.#sending.has(flow as OutgoingFlow)
  }

  open(options: OutgoingFlowOptions): OutgoingFlow {
    const flow = this.#all.open({
      ...options,
      ended: () => {
        this.#sending.delete(flow)
        options.ended?.()
      }
    })
    this.#sending.add(flow)
    return flow
  }

  accept(opening: IncomingFlowOpening): IncomingFlowOptions | undefined {
    const options = this.decide(opening)
    if (options === undefined) return undefined
    return {
      ...options,
      readable: flow => {
        this.#receiving.add(flow)
        if (this.#isClosed) flow.reject()
        else options.readable(flow)
      },
      ended: flow => {
        this.#receiving.delete(flow)
        options.ended(flow)
      }
    }
  }

  /** Ends the flows of this wire alone: the session may have other wires. */
  close(): void {
    this.#isClosed = true
    for (const flow of this.#sending) flow.close()
    for (const flow of this.#receiving) flow.reject()
  }
}
