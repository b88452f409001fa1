import { randomBytes } from 'node:crypto'
import { RtmpError } from '../../errors.ts'
import { type Limits, limitsWith } from '../../limits.ts'
import { overrides, readCertificate, winsGlare } from '../crypto/certificate.ts'
import { type EndpointDiscriminator, writeDiscriminator } from '../crypto/endpoint-discriminator.ts'
import { type AgreementOptions, respond } from '../crypto/key-agreement.ts'
import { defaultTerms } from '../crypto/terms.ts'
import { addressText } from '../wire/address.ts'
import type { RtmfpChunk } from '../wire/chunk.ts'
import type { IIKeying, RIKeying } from '../wire/keying-chunks.ts'
import { readPacket } from '../wire/packet.ts'
import { PacketAssembler } from '../wire/packet-assembler.ts'
import { readSessionId, SESSION_ID_LENGTH, STARTUP_SESSION_ID } from '../wire/session-id.ts'
import type { FIHello, Redirect, RHello } from '../wire/startup-chunks.ts'
import { type OutDatagram, type Place, StartupPackets, startupChunks } from './datagrams.ts'
import type { SessionFlows } from './flows.ts'
import { NO_SIGNATURE, Opening, readable, STARTUP_MS } from './opening.ts'
import { Responder, type ResponderOptions } from './responder.ts'
import { Session, type SessionEndpoint } from './session.ts'
import { Sessions } from './sessions.ts'

/** The options of an endpoint. */
export interface EndpointOptions extends ResponderOptions, Partial<AgreementOptions> {
  /** A session is open; its flows, if it is to have any. */
  readonly opened?: (session: Session) => SessionFlows | undefined
  /** A session is over: see its `closeReason`. */
  readonly closed?: (session: Session) => void
  /**
   * Something is to be sent, or `nextTimeout` is nearer, by a call other than `input`, `output` and `elapsed`: called at most once until the
   * next `output` or `elapsed`.
   */
  readonly wake?: () => void
  /** What is answered to an IHello that an introducer passes on: nothing, an RHello, or a Redirect to this side. */
  readonly forwardedHellos?: 'ignore' | 'answer' | 'redirect'
  /** Milliseconds of silence until a session sends a Ping; 30,000. */
  readonly keepaliveMs?: number
  /** See Limits: those of sessions, agreements and fragments. */
  readonly limits?: Partial<Limits>
}

/** Answers to a stranger are no longer, all together, than this many times what it sent: its address may be another's. */
const MAX_AMPLIFICATION = 3
/** Long enough that the answer of a server with a static certificate, which has some 1000 bytes, is no amplification. */
const HELLO_LENGTH = 344
/** Datagrams that wait to be sent; answers beyond them are left out. */
const MAX_QUEUED = 1024

/** Bytes that may be sent in answer to a packet of a stranger: once, as each answer costs hashes and encryption. */
interface Budget {
  left: number
}

/**
 * One end of any number of sessions, on one socket (RFC 7016). It has no socket and no clock: it is given datagrams and the time, in ms,
 * and asked for datagrams and the next timeout. What a stranger sends costs no state until its cookie comes back.
 */
export class RtmfpEndpoint {
  readonly #options: EndpointOptions
  readonly #agreement: AgreementOptions
  readonly #responder: Responder
  readonly #startup = new StartupPackets()
  readonly #limits: Limits
  readonly #fragments: PacketAssembler
  readonly #sessions = new Sessions()
  readonly #queue: OutDatagram[] = []
  readonly #awake = new Set<Session>()
  readonly #host: SessionEndpoint
  /** The RIKeying of each session whose peer may not have it yet. */
  readonly #keyings = new WeakMap<Session, Buffer>()
  #timeoutAt = Number.POSITIVE_INFINITY
  #agreements = { second: -1, count: 0 }
  #now = 0
  /** Whether a call is under way behind which `output` and `nextTimeout` are looked at anyway, and whether `wake` was called. */
  #isBusy = false
  #isWoken = false

