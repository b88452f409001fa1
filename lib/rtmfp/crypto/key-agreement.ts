import { randomBytes } from 'node:crypto'
import type { DiffieHellman, DiffieHellmanGroup } from '../../crypto/diffie-hellman.ts'
import { ProtocolError } from '../../errors.ts'
import type { Certificate } from './certificate.ts'
import { isAcceptable, withoutZeros } from './group-key.ts'
import type { Identity } from './identity.ts'
import { type KeyComponent, readKeyComponent, writeKeyComponent } from './key-component.ts'
import type { PacketProtection } from './packet-protection.ts'
import { type EndKeys, sessionKeys } from './session-keys.ts'
import { type AgreedTerms, type AgreementOptions, agreedTerms, type Terms } from './terms.ts'

/** The result of the key agreement of a session (RFC 7425, 4.6): what its packets need, and what a key file contains. */
export interface KeyAgreement {
  readonly group: number
  /** The Diffie-Hellman shared secret, without leading zeros. */
  readonly secret: Buffer
  readonly skic: Buffer
  readonly skrc: Buffer
  readonly initiator: AgreedEnd
  readonly responder: AgreedEnd
}

/** The protection of the packets of one end. */
export interface AgreedEnd {
  readonly protection: PacketProtection
  readonly nonce: Buffer
}

/** A block of SHA-256 (RFC 7425, 4.5.2.2 allows 16 to 64). */
const RANDOMNESS_LENGTH = 64

/** The initiator's half of an agreement. */
export class Initiation {
  readonly #far: Certificate
  readonly #options: AgreementOptions
  readonly #key: DiffieHellman
  /** The SKIC. */
  readonly component: Buffer

  /** @throws ProtocolError `ERR_RTMP_RTMFP_KEYING` if the responder has none of the identity's groups. */
  constructor(near: Identity, far: Certificate, options: AgreementOptions) {
    this.#far = far
    this.#options = options
    this.#key = chosenKey(near, far)
    const { group } = this.#key
    const own = ownPart(near, this.#key)
    const selectedGroup = near.isStatic ? group : undefined
    this.component = writeKeyComponent({ ...own, selectedGroup, terms: options.terms })
  }

  /**
   * Completes the agreement with the responder's component, the SKRC.
   * @throws ProtocolError `ERR_RTMP_RTMFP_KEYING`, `ERR_RTMP_VLU`, `ERR_RTMP_TRUNCATED`.
   */
  agree(skrc: Buffer): KeyAgreement {
    const component = readKeyComponent(skrc)
    const terms = settledTerms(this.#options, component.terms)
    const publicKey = publicKeyOf(this.#far, component, this.#key.group)
    return agreement(this.#key, publicKey, [this.component, skrc], [terms.near, terms.far])
  }
}

/**
 * The responder's half: the agreement with the initiator's component, the SKIC. Everything else is checked before the Diffie-Hellman
 * computation, which takes a millisecond or two.
 * @throws ProtocolError `ERR_RTMP_RTMFP_KEYING`, `ERR_RTMP_VLU`, `ERR_RTMP_TRUNCATED`.
 */
export function respond(near: Identity, far: Certificate, skic: Buffer, options: AgreementOptions): KeyAgreement {
  const component = readKeyComponent(skic)
  const terms = settledTerms(options, component.terms)
  const group = far.staticKeys.length > 0 ? component.selectedGroup : component.ephemeralKey?.group
  const own = near.groups.find(each => each === group)
  if (own === undefined) throw refused('initiator chose a group that the responder does not offer')
  const publicKey = publicKeyOf(far, component, own)
  const key = near.keyIn(own)
  const skrc = writeKeyComponent({ ...ownPart(near, key), terms: options.terms })
  return agreement(key, publicKey, [skic, skrc], [terms.far, terms.near])
}

/** The key in the first of its own groups that the other end has too. */
function chosenKey(near: Identity, far: Certificate): DiffieHellman {
  const groups = [...far.ephemeralGroups, ...far.staticKeys.map(({ group }) => group)]
  const group = near.groups.find(each => groups.includes(each))
  if (group === undefined) throw refused('responder offers no group of the initiator')
  return near.keyIn(group)
}

/** The key fields in the component of an end: a new key, or random bytes if the certificate contains its key. */
const ownPart = (near: Identity, { group, publicKey }: DiffieHellman): Omit<KeyComponent, 'terms'> =>
  near.isStatic
    ? { randomness: randomBytes(RANDOMNESS_LENGTH) }
    : { ephemeralKey: { group, publicKey: withoutZeros(publicKey) } }

/** The public key of the other end in a group, from its certificate if that is static (RFC 7425, 4.6.1). */
function publicKeyOf(far: Certificate, { ephemeralKey }: KeyComponent, group: DiffieHellmanGroup): Buffer {
  const keys = far.staticKeys.length > 0 ? far.staticKeys : ephemeralKey === undefined ? [] : [ephemeralKey]
  const key = keys.find(each => each.group === group)
  if (key === undefined) throw refused('no public key in the chosen group')
  if (!isAcceptable(key.publicKey, group)) throw refused('weak public key')
  return key.publicKey
}

function settledTerms(
  { terms, isStrict = false }: AgreementOptions,
  others: Terms
): Record<'near' | 'far', AgreedTerms> {
  const [near, far] = [agreedTerms(terms, others), agreedTerms(others, terms)]
  if (isStrict && (far.hmacLength === 0 || !far.isSequenced))
    throw refused('peer would send packets without HMACs or session sequence numbers')
  return { near, far }
}

function agreement(
  key: DiffieHellman,
  publicKey: Buffer,
  [skic, skrc]: readonly [Buffer, Buffer],
  [initiatorTerms, responderTerms]: readonly [AgreedTerms, AgreedTerms]
): KeyAgreement {
  const secret = key.secret(publicKey)
  if (secret === undefined) throw refused('public key is not valid in its group')
  const stripped = withoutZeros(secret)
  const { initiator, responder } = sessionKeys(stripped, skic, skrc)
  const end = ({ nonce, ...keys }: EndKeys, terms: AgreedTerms) => ({ protection: { ...keys, ...terms }, nonce })
  return {
    group: key.group,
    secret: stripped,
    skic,
    skrc,
    initiator: end(initiator, initiatorTerms),
    responder: end(responder, responderTerms)
  }
}

const refused = (detail: string) => new ProtocolError('ERR_RTMP_RTMFP_KEYING', { layer: 'rtmfp', detail })
