import type { Message } from '../index.ts'
import {
  defaultProtection,
  type FlowMessage,
  type FlowMetadata,
  PacketMode,
  PacketOpener,
  ReceiveBuffer,
  type RtmfpPacket,
  readFlowMessage,
  readFlowMetadata,
  readFlowOptions,
  readPacket,
  readSessionId,
  SESSION_ID_LENGTH,
  type UserData
} from '../rtmfp/index.ts'
import { endpointName } from './ip.ts'
import { errorEntry, type Fault } from './ledger.ts'
import { readPackets } from './pcap.ts'
import type { RtmfpSessionKeys } from './rtmfp-keys.ts'
import { type UdpDatagram, udpDatagram } from './udp-datagram.ts'

/** Who sends: the initiator or the responder of a session. */
export type Side = 'initiator' | 'responder'

/** A datagram of a capture. */
export interface DatagramEntry {
  readonly kind: 'packet' | 'undecoded'
  /** Seconds since the first one. */
  readonly time: number
  readonly from: string
  readonly to: string
  readonly byteLength: number
  readonly sessionId: number | undefined
}

/** One that could be opened, with what is in it. */
export interface PacketEntry extends DatagramEntry {
  readonly kind: 'packet'
  /** Absent in startup. */
  readonly session?: number
  readonly side?: Side
  /** Its session sequence number, if there is one. */
  readonly sequence?: number
  readonly packet: RtmfpPacket
}

export interface UndecodedEntry extends DatagramEntry {
  readonly kind: 'undecoded'
}

/** A flow is met for the first time. */
export interface FlowEntry {
  readonly kind: 'flow'
  readonly flow: Flow
}

/** A message is complete: all its fragments were seen. */
export interface FlowMessageEntry {
  readonly kind: 'message'
  readonly flow: Flow
  readonly carried: FlowMessage
  /** Absent in flows of other protocols; an error if it is shorter than its header. */
  readonly message?: Message | Fault
}

/** A message of a flow is too long. Its fragments are dropped from here on. */
export interface FlowErrorEntry {
  readonly kind: 'error'
  readonly flow: Flow
  readonly error: Fault
}

export type RtmfpEntry = PacketEntry | UndecodedEntry | FlowEntry | FlowMessageEntry | FlowErrorEntry

/** How packets to a session id are opened. */
interface Opening {
  readonly opener: PacketOpener
  readonly isSequenced: boolean
  readonly mode: PacketMode
  readonly session?: number
  readonly side?: Side
}

/** What was seen of a flow. */
export class Flow {
  readonly session: number
  readonly side: Side
  readonly flowId: number
  readonly metadata: Buffer | undefined
  readonly returnFlowId: number | undefined
  readonly tc: FlowMetadata | undefined
  readonly buffer: ReceiveBuffer = new ReceiveBuffer({ order: 'network' })

  constructor(session: number, side: Side, { flowId, options }: UserData) {
    this.session = session
    this.side = side
    this.flowId = flowId
    const { metadata, returnFlowId } = readFlowOptions(options)
    this.metadata = metadata
    this.returnFlowId = returnFlowId
    this.tc = metadata && readFlowMetadata(metadata)
  }
}

/**
 * What RTMFP programs said to each other in a capture: each packet, the flows that begin in it, and the messages that it completes.
 * Datagrams that no key opens are entries too.
 * @throws Error as readPackets, behind what could be read.
 */
export class RtmfpLedger {
  readonly #openings = new Map<number, Opening[]>()
  readonly #startup: Opening = {
    opener: new PacketOpener(defaultProtection),
    isSequenced: false,
    mode: PacketMode.Startup
  }
  /** By endpoints, what opened the packet before: ids are often the same in many sessions. */
  readonly #latest = new Map<string, Opening>()
  readonly #flows = new Map<string, Flow>()

  constructor(keys: readonly RtmfpSessionKeys[]) {
    for (const { session, initiator, responder } of keys) {
      const from = (side: Side, mode: PacketMode, to: number, { protection }: typeof initiator) => {
        const opening = {
          opener: new PacketOpener(protection),
          isSequenced: protection.isSequenced,
          mode,
          session,
          side
        }
        const known = this.#openings.get(to)
        if (known === undefined) this.#openings.set(to, [opening])
        else known.push(opening)
      }
      from('initiator', PacketMode.Initiator, responder.sessionId, initiator)
      from('responder', PacketMode.Responder, initiator.sessionId, responder)
    }
  }

  *entries(capture: Buffer): Generator<RtmfpEntry, void> {
    let begin: number | undefined
    for (const captured of readPackets(capture)) {
      const datagram = udpDatagram(captured)
      if (datagram === undefined) continue
      begin ??= captured.time
      yield* this.#take(datagram, captured.time / 1e6 - begin / 1e6)
    }
  }

  *#take(datagram: UdpDatagram, time: number): Generator<RtmfpEntry, void> {
    const { payload } = datagram
    const sessionId = readSessionId(payload)
    const [from, to] = [endpointName(datagram.from), endpointName(datagram.to)]
    const place = { time, from, to, byteLength: payload.length, sessionId }
    const opened = sessionId === undefined ? undefined : this.#open(payload, sessionId, `${from} ${to}`)
    if (opened === undefined) {
      yield { kind: 'undecoded', ...place }
      return
    }
    const { opening, packet } = opened
    const { session, side } = opening
    if (session === undefined || side === undefined) yield { kind: 'packet', ...place, packet }
    else {
      const sequence = opening.isSequenced ? { sequence: opening.opener.sequence } : {}
      yield { kind: 'packet', ...place, session, side, ...sequence, packet }
      for (const chunk of packet.chunks)
        if (chunk.kind === 'UserData' || chunk.kind === 'NextUserData') yield* this.#takeData(session, side, chunk)
    }
  }

  #open(payload: Buffer, sessionId: number, way: string): { opening: Opening; packet: RtmfpPacket } | undefined {
    const encrypted = payload.subarray(SESSION_ID_LENGTH)
    const known = this.#openings.get(sessionId) ?? []
    const latest = this.#latest.get(way)
    // a responder answers keying by the default key, to a session id that is in use from then on
    const candidates = [
      ...known.filter(each => each === latest),
      ...known.filter(each => each !== latest),
      this.#startup
    ]
    for (const opening of candidates) {
      const packet = opening.opener.open(encrypted)
      // one checksum in 65,536 is right under the wrong key
      if (packet === undefined || (packet[0]! & 0x03) !== opening.mode) continue
      if (opening !== this.#startup) this.#latest.set(way, opening)
      return { opening, packet: readPacket(packet) }
    }
    return undefined
  }

  *#takeData(session: number, side: Side, data: UserData): Generator<RtmfpEntry, void> {
    const key = `${session} ${side} ${data.flowId}`
    let flow = this.#flows.get(key)
    if (flow === undefined) {
      flow = new Flow(session, side, data)
      this.#flows.set(key, flow)
      yield { kind: 'flow', flow }
    }
    try {
      flow.buffer.add(data)
    } catch (error) {
      yield { kind: 'error', flow, error: errorEntry(error) }
      flow.buffer.reject()
    }
    for (let carried = flow.buffer.take(); carried !== undefined; carried = flow.buffer.take())
      yield { kind: 'message', flow, carried, ...rtmpMessage(flow, carried) }
  }
}

function rtmpMessage({ tc }: Flow, { payload }: FlowMessage): { message?: Message | Fault } {
  if (tc === undefined) return {}
  try {
    return { message: readFlowMessage(payload, tc.messageStreamId) }
  } catch (error) {
    return { message: errorEntry(error) }
  }
}
