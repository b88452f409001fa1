import type { Acknowledgement } from '../wire/acknowledgement.ts'
import type { BufferProbe, FlowException } from '../wire/flow-chunks.ts'
import { flowOptions } from '../wire/flow-options.ts'
import type { PacketHeader } from '../wire/packet.ts'
import { CongestionWindow } from './congestion-window.ts'
import { InFlight } from './in-flight.ts'
import { Owed } from './owed.ts'
import { Pacing } from './pacing.ts'
import type { PacketSpace } from './packet-space.ts'
import type { ReceivingFlow } from './receiving-flow.ts'
import { SendingFlow } from './sending-flow.ts'
import type { SendingFlowEvents } from './sending-flow-events.ts'
import { isRecent, type TimeCriticalData } from './time-critical.ts'

/** A flow that this side opens. */
export interface SendingFlowOptions extends SendingFlowEvents {
  /** Tells what the flow is for; at most 512 bytes. */
  readonly metadata: Buffer
  /** The flow of the peer that it answers. */
  readonly returnOf?: Pick<ReceivingFlow, 'id'>
  /** 0 to 7: a higher one is sent ahead of lower ones, and from 4 on it is time critical. 3 if omitted. */
  readonly priority?: number
  /** The queued bytes at which it stops being writable; 64 KiB. */
  readonly capacityBytes?: number
}

/** What the flows of a session need of it. */
export interface FlowsSession {
  /** Bytes of chunks that a packet has room for on the current path; it may become less. */
  readonly room: number
  /** Bytes of chunks that a packet has room for on any path. */
  readonly certainRoom: number
  readonly timestamps: { readonly roundTrip: number | undefined; readonly erto: number; timedOut(): void }
  /** There may be something to send, or an earlier timeout. */
  wake(): void
}

const MAX_PRIORITY = 7
const ROUTINE_PRIORITY = 3
const DEFAULT_CAPACITY_BYTES = 65_536
const MAX_METADATA_LENGTH = 512

/** The flows that a session sends: priorities, congestion control and loss (RFC 7016, 3.5.2, 3.6.2). */
export class SendingFlows {
  readonly #session: FlowsSession
  readonly #timeCritical: TimeCriticalData
  readonly #flows = new Map<number, SendingFlow>()
  /** Flows that may have something to send, by priority, and in each priority in turn. */
  readonly #ready: Set<SendingFlow>[] = Array.from({ length: MAX_PRIORITY + 1 }, () => new Set())
  /** Flows whose receivers have no room. */
  readonly #blocked = new Set<SendingFlow>()
  readonly #inFlight = new InFlight()
  readonly #owed = new Owed()
  readonly #window = new CongestionWindow()
  readonly #pacing = new Pacing()
  /** When pacing allows the next packet. */
  #pacedAt = Number.POSITIVE_INFINITY
  #probes: BufferProbe[] = []
  #nextId = 1
  /** When everything in flight counts as lost (RFC 7016, 3.6.2.6). */
  #timeoutAt = Number.POSITIVE_INFINITY
  /** When time critical data was last sent, and when the peer last reported that it receives such data from others. */
  #urgentAt = Number.NEGATIVE_INFINITY
  #reverseAt = Number.NEGATIVE_INFINITY
  /** Bytes in flight before the acknowledgements in the current packet; undefined if there were none. */
  #before: number | undefined

  constructor(session: FlowsSession, timeCritical: TimeCriticalData) {
    this.#session = session
    this.#timeCritical = timeCritical
  }

  get size(): number {
    return this.#flows.size
  }

  /** The congestion window. */
  get windowBytes(): number {
    return this.#window.bytes
  }

  get bytesInFlight(): number {
    return this.#inFlight.bytes
  }

  /** Bytes of all flows that are not acknowledged. */
  get queuedBytes(): number {
    return this.#owed.bytes
  }

  /** Since when something waits to be acknowledged without any progress; undefined if nothing waits. */
  get owedSince(): number | undefined {
    return this.#owed.since
  }