  constructor(options: EndpointOptions) {
    this.#options = options
    this.#agreement = { terms: options.terms ?? defaultTerms, isStrict: options.isStrict ?? false }
    this.#limits = limitsWith(options.limits)
    this.#fragments = new PacketAssembler({ limits: this.#limits })
    this.#responder = new Responder(options)
    this.#host = {
      secret: randomBytes(32),
      keepaliveMs: options.keepaliveMs ?? 30_000,
      wake: session => {
        this.#awake.add(session)
        this.#expect(session.nextTimeout())
        this.#wake()
      },
      moved: (session, from) => this.#sessions.moved(session, from),
      forwarded: (session, hello) => this.#forwarded(session, hello),
      left: session => this.#sessions.left(session),
      closed: session => {
        this.#sessions.remove(session)
        options.closed?.(session)
      }
    }
  }

  /** Sessions, those that are opening or closing included. */
  get size(): number {
    return this.#sessions.size
  }

  /** Whether a peer is yet to answer this side's Close. */
  get isClosing(): boolean {
    return [...this.#sessions].some(entry => entry instanceof Session && entry.state === 'near close')
  }

  /** Opens a session to whom a discriminator selects, at any of these addresses; one that there is, or is opening, serves. */
  open(discriminator: EndpointDiscriminator, places: readonly Place[], now: number): Opening {
    const wanted = writeDiscriminator(discriminator)
    const found = [...this.#sessions.openings].find(each => writeDiscriminator(each.discriminator).equals(wanted))
    const opening = found ?? this.#newOpening(discriminator, now)
    for (const place of places) opening.try(place, now)
    this.#expect(opening.nextTimeout())
    this.#wake()
    return opening
  }

  #newOpening(discriminator: EndpointDiscriminator, now: number): Opening {
    const { identity } = this.#options
    const opening = new Opening(this.#sessions.newId(), discriminator, identity, this.#agreement, now)
    this.#sessions.add(opening)
    return opening
  }

  /** Takes a datagram; then `output` may have others, and `nextTimeout` may be now. What does not verify leaves no trace. */
  input(datagram: Buffer, from: Place, now: number): void {
    this.#now = now
    this.#isBusy = true
    try {
      const id = readSessionId(datagram)
      if (id !== undefined) this.#input(datagram, id, from, now)
    } finally {
      this.#isBusy = false
    }
  }

  #input(datagram: Buffer, id: number, from: Place, now: number): void {
    const encrypted = datagram.subarray(SESSION_ID_LENGTH)
    const entry = id === STARTUP_SESSION_ID ? undefined : this.#sessions.get(id)
    if (entry instanceof Session) entry.input(encrypted, from, now)
    else if (entry !== undefined || id === STARTUP_SESSION_ID) {
      const chunks = this.#startup.open(encrypted)
      const budget = { left: datagram.length * MAX_AMPLIFICATION }
      if (chunks === undefined) entry?.keepEarly(Buffer.from(encrypted), from)
      for (const chunk of this.#joined(chunks ?? [], `${id} ${addressText(from)}`, now)) {
        if (entry === undefined) this.#stranger(chunk, from, budget, now)
        else this.#keyed(entry, chunk, now)
      }
    }
  }

  /** The chunks of a startup packet, and of one that it has the last fragment of. */
  *#joined(chunks: readonly RtmfpChunk[], source: string, now: number): Generator<RtmfpChunk, void> {
    for (const chunk of chunks) {
      const whole = chunk.kind === 'PacketFragment' ? this.#fragments.add(source, chunk, now) : undefined
      if (whole === undefined) yield chunk
      else yield* startupChunks(readable(() => readPacket(whole)))
    }
  }

  /** The datagrams that are to be sent now: to be taken to the end. */
  *output(now: number): Generator<OutDatagram, void> {
    this.#isWoken = false
    this.#isBusy = true
    try {
      yield* this.#queue.splice(0)
      for (const session of this.#awake) {
        this.#awake.delete(session)
        yield* session.output(now)
        this.#expect(session.nextTimeout())
      }
    } finally {
      this.#isBusy = false
    }
  }

  /** When `elapsed` is to be called, at the latest; Infinity for never. */
  nextTimeout(): number {
    return this.#timeoutAt
  }

  /** Does what has fallen due. To be called at `nextTimeout()`, or more often. */
  elapsed(now: number): void {
    this.#now = now
    this.#isWoken = false
    if (now < this.#timeoutAt) return
    this.#timeoutAt = Number.POSITIVE_INFINITY
    this.#isBusy = true
    try {
      for (const entry of this.#sessions) {
        if (entry.nextTimeout() <= now) this.#due(entry, now)
        this.#expect(entry.nextTimeout())
      }
    } finally {
      this.#isBusy = false
    }
  }

  /** Closes all sessions: see Session.close. Those that are opening are given up. */
  close(now: number, isOrderly = true): void {
    for (const opening of this.#sessions.openings) {
      opening.error = new RtmpError('ERR_RTMP_PREMATURE_CLOSE')
      this.#sessions.remove(opening)
    }
    for (const entry of this.#sessions) if (entry instanceof Session) entry.close(now, isOrderly)
  }

  #due(entry: Session | Opening, now: number): void {
    if (entry instanceof Session) {
      entry.elapsed(now)
      return
    }
    for (const { chunk, to } of entry.due(now)) {
      this.#send(this.#startup.seal(chunk, STARTUP_SESSION_ID, chunk.kind === 'IHello' ? HELLO_LENGTH : 0), to)
    }
    if (entry.isOver) this.#sessions.remove(entry)
  }

  /** A startup packet to session 0: of an initiator, or the answer to one of this side's hellos. */
  #stranger(chunk: RtmfpChunk, from: Place, budget: Budget, now: number): void {
    if (budget.left === 0) return
    const say = (answer: RtmfpChunk, sessionId?: number) => this.#answer(answer, from, budget, sessionId)
    if (chunk.kind === 'IHello') this.#responder.hello(chunk, from, now, say, id => this.#sessions.of(id))
    else if (chunk.kind === 'RHello') this.#helloAnswered(chunk, from, now)
    else if (chunk.kind === 'Redirect') this.#redirected(chunk, from, now)
    else if (chunk.kind === 'IIKeying' && this.#responder.isKnown(chunk, from, now, say)) this.#keying(chunk, from, now)
  }

  #openingOf(tag: Buffer): Opening | undefined {
    return [...this.#sessions.openings].find(opening => opening.tag.equals(tag))
  }

  #redirected({ tagEcho, destinations }: Redirect, from: Place, now: number): void {
    const opening = this.#openingOf(tagEcho)
    for (const { address, port } of destinations.length === 0 ? [from] : destinations)
      opening?.try({ address, port }, now)
    this.#expect(opening?.nextTimeout() ?? Number.POSITIVE_INFINITY)
  }

  #helloAnswered(hello: RHello, from: Place, now: number): void {
    const opening = this.#openingOf(hello.tagEcho)
    const far = opening?.answeredBy(hello)
    if (opening === undefined || far === undefined) return
    const { fingerprint } = far
    const session = this.#sessions.of(fingerprint)
    const isOpening = [...this.#sessions.openings].some(each => each.certificate?.fingerprint.equals(fingerprint))
    if (session !== undefined) this.#settle(opening, session)
    // one to the same peer is further: that session will serve both, once hello is said again
    else if (!isOpening) opening.key(hello, far, from, now)
    if (opening.isOver) this.#sessions.remove(opening)
    this.#expect(opening.nextTimeout())
  }

  /** To the id of an opening session. */
  #keyed(opening: Opening, chunk: RtmfpChunk, now: number): void {
    if (chunk.kind === 'CookieChange') opening.changeCookie(chunk, now)
    else if (chunk.kind === 'RIKeying') this.#keyingAnswered(opening, chunk, now)
    this.#expect(opening.nextTimeout())
  }

  #keyingAnswered(opening: Opening, chunk: RIKeying, now: number): void {
    const agreement = opening.isOver ? undefined : opening.agree(chunk)
    const { nearId, address, certificate } = opening
    if (agreement === undefined || address === undefined || certificate === undefined) return
    const farId = chunk.responderSessionId
    const session = new Session(this.#host, { role: 'initiator', nearId, farId, address, certificate, agreement }, now)
    this.#settle(opening, session)
    this.#opened(session)
    for (const { encrypted, from } of opening.early) session.input(encrypted, from, now)
  }

  /** The cookie of this IIKeying is good; the rest comes in the order of what it costs (RFC 7016, 3.5.1.2). */
  #keying(chunk: IIKeying, from: Place, now: number): void {
    const there = this.#sessions.at(from)
    if (there !== undefined && isRepeated(chunk, there)) {
      this.#sayKeying(there)
      return
    }
    const certificate = readable(() => readCertificate(Buffer.from(chunk.certificate)))
    if (certificate === undefined || (there !== undefined && !overrides(certificate, there.certificate))) return
    const { identity } = this.#options
    const glaring = [...this.#sessions.openings].find(opening => opening.isOpeningTo(from))
    // the keying of an initiator that has lost may also come late, behind the answer to this side's
    const isWon = there?.role === 'initiator' && now < there.openedAt + STARTUP_MS
    if ((glaring !== undefined || isWon) && winsGlare(identity.certificate, certificate)) return
    if (this.#sessions.size >= this.#limits.rtmfpSessions || !this.#mayAgree(now)) return
    const agreement = readable(() => respond(identity, certificate, Buffer.from(chunk.keyComponent), this.#agreement))
    if (agreement === undefined) return
    there?.replace()
    const nearId = this.#sessions.newId()
    const farId = chunk.initiatorSessionId
    const session = new Session(
      this.#host,
      { role: 'responder', nearId, farId, address: from, certificate, agreement },
      now
    )
    const keying: RIKeying = {
      kind: 'RIKeying',
      responderSessionId: nearId,
      keyComponent: agreement.skrc,
      signature: NO_SIGNATURE
    }
    this.#keyings.set(session, this.#startup.seal(keying, farId))
    this.#sayKeying(session)
    this.#opened(session)
    if (glaring?.certificate !== undefined && overrides(certificate, glaring.certificate))
      this.#settle(glaring, session)
  }

  #sayKeying(session: Session): void {
    const keying = this.#keyings.get(session)
    if (session.isHeard) this.#keyings.delete(session)
    else if (keying !== undefined) this.#send(keying, session.address)
  }

  /** An introducer says that an initiator asks for this side. */
  #forwarded(session: Session, { replyAddress, ...hello }: FIHello): void {
    const { forwardedHellos = 'ignore' } = this.#options
    // a peer that has come to this side could have it send to anybody
    if (forwardedHellos === 'ignore' || session.role !== 'initiator') return
    const to = { address: replyAddress.address, port: replyAddress.port }
    const budget = { left: MAX_AMPLIFICATION * HELLO_LENGTH }
    if (forwardedHellos === 'redirect')
      this.#answer({ kind: 'Redirect', tagEcho: hello.tag, destinations: [] }, to, budget)
    else {
      const say = (answer: RtmfpChunk) => this.#answer(answer, to, budget)
      this.#responder.hello({ ...hello, kind: 'IHello' }, to, this.#now, say, () => undefined)
    }
    session.wake()
  }

  #opened(session: Session): void {
    this.#sessions.add(session)
    session.flows = this.#options.opened?.(session)
    session.wake()
  }

  #settle(opening: Opening, session: Session): void {
    opening.session = session
    this.#sessions.remove(opening)
  }

  #mayAgree(now: number): boolean {
    const second = Math.floor(now / 1000)
    const count = second === this.#agreements.second ? this.#agreements.count + 1 : 1
    this.#agreements = { second, count }
    return count <= this.#limits.rtmfpAgreementsPerSecond
  }

  #answer(chunk: RtmfpChunk, to: Place, budget: Budget, sessionId?: number): void {
    const { left } = budget
    budget.left = 0
    const bytes = this.#startup.seal(chunk, sessionId)
    if (bytes.length <= left) this.#send(bytes, to)
  }

  #send(bytes: Buffer, to: Place): void {
    if (this.#queue.length < MAX_QUEUED) this.#queue.push({ bytes, to })
  }

  #expect(timeoutAt: number): void {
    this.#timeoutAt = Math.min(this.#timeoutAt, timeoutAt)
  }

  #wake(): void {
    if (this.#isBusy || this.#isWoken) return
    this.#isWoken = true
    this.#options.wake?.()
  }
}

/** Whether it is the one that has led to a session: its answer was lost. */
const isRepeated = ({ initiatorSessionId, keyComponent }: IIKeying, { role, farId, agreement }: Session): boolean =>
  role === 'responder' && farId === initiatorSessionId && keyComponent.equals(agreement.skic)
