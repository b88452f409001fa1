import { randomBytes } from 'node:crypto'
import { ProtocolError, RtmpError } from '../../errors.ts'
import { type Certificate, readCertificate } from '../crypto/certificate.ts'
import { type EndpointDiscriminator, selects, writeDiscriminator } from '../crypto/endpoint-discriminator.ts'
import type { Identity } from '../crypto/identity.ts'
import { Initiation, type KeyAgreement } from '../crypto/key-agreement.ts'
import type { AgreementOptions } from '../crypto/terms.ts'
import { addressText } from '../wire/address.ts'
import type { RtmfpChunk } from '../wire/chunk.ts'
import type { IIKeying, RIKeying } from '../wire/keying-chunks.ts'
import type { CookieChange, RHello } from '../wire/startup-chunks.ts'
import { type Place, readable } from './datagrams.ts'
import type { Session } from './session.ts'

const TAG_LENGTH = 16
/** The first repetition, and how much later each is than the one before (RFC 7016, 3.5.1.1.1). */
const FIRST_INTERVAL_MS = 1000
const INTERVAL_GROWTH_MS = 1500
/** Milliseconds after which an initiator gives up. A cookie is valid for as long. */
export const STARTUP_MS: number = 95_000
/** The most addresses that are tried, those from redirects included (RFC 7016, 3.5.1.4). */
const MAX_ADDRESSES = 24
/** A longer cookie is ignored: those of known programs have 64 or 65 bytes. */
const MAX_COOKIE_LENGTH = 1024
/** Packets of the session that are kept when they arrive before the RIKeying. */
const MAX_EARLY = 16

/** When an IHello or an IIKeying is sent again. */
class Repetition {
  #nextAt: number
  #interval = FIRST_INTERVAL_MS
  readonly to: Place

  constructor(to: Place, now: number) {
    this.to = to
    this.#nextAt = now
  }

  get nextAt(): number {
    return this.#nextAt
  }

  isDue(now: number): boolean {
    if (now < this.#nextAt) return false
    this.#nextAt = now + this.#interval
    this.#interval += INTERVAL_GROWTH_MS
    return true
  }
}

/** A session that this side initiates, until it is open (RFC 7016, 3.5.1.1). */
export class Opening {
  readonly discriminator: EndpointDiscriminator
  readonly tag: Buffer = randomBytes(TAG_LENGTH)
  /** The session id in packets to this end. */
  readonly nearId: number
  readonly endAt: number
  /** The session that it led to: a new one, or an existing one to the same peer. */
  session: Session | undefined
  /** Why it failed. */
  error: RtmpError | undefined
  /** Packets of the session that arrived before its keys were known. */
  readonly early: { readonly encrypted: Buffer; readonly from: Place }[] = []
  readonly #identity: Identity
  readonly #options: AgreementOptions
  readonly #hello: RtmfpChunk
  readonly #addresses = new Map<string, Repetition>()
  #keying: { initiation: Initiation; chunk: IIKeying; repetition: Repetition; mayChange: boolean } | undefined
  #certificate: Certificate | undefined

  constructor(
    nearId: number,
    discriminator: EndpointDiscriminator,
    identity: Identity,
    options: AgreementOptions,
    now: number
  ) {
    this.nearId = nearId
    this.discriminator = discriminator
    this.#identity = identity
    this.#options = options
    this.endAt = now + STARTUP_MS
    const endpointDiscriminator = writeDiscriminator(discriminator)
    this.#hello = { kind: 'IHello', endpointDiscriminator, tag: this.tag }
  }

  get isOver(): boolean {
    return this.session !== undefined || this.error !== undefined
  }

  /** The certificate of the responder, once it has answered. */
  get certificate(): Certificate | undefined {
    return this.#certificate
  }

  /** The address that the IIKeying is sent to, once a responder has answered. */
  get address(): Place | undefined {
    return this.#keying?.repetition.to
  }

