import { ByteWriter } from '../../bytes/byte-writer.ts'
import type { Certificate } from '../crypto/certificate.ts'
import type { KeyAgreement } from '../crypto/key-agreement.ts'
import { PacketOpener } from '../crypto/packet-opener.ts'
import { PacketSealer } from '../crypto/packet-sealer.ts'
import { ReplayWindow } from '../crypto/replay-window.ts'
import type { Address } from '../wire/address.ts'
import type { RtmfpChunk } from '../wire/chunk.ts'
import { isInMode, PacketMode, writePacket } from '../wire/packet.ts'
import { SESSION_ID_LENGTH } from '../wire/session-id.ts'
import type { FIHello } from '../wire/startup-chunks.ts'
import { type CloseReason, Closing, type SessionState } from './closing.ts'
import { type OutDatagram, openPacket, type Place, sealDatagram } from './datagrams.ts'
import type { FlowChunks, SessionFlows } from './flows.ts'
import { Mobility } from './mobility.ts'
import { Silence } from './silence.ts'
import { Timestamps } from './timestamps.ts'

/** What a session is told of at its start. */
export interface SessionStart {
  readonly role: 'initiator' | 'responder'
  /** In packets to this end, and in those to the other. */
  readonly nearId: number
  readonly farId: number
  readonly address: Place
  /** Of the other end. */
  readonly certificate: Certificate
  readonly agreement: KeyAgreement
  /** By which the responder knew the initiator. */
  readonly cookie: Buffer
}

/** What a session needs of its endpoint. */
export interface SessionEndpoint {
  /** By which it knows its own mobility checks. */
  readonly secret: Buffer
  /** Milliseconds of silence until it sends a Ping. */
  readonly keepaliveMs: number
  /** It has something to send, or a nearer timeout. */
  wake(session: Session): void
  moved(session: Session, from: Place): void
  forwarded(session: Session, hello: FIHello): void
  /** It is not open any more: its peer may open another. */
  left(session: Session): void
  closed(session: Session): void
}

/** Of a packet with its encryption: fits what any path of IPv6 carries. */
const MAX_PACKET_LENGTH = 1200
/** Bytes of it besides chunks: header, session sequence number, HMAC or checksum, padding. */
const MAX_OVERHEAD = 5 + 8 + 32 + 15
/** Answers that wait to be sent; a Ping beyond them has none. */
const MAX_WAITING = 16

/** An open session of RTMFP (RFC 7016, 3.5), without its flows. It has no clock: `now` is in ms. */
export class Session {
  readonly role: 'initiator' | 'responder'
  readonly nearId: number
  readonly farId: number
  readonly certificate: Certificate
  readonly agreement: KeyAgreement
  readonly openedAt: number
  readonly timestamps: Timestamps = new Timestamps()
  /** What it passes chunks of flows to. */
  flows: SessionFlows | undefined
  /** Where the peer says that it is reached besides (RFC 7425, 5.3.3): an introducer tells others. */
  reportedAddresses: readonly Address[] = []
  /** Packets of the peer that were verified, and those to it; bytes of their datagrams. */
  packetsIn = 0
  packetsOut = 0
  bytesIn = 0
  bytesOut = 0
  readonly #endpoint: SessionEndpoint
  readonly #writer = new ByteWriter(MAX_PACKET_LENGTH)
  readonly #sealer: PacketSealer
  readonly #opener: PacketOpener
  readonly #replays: ReplayWindow | undefined
  #address: Place
  #waiting: { readonly chunk: RtmfpChunk; readonly to: Place }[] = []
  readonly #closing = new Closing()
  readonly #silence: Silence
  readonly #mobility: Mobility

  constructor(endpoint: SessionEndpoint, start: SessionStart, now: number) {
    this.#endpoint = endpoint
    this.role = start.role
    this.nearId = start.nearId
    this.farId = start.farId
    this.certificate = start.certificate
    this.agreement = start.agreement
    this.openedAt = now
    this.#address = start.address
    const { initiator, responder } = start.agreement
    const [near, far] = start.role === 'initiator' ? [initiator, responder] : [responder, initiator]
    this.#sealer = new PacketSealer(near.protection)
    this.#opener = new PacketOpener(far.protection)
    this.#replays = far.protection.isSequenced ? new ReplayWindow() : undefined
    this.#silence = new Silence(endpoint.keepaliveMs, now)
    this.#mobility = new Mobility(endpoint.secret)
  }

  get state(): SessionState {
    return this.#closing.state
  }

  get closeReason(): CloseReason | undefined {
    return this.#closing.reason
  }

  /** Where the peer is, as far as it has been proven. */
  get address(): Place {
    return this.#address
  }

  /** Whether a packet of the peer has been verified: then it has the keys. */
  get isHeard(): boolean {
    return this.packetsIn > 0
  }

  /** When a packet of the peer was last verified, in ms; when the session opened if none was. */
  get heardAt(): number {
    return this.#silence.heardAt
  }

  /** Bytes of chunks that a packet has room for. */
  get room(): number {
    return MAX_PACKET_LENGTH - MAX_OVERHEAD
  }

  /** Whether it has something to send. */
  get isWaiting(): boolean {
    return this.#waiting.length > 0
  }