  /** When to call `elapsed`. */
  get timeoutAt(): number {
    let at = Math.min(this.#timeoutAt, this.#pacedAt)
    for (const { probeAt } of this.#blocked) at = Math.min(at, probeAt)
    return at
  }

  /** The open flow with this id. */
  get(id: number): SendingFlow | undefined {
    const flow = this.#flows.get(id)
    return flow?.isOpen ? flow : undefined
  }

  /**
   * Opens a flow (RFC 7016, 3.6.2.1). Its first fragment opens it at the peer.
   * @throws RangeError for an invalid priority, or metadata that is too long.
   */
  open(options: SendingFlowOptions): SendingFlow {
    const { metadata, returnOf, priority = ROUTINE_PRIORITY, capacityBytes = DEFAULT_CAPACITY_BYTES } = options
    if (!Number.isInteger(priority) || priority < 0 || priority > MAX_PRIORITY)
      throw new RangeError(`priority must be a whole number from 0 to ${MAX_PRIORITY}, not ${priority}`)
    if (metadata.length > MAX_METADATA_LENGTH)
      throw new RangeError(`metadata must have at most ${MAX_METADATA_LENGTH} bytes, not ${metadata.length}`)
    const flow = new SendingFlow({
      id: this.#nextId++,
      priority,
      options: flowOptions({ metadata, ...(returnOf && { returnFlowId: returnOf.id }) }),
      session: this.#session,
      capacityBytes,
      inFlight: this.#inFlight,
      owed: this.#owed,
      events: options,
      ready: flow => {
        if (!flow.isReady || this.#flows.get(flow.id) !== flow) return
        this.#ready[priority]!.add(flow)
        this.#session.wake()
      },
      over: flow => {
        this.#flows.delete(flow.id)
        this.#ready[priority]!.delete(flow)
        this.#blocked.delete(flow)
      }
    })
    this.#flows.set(flow.id, flow)
    return flow
  }

  acknowledged(acknowledgement: Acknowledgement, now: number): void {
    const flow = this.#flows.get(acknowledgement.flowId)
    if (flow === undefined) return
    this.#before ??= this.#inFlight.bytes
    flow.acknowledged(acknowledgement, now, this.#session.timestamps.erto)
    if (flow.probeAt < Number.POSITIVE_INFINITY) this.#blocked.add(flow)
    else this.#blocked.delete(flow)
  }

  rejected({ flowId, exceptionCode }: FlowException): void {
    this.#flows.get(flowId)?.rejected(exceptionCode)
  }

  /** Called after each packet: its acknowledgements show losses, and change the window (RFC 7016, 3.6.2.5). */
  received({ timeCriticalReverse }: PacketHeader, now: number): void {
    if (timeCriticalReverse) this.#reverseAt = now
    const outstanding = this.#before
    if (outstanding === undefined) return
    this.#before = undefined
    this.#pacing.renew()
    const acknowledged = outstanding - this.#inFlight.bytes
    const { lost, hasGaps } = this.#inFlight.countNegatives()
    this.#window.acknowledged(
      { outstanding, acknowledged, lost, hasGaps },
      {
        isTimeCritical: isRecent(this.#urgentAt, now),
        mayGrowFast: !isRecent(this.#reverseAt, now) && !this.#timeCritical.isSent(now)
      }
    )
    if (this.#timeoutAt < Number.POSITIVE_INFINITY) this.#timeoutAt = now + this.#session.timestamps.erto
    this.#session.wake()
  }

  /** Adds to a packet what is to be sent next. Whether there is any data. */
  fill(packet: PacketSpace, now: number): boolean {
    // the end of a flow is queued by `close`, which knows no time
    this.#owed.began(now)
    while (this.#probes.length > 0 && packet.has(10)) packet.add(this.#probes.pop()!, 10)
    this.#pacedAt = Number.POSITIVE_INFINITY
    if (!this.#window.allows(this.#inFlight.bytes)) return false
    if (now < this.#pacing.nextAt) {
      if (this.#ready.some(({ size }) => size > 0)) this.#pacedAt = this.#pacing.nextAt
      return false
    }
    this.#inFlight.beginPacket()
    const highest = this.#fill(packet, now)
    if (highest === undefined) return false
    const { roundTrip = Number.POSITIVE_INFINITY } = this.#session.timestamps
    this.#pacing.sent(now, (roundTrip * this.#session.room) / this.#window.bytes)
    this.#timeoutAt = now + this.#session.timestamps.erto
    packet.timeCritical = highest > ROUTINE_PRIORITY
    if (packet.timeCritical) {
      this.#urgentAt = now
      this.#timeCritical.sent(now)
    }
    return true
  }

  elapsed(now: number): void {
    for (const flow of this.#blocked) {
      const probe = flow.probe(now)
      if (probe === undefined) continue
      this.#probes.push(probe)
      this.#session.wake()
    }
    if (now >= this.#pacedAt) this.#session.wake()
    if (now < this.#timeoutAt) return
    this.#timeoutAt = Number.POSITIVE_INFINITY
    this.#pacing.renew()
    const isLost = !this.#inFlight.isEmpty
    this.#window.timedOut(isLost)
    if (!isLost) return
    this.#session.timestamps.timedOut()
    this.#inFlight.loseAll()
    this.#session.wake()
  }

  over(): void {
    this.#timeoutAt = Number.POSITIVE_INFINITY
    this.#pacedAt = Number.POSITIVE_INFINITY
    this.#probes = []
    this.#inFlight.clear()
    for (const flow of [...this.#flows.values()]) flow.over()
  }

  /** Fills the packet by priority, and in turn within one. Returns the highest priority that was added. */
  #fill(packet: PacketSpace, now: number): number | undefined {
    let highest: number | undefined
    for (let priority = MAX_PRIORITY; priority >= 0; priority--) {
      const flows = this.#ready[priority]!
      if (flows.size === 0) continue
      for (const flow of flows) {
        const filled = flow.fill(packet, now)
        if (filled > 0) highest ??= priority
        flows.delete(flow)
        if (!flow.isReady) continue
        // the packet is full: the flow goes to the end of its queue
        flows.add(flow)
        return highest
      }
    }
    return highest
  }
}