  /** The cookie in the IIKeying, once a responder has answered. */
  get cookie(): Buffer | undefined {
    return this.#keying?.chunk.cookieEcho
  }

  /** Sends the IHello to a further address, unless there are enough, or a responder has answered. */
  try(place: Place, now: number): void {
    const key = addressText(place)
    if (this.#keying !== undefined || this.#addresses.size >= MAX_ADDRESSES || this.#addresses.has(key)) return
    this.#addresses.set(key, new Repetition(place, now))
  }

  isOpeningTo(place: Place): boolean {
    const key = addressText(place)
    return this.#keying === undefined ? this.#addresses.has(key) : addressText(this.#keying.repetition.to) === key
  }

  nextTimeout(): number {
    if (this.isOver) return Number.POSITIVE_INFINITY
    const repetitions = this.#keying === undefined ? [...this.#addresses.values()] : [this.#keying.repetition]
    return Math.min(this.endAt, ...repetitions.map(({ nextAt }) => nextAt))
  }

  /** The chunks to send now, or again. */
  *due(now: number): Generator<{ chunk: RtmfpChunk; to: Place }, void> {
    if (this.isOver) return
    const keying = this.#keying
    if (now >= this.endAt) this.error = new RtmpError('ERR_RTMP_RTMFP_TIMEOUT')
    else if (keying !== undefined) {
      if (keying.repetition.isDue(now)) yield { chunk: keying.chunk, to: keying.repetition.to }
    } else {
      for (const repetition of this.#addresses.values())
        if (repetition.isDue(now)) yield { chunk: this.#hello, to: repetition.to }
    }
  }

  /** The certificate of an RHello; undefined if the discriminator does not select it, or if it came too late. */
  answeredBy({ cookie, certificate }: RHello): Certificate | undefined {
    if (this.#keying !== undefined || this.isOver || cookie.length > MAX_COOKIE_LENGTH) return undefined
    const far = readable(() => readCertificate(certificate))
    return far !== undefined && selects(this.discriminator, far) ? far : undefined
  }

  /** Sends the IIKeying to the first responder that has answered. */
  key(hello: RHello, far: Certificate, from: Place, now: number): void {
    let initiation: Initiation
    try {
      initiation = new Initiation(this.#identity, far, this.#options)
    } catch (error) {
      this.error = error as RtmpError
      return
    }
    this.#certificate = far
    const chunk: IIKeying = {
      kind: 'IIKeying',
      initiatorSessionId: this.nearId,
      cookieEcho: hello.cookie,
      certificate: this.#identity.certificate.bytes,
      keyComponent: initiation.component,
      signature: NO_SIGNATURE
    }
    this.#keying = { initiation, chunk, repetition: new Repetition(from, now), mayChange: true }
  }

  /** Uses a new cookie, once: the responder saw this side at another address than the old cookie was made for. */
  changeCookie({ oldCookie, newCookie }: CookieChange, now: number): void {
    const keying = this.#keying
    if (!keying?.mayChange || !oldCookie.equals(keying.chunk.cookieEcho)) return
    if (newCookie.length > MAX_COOKIE_LENGTH) return
    const chunk = { ...keying.chunk, cookieEcho: newCookie }
    this.#keying = { ...keying, chunk, repetition: new Repetition(keying.repetition.to, now), mayChange: false }
  }

  /** The agreement with the responder; undefined if the two have no terms in common. That ends it: further answers would be the same. */
  agree({ keyComponent }: RIKeying): KeyAgreement | undefined {
    try {
      return this.#keying?.initiation.agree(keyComponent)
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error
      this.error = error
      return undefined
    }
  }

  keepEarly(encrypted: Buffer, from: Place): void {
    if (this.#keying !== undefined && this.early.length < MAX_EARLY) this.early.push({ encrypted, from })
  }
}

/** "X": nothing is signed (RFC 7425, 4.3.5). */
export const NO_SIGNATURE: Buffer = Buffer.from('X')
