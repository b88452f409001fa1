import type { Clock } from '../../clock.ts'
import { RtmpError } from '../../errors.ts'
import { Flows, type FlowsOptions } from '../../rtmfp/flow/flows.ts'
import { readPeerInfo } from '../../rtmfp/flow-mapping/peer-info.ts'
import type { SessionFlows } from '../../rtmfp/session/flows.ts'
import type { Session } from '../../rtmfp/session/session.ts'
import type { PacketHeader } from '../../rtmfp/wire/packet.ts'
import type { FlowCarrier } from './flow-carrier.ts'
import type { FlowWire } from './flow-wire.ts'

/** The flows of a session, with the numbers that a wire over them reports. */
export class CarryingFlows extends Flows {
  protected readonly session: Session
  protected readonly clock: Clock

  constructor(session: Session, clock: Clock, options: FlowsOptions) {
    super(session, options)
    this.session = session
    this.clock = clock
  }

  get waitingBytes(): number {
    // bytes in flight include headers
    return Math.max(0, this.queuedBytes - this.congestion.bytesInFlight)
  }

  get bytesIn(): number {
    return this.session.bytesIn
  }

  get bytesOut(): number {
    return this.session.bytesOut
  }

  get heardAt(): number {
    return this.session.heardAt
  }

  close(): void {
    this.session.close(this.clock.now())
  }

  /** The error that ended the session, for its wire; undefined if the session was closed. */
  protected get failure(): RtmpError | undefined {
    return this.session.closeReason === 'timeout' ? new RtmpError('ERR_RTMP_IDLE') : undefined
  }
}

/** The flows of a session with one wire, which `opened` of an RtmfpEndpoint returns. */
export class WireFlows extends CarryingFlows implements SessionFlows, FlowCarrier {
  readonly #wire: FlowWire

  constructor(session: Session, wire: FlowWire, clock: Clock, options: FlowsOptions) {
    super(session, clock, options)
    this.#wire = wire
  }

  keepAlive(ms: number): void {
    this.session.keepAlive(ms)
  }

  heedPeerInfo(args: readonly unknown[]): void {
    this.session.reportedAddresses = readPeerInfo(args)
  }

  override received(header: PacketHeader, now: number): void {
    super.received(header, now)
    this.#wire.pump()
  }

  override nextTimeout(): number {
    return Math.min(super.nextTimeout(), this.#wire.stallsAt)
  }

  override elapsed(now: number): void {
    super.elapsed(now)
    this.#wire.check(now)
  }

  /** The session is over. */
  override over(): void {
    super.over()
    this.#wire.over(this.failure)
  }
}
