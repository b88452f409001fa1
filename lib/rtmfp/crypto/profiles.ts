import type { DiffieHellmanGroup } from '../../crypto/diffie-hellman.ts'
import { type AgreementOptions, defaultTerms, Term } from './terms.ts'

/** The options of an Identity and of an endpoint that belong together. */
export interface Profile extends AgreementOptions {
  /** The groups in which it makes keys, the preferred one first. */
  readonly groups: readonly DiffieHellmanGroup[]
}

const { Requests, SendsOnRequest, SendsAlways } = Term
const always = Requests | SendsOnRequest | SendsAlways

/**
 * Profiles for kinds of peers. Group 14 is enough: an agreement in it blocks the process for a millisecond. One in group 16, which an
 * initiator may choose where it is offered, takes four.
 */
export const profiles: Readonly<Record<'default' | 'strict' | 'legacy', Profile>> = {
  /** For all peers: HMACs and session sequence numbers are used if the peer supports them. */
  default: { groups: [14, 2], terms: defaultTerms, isStrict: false },
  /** For current peers: HMACs and session sequence numbers are required in both directions, and the 1024 bits of group 2 are refused. */
  strict: { groups: [14, 16], terms: { hmac: always, hmacLength: 16, sequence: always }, isStrict: true },
  /**
   * For servers of Flash's time, with a static Identity: MonaServer reads the initiator's key from the certificate, only in group 2, and
   * supports neither HMACs nor session sequence numbers.
   */
  legacy: {
    groups: [2],
    terms: { hmac: SendsOnRequest, hmacLength: 16, sequence: SendsOnRequest },
    isStrict: false
  }
}
