import { randomBytes } from 'node:crypto'
import { addressText } from '../wire/address.ts'
import { STARTUP_SESSION_ID } from '../wire/session-id.ts'
import type { Place } from './datagrams.ts'
import { Opening } from './opening.ts'
import type { Session } from './session.ts'
import { Timeouts } from './timeouts.ts'

/** The sessions of an endpoint, those that are opening included. */
export class Sessions {
  /** By the session id in packets to this end. */
  readonly #byId = new Map<number, Session | Opening>()
  readonly #openings = new Set<Opening>()
  readonly timeouts: Timeouts<Session | Opening> = new Timeouts()
  /** Open sessions, by the address and by the fingerprint of the peer. */
  readonly #byAddress = new Map<string, Session>()
  readonly #byFingerprint = new Map<string, Session>()

  get size(): number {
    return this.#byId.size
  }

  get openings(): ReadonlySet<Opening> {
    return this.#openings
  }

  [Symbol.iterator](): Iterator<Session | Opening> {
    return [...this.#byId.values()][Symbol.iterator]()
  }

  get(id: number): Session | Opening | undefined {
    return this.#byId.get(id)
  }

  at(place: Place): Session | undefined {
    return this.#byAddress.get(addressText(place))
  }

  of(fingerprint: Buffer): Session | undefined {
    return this.#byFingerprint.get(nameOf(fingerprint))
  }

  /** A random id: packets of a sender that cannot guess it are dropped before they are decrypted. */
  newId(): number {
    const id = randomBytes(4).readUInt32BE()
    return id === STARTUP_SESSION_ID || this.#byId.has(id) ? this.newId() : id
  }

  /** Adds an opening, or an open session, which keeps the id of its opening. */
  add(entry: Session | Opening): void {
    this.#byId.set(entry.nearId, entry)
    if (entry instanceof Opening) this.#openings.add(entry)
    else {
      this.#byAddress.set(addressText(entry.address), entry)
      this.#byFingerprint.set(nameOf(entry.certificate.fingerprint), entry)
    }
  }

  moved(session: Session, from: Place): void {
    forget(this.#byAddress, addressText(from), session)
    this.#byAddress.set(addressText(session.address), session)
  }

  /** It is no longer open: packets still reach it, but its peer may open another. */
  left(session: Session): void {
    forget(this.#byAddress, addressText(session.address), session)
    forget(this.#byFingerprint, nameOf(session.certificate.fingerprint), session)
  }

  /** An opening has led to a session. */
  settle(opening: Opening, session: Session): void {
    opening.session = session
    this.remove(opening)
  }

  remove(entry: Session | Opening): void {
    forget(this.#byId, entry.nearId, entry)
    this.timeouts.delete(entry)
    if (entry instanceof Opening) this.#openings.delete(entry)
  }
}

function forget<Key, Value>(map: Map<Key, Value>, key: Key, value: Value): void {
  if (map.get(key) === value) map.delete(key)
}

const nameOf = (fingerprint: Buffer): string => fingerprint.toString('base64')
