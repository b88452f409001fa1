import { type EndpointDiscriminator, writeDiscriminator } from '../crypto/endpoint-discriminator.ts'
import type { RtmfpChunk } from '../wire/chunk.ts'
import type { RIKeying } from '../wire/keying-chunks.ts'
import { STARTUP_SESSION_ID } from '../wire/session-id.ts'
import type { Redirect, RHello } from '../wire/startup-chunks.ts'
import type { Place, StartupPackets } from './datagrams.ts'
import { Opening } from './opening.ts'
import type { StartupHost } from './startup-host.ts'

/** Long enough that the answer of a server with a static certificate, some 1000 bytes, is not refused as an amplification. */
export const HELLO_LENGTH = 344

/** Opens sessions as the initiator (RFC 7016, 3.5.1.1). */
export class Initiator {
  readonly #host: StartupHost
  readonly #startup: StartupPackets

  constructor(host: StartupHost, startup: StartupPackets) {
    this.#host = host
    this.#startup = startup
  }

  /** See RtmfpEndpoint.open. */
  open(discriminator: EndpointDiscriminator, places: readonly Place[], now: number): Opening {
    const { sessions } = this.#host
    const wanted = writeDiscriminator(discriminator)
    const found = [...sessions.openings].find(each => writeDiscriminator(each.discriminator).equals(wanted))
    const opening = found ?? this.#newOpening(discriminator, now)
    for (const place of places) opening.try(place, now)
    sessions.timeouts.expect(opening)
    return opening
  }

  #newOpening(discriminator: EndpointDiscriminator, now: number): Opening {
    const { sessions, identity, agreement } = this.#host
    const opening = new Opening(sessions.newId(), discriminator, identity, agreement, now)
    sessions.add(opening)
    return opening
  }

  /** Sends the chunks of an opening that are due, or gives it up. */
  due(opening: Opening, now: number): void {
    for (const { chunk, to } of opening.due(now)) {
      const length = chunk.kind === 'IHello' ? HELLO_LENGTH : 0
      this.#host.send({ bytes: this.#startup.seal(chunk, STARTUP_SESSION_ID, length), to })
    }
    if (opening.isOver) this.#host.sessions.remove(opening)
  }

  redirected({ tagEcho, destinations }: Redirect, from: Place, now: number): void {
    const opening = this.#openingOf(tagEcho)
    if (opening === undefined) return
    for (const { address, port } of destinations.length === 0 ? [from] : destinations)
      opening.try({ address, port }, now)
    this.#host.sessions.timeouts.expect(opening)
  }

  helloAnswered(hello: RHello, from: Place, now: number): void {
    const { sessions } = this.#host
    const opening = this.#openingOf(hello.tagEcho)
    const far = opening?.answeredBy(hello)
    if (opening === undefined || far === undefined) return
    const { fingerprint } = far
    const session = sessions.of(fingerprint)
    const isOpening = [...sessions.openings].some(each => each.certificate?.fingerprint.equals(fingerprint))
    if (session !== undefined) sessions.settle(opening, session)
    // another opening to the same peer is further along: its session serves both once this hello is repeated
    else if (!isOpening) opening.key(hello, far, from, now)
    if (opening.isOver) sessions.remove(opening)
    sessions.timeouts.expect(opening)
  }

  /** A chunk to the session id of an opening. */
  keyed(opening: Opening, chunk: RtmfpChunk, now: number): void {
    if (chunk.kind === 'CookieChange') opening.changeCookie(chunk, now)
    else if (chunk.kind === 'RIKeying') this.#keyingAnswered(opening, chunk, now)
    if (opening.isOver) this.#host.sessions.remove(opening)
    this.#host.sessions.timeouts.expect(opening)
  }

  #keyingAnswered(opening: Opening, chunk: RIKeying, now: number): void {
    const agreement = opening.isOver ? undefined : opening.agree(chunk)
    const { nearId, address, certificate, cookie } = opening
    if (agreement === undefined || address === undefined || certificate === undefined || cookie === undefined) return
    const ids = { nearId, farId: chunk.responderSessionId }
    const start = { role: 'initiator', ...ids, address, certificate, cookie, agreement } as const
    const session = this.#host.begin(start, now, opening)
    for (const { encrypted, from } of opening.early) session.input(encrypted, from, now)
  }

  #openingOf(tag: Buffer): Opening | undefined {
    return [...this.#host.sessions.openings].find(opening => opening.tag.equals(tag))
  }
}
