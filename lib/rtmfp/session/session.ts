import type { Certificate } from '../crypto/certificate.ts'
import type { KeyAgreement } from '../crypto/key-agreement.ts'
import type { Address } from '../wire/address.ts'
import type { RtmfpChunk } from '../wire/chunk.ts'
import { isInMode } from '../wire/packet.ts'
import type { FIHello } from '../wire/startup-chunks.ts'
import { type CloseReason, Closing, type SessionState } from './closing.ts'
import type { OutDatagram, Place } from './datagrams.ts'
import type { SessionFlows } from './flows.ts'
import { Mobility } from './mobility.ts'
import { CERTAIN_LENGTH, PathMtu } from './path-mtu.ts'
import { SessionPackets } from './session-packets.ts'
import type { SessionEndpoint, SessionStart } from './session-start.ts'
import { Silence } from './silence.ts'
import type { Timestamps } from './timestamps.ts'

/** An open session of RTMFP (RFC 7016, 3.5), without its flows. It has no clock: `now` is in ms. */
export class Session {
  readonly role: 'initiator' | 'responder'
  readonly nearId: number
  readonly farId: number
  readonly certificate: Certificate
  readonly agreement: KeyAgreement
  readonly openedAt: number
  readonly timestamps: Timestamps
  /** Its flows, which receive the chunks that concern them. */
  flows: SessionFlows | undefined
  /** Further addresses that the peer reported (RFC 7425, 5.3.3). An introducer tells them to other peers. */
  reportedAddresses: readonly Address[] = []
  readonly #endpoint: SessionEndpoint<Session>
  readonly #packets: SessionPackets
  #address: Place
  readonly #closing = new Closing()
  readonly #silence: Silence
  readonly #mobility: Mobility
  readonly #path: PathMtu

  constructor(endpoint: SessionEndpoint<Session>, start: SessionStart, now: number) {
    this.#endpoint = endpoint
    this.role = start.role
    this.nearId = start.nearId
    this.farId = start.farId
    this.certificate = start.certificate
    this.agreement = start.agreement
    this.openedAt = now
    this.#address = start.address
    this.#packets = new SessionPackets(start)
    this.timestamps = this.#packets.timestamps
    const { keepaliveMs, quietMs } = endpoint
    this.#silence = new Silence(keepaliveMs, start.role === 'initiator' ? quietMs : keepaliveMs, now)
    this.#mobility = new Mobility(endpoint.secret)
    this.#path = new PathMtu(endpoint.maxDatagramBytes, start.address.address)
  }

  get state(): SessionState {
    return this.#closing.state
  }

  get closeReason(): CloseReason | undefined {
    return this.#closing.reason
  }

  /** The address of the peer that was verified last. */
  get address(): Place {
    return this.#address
  }

  /** Packets of the peer that were verified. */
  get packetsIn(): number {
    return this.#packets.packetsIn
  }

  /** Packets to the peer. */
  get packetsOut(): number {
    return this.#packets.packetsOut
  }

  /** Bytes of the datagrams of `packetsIn`. */
  get bytesIn(): number {
    return this.#packets.bytesIn
  }

  /** Bytes of the datagrams of `packetsOut`. */
  get bytesOut(): number {
    return this.#packets.bytesOut
  }

  /** Whether a packet of the peer has been verified, which shows that it has the keys. */
  get isHeard(): boolean {
    return this.packetsIn > 0
  }

  /** When a packet of the peer was last verified, in ms; when the session opened if none was. */
  get heardAt(): number {
    return this.#silence.heardAt
  }

  /** Bytes of chunks that a packet has room for on the current path. It may become less. */
  get room(): number {
    return this.#packets.room(this.#path.length)
  }

  /** Bytes of chunks that a packet has room for on any path. */
  get certainRoom(): number {
    return this.#packets.room(CERTAIN_LENGTH)
  }

