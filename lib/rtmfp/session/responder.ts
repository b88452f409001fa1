import type { Limits } from '../../limits.ts'
import { overrides, readCertificate, winsGlare } from '../crypto/certificate.ts'
import { Cookies } from '../crypto/cookies.ts'
import { type EndpointDiscriminator, readDiscriminator, selects } from '../crypto/endpoint-discriminator.ts'
import { respond } from '../crypto/key-agreement.ts'
import { type Address, AddressOrigin, addressText } from '../wire/address.ts'
import type { RtmfpChunk } from '../wire/chunk.ts'
import type { IIKeying, RIKeying } from '../wire/keying-chunks.ts'
import type { FIHello, IHello } from '../wire/startup-chunks.ts'
import { type Place, readable, type StartupPackets } from './datagrams.ts'
import { NO_SIGNATURE, STARTUP_MS } from './opening.ts'
import { PerSecond } from './per-second.ts'
import type { Session } from './session.ts'
import type { Say, StartupHost } from './startup-host.ts'

/** The options of a Responder. */
export interface ResponderOptions {
  /** Whether initiators are answered now; they are without this function. `introducer` is the session that a forwarded hello came from. */
  readonly responds?: ((introducer: Session | undefined) => boolean) | undefined
  /** The addresses that an initiator is redirected to (RFC 7016, 3.5.1.4); undefined to answer it here. */
  readonly redirect?: ((discriminator: EndpointDiscriminator, from: Place) => readonly Place[] | undefined) | undefined
  /**
   * Whether an initiator is introduced to the peer of the session `asked` (RFC 7016, 3.5.1.5). `asker` is the initiator's own open session,
   * if it has one. Without this function no initiator is introduced.
   */
  readonly introduces?: ((asker: Session | undefined, asked: Session) => boolean) | undefined
  /** What is answered to an IHello that an introducer passes on: nothing, an RHello, or a Redirect to this side. */
  readonly forwardedHellos?: 'ignore' | 'answer' | 'redirect'
}

/** A hello with a longer tag is not answered: an initiator needs few bytes to recognize the answer. */
const MAX_TAG_LENGTH = 256

/** Answers initiators (RFC 7016, 3.5.1.2). A stranger causes no state until it returns its cookie. */
export class Responder {
  readonly #options: ResponderOptions
  readonly #host: StartupHost
  readonly #startup: StartupPackets
  readonly #limits: Limits
  readonly #cookies = new Cookies()
  /** The RIKeying of each session whose peer may not have it yet. */
  readonly #keyings = new WeakMap<Session, Buffer>()
  readonly #agreements: PerSecond

  constructor(options: ResponderOptions, host: StartupHost, startup: StartupPackets, limits: Limits) {
    this.#options = options
    this.#host = host
    this.#startup = startup
    this.#limits = limits
    this.#agreements = new PerSecond(limits.rtmfpAgreementsPerSecond)
  }

