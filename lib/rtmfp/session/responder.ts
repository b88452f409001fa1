import { Cookies } from '../crypto/cookies.ts'
import { type EndpointDiscriminator, readDiscriminator, selects } from '../crypto/endpoint-discriminator.ts'
import type { Identity } from '../crypto/identity.ts'
import { type Address, AddressOrigin, addressText } from '../wire/address.ts'
import type { RtmfpChunk } from '../wire/chunk.ts'
import type { IIKeying } from '../wire/keying-chunks.ts'
import type { IHello } from '../wire/startup-chunks.ts'
import type { Place } from './datagrams.ts'
import { readable } from './opening.ts'
import type { Session } from './session.ts'

/** What a responder is told of. */
export interface ResponderOptions {
  readonly identity: Identity
  /** Where an initiator is to try instead: then it is redirected (RFC 7016, 3.5.1.4). */
  readonly redirect?: ((discriminator: EndpointDiscriminator, from: Place) => readonly Place[] | undefined) | undefined
  /** Whether initiators that ask for the peer of an open session are introduced to it (RFC 7016, 3.5.1.5). */
  readonly introduces?: boolean
}

/** A longer tag is not answered: an initiator needs few bytes to know the answer by. */
const MAX_TAG_LENGTH = 256

/** Says a chunk to an opening session, or, with id 0, to whoever is there. */
export type Say = (chunk: RtmfpChunk, sessionId?: number) => void

/** Answers to initiators that are strangers yet (RFC 7016, 3.5.1.2). It holds no state of them. */
export class Responder {
  readonly #options: ResponderOptions
  readonly #cookies = new Cookies()

  constructor(options: ResponderOptions) {
    this.#options = options
  }

  /** Answers an IHello, or passes it on to whom it is for, if that is the peer of a session that `sessionOf` finds. */
  hello(
    chunk: IHello,
    from: Place,
    now: number,
    say: Say,
    sessionOf: (fingerprint: Buffer) => Session | undefined
  ): void {
    if (chunk.tag.length > MAX_TAG_LENGTH) return
    const discriminator = readable(() => readDiscriminator(chunk.endpointDiscriminator))
    if (discriminator === undefined) return
    const { identity, redirect, introduces = false } = this.#options
    const { certificate } = identity
    if (selects(discriminator, certificate)) {
      const elsewhere = redirect?.(discriminator, from)
      if (elsewhere !== undefined) say(redirectOf(chunk.tag, elsewhere, AddressOrigin.Other))
      else {
        const cookie = this.#cookies.make(addressText(from), now)
        say({ kind: 'RHello', tagEcho: chunk.tag, cookie, certificate: certificate.bytes })
      }
    } else if (introduces && discriminator.fingerprint !== undefined) {
      const session = sessionOf(discriminator.fingerprint)
      if (session === undefined) return
      const { kind: _, destinations, ...rest } = redirectOf(chunk.tag, [session.address], AddressOrigin.Observed)
      say({ kind: 'Redirect', ...rest, destinations: [...destinations, ...session.reportedAddresses] })
      session.forward({ ...chunk, kind: 'FIHello', replyAddress: { ...from, origin: AddressOrigin.Observed } })
    }
  }

  /** Whether the sender of an IIKeying has been seen at its address; a cookie that was made for another is changed. */
  isKnown({ cookieEcho, initiatorSessionId }: IIKeying, from: Place, now: number, say: Say): boolean {
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