  /** Processes an encrypted packet. One that does not verify, or is a replay, has no effect. */
  input(encrypted: Buffer, from: Place, now: number): void {
    const packet = this.#packets.open(encrypted, now)
    if (packet === undefined) return
    if (this.#silence.heard(now, packet.chunks.some(isData))) this.#endpoint.wake(this)
    for (const chunk of packet.chunks) if (isInMode(chunk, packet.mode)) this.#receive(chunk, from, now)
    if (this.state !== 'open') return
    this.flows?.received(packet, now)
    const message = isSame(from, this.#address) ? undefined : this.#mobility.ask(from, now)
    if (message !== undefined) this.#say({ kind: 'Ping', message }, from)
  }

  /** The datagrams to send now. The caller iterates to the end. */
  *output(now: number): Generator<OutDatagram, void> {
    yield* this.#packets.said(now, this.flows?.isTimeCriticalReverse?.(now))
    while (this.state === 'open') {
      const chunks = this.flows?.fill(this.room, now)
      if (chunks === undefined) return
      const bytes = this.#packets.seal(chunks, now)
      this.#path.sent(bytes.length, now)
      yield { bytes, to: this.#address }
    }
  }

  /** There is something to send: `output` is to be called. */
  wake(): void {
    this.#endpoint.wake(this)
  }

  /** Changes the milliseconds of silence until it sends a Ping. */
  keepAlive(ms: number): void {
    this.#silence.keepAlive(ms)
    this.wake()
  }

  /** When `elapsed` is to be called; Infinity for never. */
  nextTimeout(): number {
    if (this.state !== 'open') return this.#closing.nextAt
    return Math.min(this.#silence.nextAt, this.#path.nextAt, this.flows?.nextTimeout() ?? Number.POSITIVE_INFINITY)
  }

  elapsed(now: number): void {
    if (this.#closing.isEnded(now)) this.#end(this.closeReason ?? 'near')
    if (this.#closing.isDue(now)) this.#say({ kind: 'Close' })
    if (this.state !== 'open') return
    this.#ask(now)
    this.flows?.elapsed(now)
  }

  /**
   * Closes it: orderly, which asks the other end and waits for its answer, or at once. Both end all flows; what they still hold is lost.
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

  /** Whether the peer is gone, when another endpoint appears at its address: it is pinged, and gone if it is still silent 3 s later. */
  isGone(now: number): boolean {
    const isGone = this.#silence.isGone(now)
    this.#endpoint.wake(this)
    return isGone
  }

  /** Ends it because its peer, or another endpoint at the same address, has opened another session. */
  replace(): void {
    this.#end('replaced')
  }

  /** Forwards an IHello to the peer (RFC 7016, 3.5.1.5). */
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

  /** It is no longer open. */
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

  /** Queues the pings that are due: to probe the path, and to ask whether the peer is there. */
  #ask(now: number): void {
    const { erto } = this.timestamps
    const probe = now < this.#path.nextAt ? undefined : this.#path.due(now, erto)
    if (probe !== undefined) this.#say({ kind: 'Ping', message: probe.message }, this.#address, probe.length)
    const due = now < this.#silence.nextAt ? undefined : this.#silence.due(now, erto)
    if (due === 'ping') this.#say({ kind: 'Ping', message: Buffer.alloc(0) })
    else if (due === 'give up') this.#end('timeout')
  }

  #replied(message: Buffer, from: Place, now: number): void {
    if (this.#path.answered(message, now)) this.#endpoint.wake(this)
    if (isSame(from, this.#address) || !this.#mobility.proves(message, from, now)) return
    const before = this.#address
    this.#address = from
    this.#path.reset(from.address)
    this.#endpoint.moved(this, before)
  }

  #say(chunk: RtmfpChunk, to: Place = this.#address, length = 0): void {
    this.#packets.say(chunk, to, length)
    this.#endpoint.wake(this)
  }
}

const isData = ({ kind }: RtmfpChunk): boolean => kind === 'UserData' || kind === 'NextUserData'
const isSame = (one: Place, other: Place): boolean => one.port === other.port && one.address === other.address
