import { randomBytes } from 'node:crypto'
import { RtmpError } from '../../errors.ts'
import { limitsWith } from '../../limits.ts'
import type { EndpointDiscriminator } from '../crypto/endpoint-discriminator.ts'
import { defaultTerms } from '../crypto/terms.ts'
import { addressText } from '../wire/address.ts'
import type { RtmfpChunk } from '../wire/chunk.ts'
import { readSessionId, SESSION_ID_LENGTH, STARTUP_SESSION_ID } from '../wire/session-id.ts'
import type { FIHello } from '../wire/startup-chunks.ts'
import { type OutDatagram, type Place, StartupPackets } from './datagrams.ts'
import type { EndpointOptions } from './endpoint-options.ts'
import { HELLO_LENGTH, Initiator } from './initiator.ts'
import { keyLines } from './key-log.ts'
import type { Opening } from './opening.ts'
import { checkedDatagramBytes } from './path-mtu.ts'
import { PerSecond } from './per-second.ts'
import { Responder } from './responder.ts'
import { Session } from './session.ts'
import type { SessionEndpoint, SessionStart } from './session-start.ts'
import { Sessions } from './sessions.ts'
import type { StartupHost } from './startup-host.ts'

export type { EndpointOptions }

/** Answers to a stranger have at most this many times the bytes that it sent, because its source address may be spoofed. */
const MAX_AMPLIFICATION = 3
/** Datagrams that wait to be sent; further answers are dropped. */
const MAX_QUEUED = 1024
/** Forwarded hellos that are answered per second: the address that one names may not belong to the initiator. */
const MAX_FORWARDED_PER_SECOND = 32

/** Bytes that may be sent in answer to a packet of a stranger. One chunk of it is answered: each costs hashes, encryption, or an agreement. */
interface Budget {
  left: number
}

/**
 * One end of any number of sessions (RFC 7016). It has no socket and no clock: it is given datagrams and the time, in ms, and asked for
 * datagrams and the next timeout. A stranger causes no state until it returns its cookie.
 */
export class RtmfpEndpoint {
  readonly #options: EndpointOptions
  readonly #initiator: Initiator
  readonly #responder: Responder
  readonly #startup: StartupPackets
  readonly #sessions = new Sessions()
  readonly #queue: OutDatagram[] = []
  readonly #awake = new Set<Session>()
  readonly #host: SessionEndpoint<Session>
  readonly #forwards = new PerSecond(MAX_FORWARDED_PER_SECOND)
  #now = 0
  /** Whether a call is in progress after which `output` and `nextTimeout` are read anyway, and whether `wake` was called. */
  #isBusy = false
  #isWoken = false
  /** Sessions that were opened. */
  #count = 0

  constructor(options: EndpointOptions) {
    const { identity, terms = defaultTerms, isStrict = false } = options
    this.#options = options
    const limits = limitsWith(options.limits)
    this.#startup = new StartupPackets(limits)
    this.#host = {
      secret: randomBytes(32),
      keepaliveMs: options.keepaliveMs ?? 30_000,
      quietMs: options.quietMs ?? 1000,
      maxDatagramBytes: checkedDatagramBytes(options.maxDatagramBytes),
      wake: session => {
        this.#awake.add(session)
        this.#sessions.timeouts.expect(session)
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
    const host: StartupHost = {
      identity,
      agreement: { terms, isStrict },
      sessions: this.#sessions,
      begin: (start, now, opening) => this.#begin(start, now, opening),
      send: datagram => this.#send(datagram)
    }
    this.#initiator = new Initiator(host, this.#startup)
    this.#responder = new Responder(options, host, this.#startup, limits)
  }

  /** Sessions, those that are opening or closing included. */
  get size(): number {
    return this.#sessions.size
  }

  /** Whether a peer has not answered this side's Session Close Request yet. */
  get isClosing(): boolean {
    return [...this.#sessions].some(entry => entry instanceof Session && entry.state === 'near close')
  }

  /** Opens a session to the endpoint that a discriminator selects, at any of these addresses. Returns an existing opening if there is one. */
  open(discriminator: EndpointDiscriminator, places: readonly Place[], now: number): Opening {
    const opening = this.#initiator.open(discriminator, places, now)
    this.#wake()
    return opening
  }

  /** Processes a datagram; then `output` may have others, and `nextTimeout` may be now. A datagram that does not verify has no effect. */
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
      for (const chunk of this.#startup.joined(chunks ?? [], `${id} ${addressText(from)}`, now)) {
        if (entry === undefined) this.#stranger(chunk, from, budget, now)
        else this.#initiator.keyed(entry, chunk, now)
      }
    }
  }

