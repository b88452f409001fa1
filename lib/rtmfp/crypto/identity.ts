import { DiffieHellman, type DiffieHellmanGroup } from '../../crypto/diffie-hellman.ts'
import { type Certificate, readCertificate, writeCertificate } from './certificate.ts'
import { withoutZeros } from './group-key.ts'
import { profiles } from './profiles.ts'

/** The options of an Identity. */
export interface IdentityOptions {
  /** The groups in which it makes keys, the preferred one first. */
  readonly groups?: readonly DiffieHellmanGroup[]
  /**
   * Whether its certificate is static: it contains one key for each group, which serve all sessions, as clients do it (RFC 7425, 7). Otherwise
   * it is ephemeral: each session has a new key.
   */
  readonly isStatic?: boolean
  /** The host name of the certificate, which discriminators may require. */
  readonly hostname?: string
  /** Whether discriminators may contain a URI for it, as those for servers do. */
  readonly acceptsAncillaryData?: boolean
}

/** The certificate of an endpoint, with its private keys. A client has a new one for each server, so that servers cannot track it. */
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
    if (groups.length === 0) throw new RangeError('groups must not be empty')
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

  /** The key for a session in one of its groups: the key of its static certificate, or a new one. */
  keyIn(group: DiffieHellmanGroup): DiffieHellman {
    return this.#staticKeys.find(key => key.group === group) ?? new DiffieHellman(group)
  }
}