  /** Answers an IHello, or forwards it to the peer that it selects. */
  hello(chunk: IHello, from: Place, now: number, say: Say): void {
    if (chunk.tag.length > MAX_TAG_LENGTH) return
    const discriminator = readable(() => readDiscriminator(chunk.endpointDiscriminator))
    if (discriminator === undefined) return
    const { redirect, introduces } = this.#options
    if (selects(discriminator, this.#host.identity.certificate)) {
      const elsewhere = redirect?.(discriminator, from)
      if (elsewhere === undefined) this.#sayHello(chunk, from, now, say)
      else say(redirectOf(chunk.tag, elsewhere, AddressOrigin.Other))
    } else if (introduces !== undefined && discriminator.fingerprint !== undefined) {
      const { sessions } = this.#host
      const session = sessions.of(discriminator.fingerprint)
      if (session === undefined || !introduces(sessions.at(from), session)) return
      const { destinations, ...rest } = redirectOf(chunk.tag, [session.address], AddressOrigin.Observed)
      say({ ...rest, destinations: [...destinations, ...session.reportedAddresses] })
      session.forward({ ...chunk, kind: 'FIHello', replyAddress: { ...from, origin: AddressOrigin.Observed } })
    }
  }

  /** An introducer forwards the hello of an initiator that asks for this side. */
  forwarded({ replyAddress, ...hello }: FIHello, now: number, say: (chunk: RtmfpChunk, to: Place) => void): void {
    if (hello.tag.length > MAX_TAG_LENGTH) return
    const to = { address: replyAddress.address, port: replyAddress.port }
    if (this.#options.forwardedHellos === 'redirect')
      say({ kind: 'Redirect', tagEcho: hello.tag, destinations: [] }, to)
    else {
      const discriminator = readable(() => readDiscriminator(hello.endpointDiscriminator))
      if (discriminator === undefined || !selects(discriminator, this.#host.identity.certificate)) return
      this.#sayHello({ ...hello, kind: 'IHello' }, to, now, chunk => say(chunk, to))
    }
  }

  #sayHello({ tag }: IHello, to: Place, now: number, say: Say): void {
    const cookie = this.#cookies.make(addressText(to), now)
    say({ kind: 'RHello', tagEcho: tag, cookie, certificate: this.#host.identity.certificate.bytes })
  }

  /** Processes an IIKeying; the cheapest checks come first (RFC 7016, 3.5.1.2). */
  keyed(chunk: IIKeying, from: Place, now: number, say: Say): void {
    if (!this.#isKnown(chunk, from, now, say)) return
    const { sessions, identity, agreement: options } = this.#host
    const there = sessions.at(from)
    if (there !== undefined && isRepeated(chunk, there)) {
      this.#sayKeying(there)
      return
    }
    const certificate = readable(() => readCertificate(Buffer.from(chunk.certificate)))
    if (certificate === undefined) return
    // RFC 7016 ignores it; but a NAT may give the address of a client that is gone to another, which would have to wait for minutes
    if (there !== undefined && !overrides(certificate, there.certificate) && !there.isGone(now)) return
    const glaring = [...sessions.openings].find(opening => opening.isOpeningTo(from))
    // the IIKeying of an initiator that has lost may also arrive after the answer to this side's
    const isWon = there?.role === 'initiator' && now < there.openedAt + STARTUP_MS
    if ((glaring !== undefined || isWon) && winsGlare(identity.certificate, certificate)) return
    if (sessions.size >= this.#limits.rtmfpSessions || !this.#agreements.allows(now)) return
    const agreement = readable(() => respond(identity, certificate, Buffer.from(chunk.keyComponent), options))
    if (agreement === undefined) return
    there?.replace()
    const ids = { nearId: sessions.newId(), farId: chunk.initiatorSessionId }
    const isSettled = glaring?.certificate !== undefined && overrides(certificate, glaring.certificate)
    // a copy, as the chunk is a view of a datagram
    const cookie = Buffer.from(chunk.cookieEcho)
    const start = { role: 'responder', ...ids, address: from, certificate, cookie, agreement } as const
    const session = this.#host.begin(start, now, isSettled ? glaring : undefined)
    const keying: RIKeying = {
      kind: 'RIKeying',
      responderSessionId: ids.nearId,
      keyComponent: agreement.skrc,
      signature: NO_SIGNATURE
    }
    this.#keyings.set(session, this.#startup.seal(keying, ids.farId))
    this.#sayKeying(session)
  }

  #sayKeying(session: Session): void {
    const bytes = this.#keyings.get(session)
    if (session.isHeard) this.#keyings.delete(session)
    else if (bytes !== undefined) this.#host.send({ bytes, to: session.address })
  }

  /** Whether the cookie proves that the sender of an IIKeying is at its address. A cookie that was made for another address is changed. */
  #isKnown({ cookieEcho, initiatorSessionId }: IIKeying, from: Place, now: number, say: Say): boolean {
    const address = addressText(from)
    const check = this.#cookies.check(cookieEcho, address, now)
    if (check === 'other address') {
      const newCookie = this.#cookies.make(address, now)
      say({ kind: 'CookieChange', oldCookie: cookieEcho, newCookie }, initiatorSessionId)
    }
    return check === 'good'
  }
}

const redirectOf = (tagEcho: Buffer, places: readonly Place[], origin: Address['origin']) => ({
  kind: 'Redirect' as const,
  tagEcho,
  destinations: places.map(({ address, port }) => ({ address, port, origin }))
})

/** Whether it repeats the IIKeying that led to a session, because the answer was lost. */
const isRepeated = ({ initiatorSessionId, keyComponent }: IIKeying, { role, farId, agreement }: Session): boolean =>
  role === 'responder' && farId === initiatorSessionId && keyComponent.equals(agreement.skic)