  /** The datagrams to send now. The caller iterates to the end. */
  *output(now: number): Generator<OutDatagram, void> {
    this.#isWoken = false
    this.#isBusy = true
    try {
      yield* this.#queue.splice(0)
      for (const session of this.#awake) {
        this.#awake.delete(session)
        yield* session.output(now)
        this.#sessions.timeouts.expect(session)
      }
    } finally {
      this.#isBusy = false
    }
  }

  /** When `elapsed` is to be called, at the latest; Infinity for never. */
  nextTimeout(): number {
    return this.#sessions.timeouts.next
  }

  /** Does what is due. Call it at `nextTimeout()`, or more often. */
  elapsed(now: number): void {
    this.#now = now
    this.#isWoken = false
    this.#isBusy = true
    try {
      for (const entry of this.#sessions.timeouts.take(now)) {
        if (entry.nextTimeout() <= now) this.#due(entry, now)
        this.#sessions.timeouts.expect(entry)
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
    if (entry instanceof Session) entry.elapsed(now)
    else this.#initiator.due(entry, now)
  }

  /** A startup packet to session 0: of an initiator, or the answer to one of this side's hellos. */
  #stranger(chunk: RtmfpChunk, from: Place, budget: Budget, now: number): void {
    if (chunk.kind === 'RHello') this.#initiator.helloAnswered(chunk, from, now)
    else if (chunk.kind === 'Redirect') this.#initiator.redirected(chunk, from, now)
    if (budget.left === 0 || (chunk.kind !== 'IHello' && chunk.kind !== 'IIKeying')) return
    if (this.#options.responds?.(undefined) === false) return
    const say = (answer: RtmfpChunk, sessionId?: number) => this.#answer(answer, from, budget, sessionId)
    if (chunk.kind === 'IHello') this.#responder.hello(chunk, from, now, say)
    else this.#responder.keyed(chunk, from, now, say)
    budget.left = 0
  }

  #forwarded(session: Session, hello: FIHello): void {
    const { forwardedHellos = 'ignore' } = this.#options
    // otherwise a peer that connected to this side could make it send to any address
    if (forwardedHellos === 'ignore' || session.role !== 'initiator' || !this.#forwards.allows(this.#now)) return
    if (this.#options.responds?.(session) === false) return
    const budget = { left: MAX_AMPLIFICATION * HELLO_LENGTH }
    this.#responder.forwarded(hello, this.#now, (answer, to) => this.#answer(answer, to, budget))
    session.wake()
  }

  #begin(start: SessionStart, now: number, opening?: Opening): Session {
    const { keyLog, opened } = this.#options
    const session = new Session(this.#host, start, now)
    if (opening !== undefined) this.#sessions.settle(opening, session)
    this.#sessions.add(session)
    this.#count++
    if (keyLog !== undefined) for (const line of keyLines(this.#count, start)) keyLog(line)
    session.flows = opened?.(session)
    session.wake()
    return session
  }

  #answer(chunk: RtmfpChunk, to: Place, budget: Budget, sessionId?: number): void {
    const bytes = this.#startup.seal(chunk, sessionId)
    if (bytes.length <= budget.left) this.#send({ bytes, to })
  }

  #send(datagram: OutDatagram): void {
    if (this.#queue.length < MAX_QUEUED) this.#queue.push(datagram)
  }

  #wake(): void {
    if (this.#isBusy || this.#isWoken) return
    this.#isWoken = true
    this.#options.wake?.()
  }
}