  /** Takes an encrypted packet. One that does not verify, or was seen before, leaves no trace. */
  input(encrypted: Buffer, from: Place, now: number): void {
    const packet = openPacket(this.#opener, encrypted)
    const farMode = this.role === 'initiator' ? PacketMode.Responder : PacketMode.Initiator
    if (packet?.mode !== farMode || this.#replays?.accepts(this.#opener.sequence) === false) return
    this.packetsIn++
    this.bytesIn += SESSION_ID_LENGTH + encrypted.length
    if (this.#silence.heard(now)) this.#endpoint.wake(this)
    this.timestamps.hear(packet, now)
    for (const chunk of packet.chunks) if (isInMode(chunk, packet.mode)) this.#receive(chunk, from, now)
    if (this.state !== 'open') return
    this.flows?.received(packet, now)
    const message = isSame(from, this.#address) ? undefined : this.#mobility.ask(from, now)
    if (message !== undefined) this.#say({ kind: 'Ping', message }, from)
  }

  /** The datagrams that it has to send now: to be taken to the end. */
  *output(now: number): Generator<OutDatagram, void> {
    for (const { chunk, to } of this.#waiting.splice(0))
      yield this.#datagram({ chunks: [chunk], timeCritical: false, timeCriticalReverse: false }, to, now)
    while (this.state === 'open') {
      const chunks = this.flows?.fill(this.room, now)
      if (chunks === undefined) return
      yield this.#datagram(chunks, this.#address, now)
    }
  }

  /** Asks to be given the chance to send. */
  wake(): void {
    this.#endpoint.wake(this)
  }

  /** When `elapsed` is to be called; Infinity for never. */
  nextTimeout(): number {
    if (this.state !== 'open') return this.#closing.nextAt
    return Math.min(this.#silence.nextAt, this.flows?.nextTimeout() ?? Number.POSITIVE_INFINITY)
  }

  elapsed(now: number): void {
    if (this.#closing.isEnded(now)) this.#end(this.closeReason ?? 'near')
    if (this.#closing.isDue(now)) this.#say({ kind: 'Close' })
    if (this.state !== 'open') return
    if (now >= this.#silence.nextAt) this.#askSilent(now)
    this.flows?.elapsed(now)
  }

  /**
   * Closes it: in order, which asks the other end and waits for its answer, or at once. Either ends all flows: what they still hold is lost.
   */
  close(now: number, isOrderly = true): void {
    if (this.state === 'closed') return
    if (!isOrderly) {
      this.#say({ kind: 'CloseAck' })
      this.#end('near')
    } else if (this.state === 'open') {
      this.#closing.near(now)
      this.#leave()
      this.elapsed(now)
    }
  }

  /** Whether the peer, whose place another has come to, is gone: it is asked, and found gone when this is called 3 s later. */
  isGone(now: number): boolean {
    const isGone = this.#silence.isGone(now)
    this.#endpoint.wake(this)
    return isGone
  }

  /** Ends it because its peer, or another in its place, has opened another. */
  replace(): void {
    this.#end('replaced')
  }

  /** Passes an IHello on to the peer, which it may be for (RFC 7016, 3.5.1.5). */
  forward(hello: FIHello): void {
    if (this.state === 'open') this.#say(hello)
  }

  #receive(chunk: RtmfpChunk, from: Place, now: number): void {
    if (this.state === 'closed') return
    if (chunk.kind === 'Close') this.#closeAsked(now)
    else if (chunk.kind === 'CloseAck') this.#closeAcknowledged()
    else if (this.state !== 'open') return
    else if (chunk.kind === 'Ping') this.#say({ kind: 'PingReply', message: chunk.message })
    else if (chunk.kind === 'PingReply') this.#replied(chunk.message, from, now)
    else if (chunk.kind === 'FIHello') this.#endpoint.forwarded(this, chunk)
    else this.flows?.receive(chunk, now)
  }

  #closeAsked(now: number): void {
    if (this.state === 'open') {
      this.#closing.far(now)
      this.#leave()
    }
    this.#say({ kind: 'CloseAck' })
  }

  #closeAcknowledged(): void {
    if (this.state === 'open') this.#say({ kind: 'CloseAck' })
    this.#end(this.closeReason ?? 'far')
  }

  /** It is not open any more. */
  #leave(): void {
    this.flows?.over()
    this.flows = undefined
    this.#endpoint.left(this)
    this.#endpoint.wake(this)
  }

  #end(reason: CloseReason): void {
    const { state } = this
    if (state === 'closed') return
    this.#closing.end(reason)
    if (state === 'open') this.#leave()
    this.#endpoint.closed(this)
  }

  #askSilent(now: number): void {
    const due = this.#silence.due(now, this.timestamps.erto)
    if (due === 'ping') this.#say({ kind: 'Ping', message: Buffer.alloc(0) })
    else if (due === 'give up') this.#end('timeout')
  }

  #replied(message: Buffer, from: Place, now: number): void {
    if (isSame(from, this.#address) || !this.#mobility.proves(message, from, now)) return
    const before = this.#address
    this.#address = from
    this.#endpoint.moved(this, before)
  }

  #say(chunk: RtmfpChunk, to: Place = this.#address): void {
    if (this.#waiting.length < MAX_WAITING) this.#waiting.push({ chunk, to })
    this.#endpoint.wake(this)
  }

  #datagram({ chunks, timeCritical, timeCriticalReverse }: FlowChunks, to: Place, now: number): OutDatagram {
    const mode = this.role === 'initiator' ? PacketMode.Initiator : PacketMode.Responder
    const header = { mode, timeCritical, timeCriticalReverse, ...this.timestamps.stamp(now) }
    const packet = writePacket({ ...header, chunks }, this.#writer)
    const bytes = sealDatagram(this.#sealer, packet, this.farId)
    this.packetsOut++
    this.bytesOut += bytes.length
    return { bytes, to }
  }
}

const isSame = (one: Place, other: Place): boolean => one.port === other.port && one.address === other.address
