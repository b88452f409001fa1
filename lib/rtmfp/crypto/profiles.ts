import type { DiffieHellmanGroup } from '../../crypto/diffie-hellman.ts'
import { type AgreementOptions, defaultTerms, Term } from './terms.ts'

/** What an end has and wants of its sessions: options of an Identity, and of an endpoint. */
export interface Profile extends AgreementOptions {
  /** The groups that it makes keys in, that preferred first. */
  readonly groups: readonly DiffieHellmanGroup[]
}

const { Requests, SendsOnRequest, SendsAlways } = Term
const always = Requests | SendsOnRequest | SendsAlways

/**
 * Profiles by who the peers are. Group 14 is enough: an agreement in it takes a millisecond, in which nothing else is done, and one in group
 * 16, which an initiator may choose where it is offered, four.
 */
export const profiles: Readonly<Record<'default' | 'strict' | 'legacy', Profile>> = {
  /** All of them, as far as that is possible: HMACs and session sequence numbers where the peer knows them. */
  default: { groups: [14, 2], terms: defaultTerms, isStrict: false },
  /** Those of today: no session without HMACs and session sequence numbers both ways, nor by the 1024 bits of group 2. */
  strict: { groups: [14, 16], terms: { hmac: always, hmacLength: 16, sequence: always }, isStrict: true },
  /**
   * Programs of Flash's time, for an initiator whose Identity is static: MonaServer takes the key from the certificate, where it reads one of
   * group 2 and no other, and knows neither HMACs nor session sequence numbers.
   */
  legacy: {
    groups: [2],
    terms: { hmac: SendsOnRequest, hmacLength: 16, sequence: SendsOnRequest },
    isStrict: false
  }
}
