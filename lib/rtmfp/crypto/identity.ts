import { DiffieHellman, type DiffieHellmanGroup } from '../../crypto/diffie-hellman.ts'
import { type Certificate, readCertificate, writeCertificate } from './certificate.ts'
import { withoutZeros } from './group-key.ts'
import { profiles } from './profiles.ts'

/** The options of an Identity. */
export interface IdentityOptions {
  /** The groups it makes keys in, that preferred first. */
  readonly groups?: readonly DiffieHellmanGroup[]
  /**
   * Whether its keys, one a group, are of its certificate and last as long as it does: so clients have them (RFC 7425, 7). Otherwise it
   * makes a key for each session.
   */
  readonly isStatic?: boolean
  /** A name that discriminators may require. */
  readonly hostname?: string
  /** Whether discriminators may tell it a URI: so servers have it. */
  readonly acceptsAncillaryData?: boolean
}

/** An endpoint's certificate with its private keys. Clients take a new one for every server, by which they cannot be told. */
export class Identity {
  readonly certificate: Certificate
  readonly groups: readonly DiffieHellmanGroup[]
  readonly #staticKeys: readonly DiffieHellman[]

  constructor({
    groups = profiles.default.groups,
    isStatic = false,
    hostname,
    acceptsAncillaryData = false
  }: IdentityOptions = {}) {
    if (groups.length === 0) throw new RangeError('an identity needs a group')
    this.groups = groups
    this.#staticKeys = isStatic ? groups.map(group => new DiffieHellman(group)) : []
    const bytes = writeCertificate({
      hostname: hostname === undefined ? undefined : Buffer.from(hostname),
      acceptsAncillaryData,
      ephemeralGroups: isStatic ? [] : groups,
      staticKeys: this.#staticKeys.map(({ group, publicKey }) => ({ group, publicKey: withoutZeros(publicKey) }))
    })
    this.certificate = readCertificate(bytes)
  }

  get isStatic(): boolean {
    return this.#staticKeys.length > 0
  }

  /** The key of a session in one of its groups: that of its certificate, or a new one. */
  keyIn(group: DiffieHellmanGroup): DiffieHellman {
    return this.#staticKeys.find(key => key.group === group) ?? new DiffieHellman(group)
  }
}
