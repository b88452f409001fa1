import type { Certificate } from '../crypto/certificate.ts'
import type { KeyAgreement } from '../crypto/key-agreement.ts'
import type { FIHello } from '../wire/startup-chunks.ts'
import type { Place } from './datagrams.ts'

/** What a session is told of at its start. */
export interface SessionStart {
  readonly role: 'initiator' | 'responder'
  /** In packets to this end, and in those to the other. */
  readonly nearId: number
  readonly farId: number
  readonly address: Place
  /** Of the other end. */
  readonly certificate: Certificate
  readonly agreement: KeyAgreement
  /** By which the responder knew the initiator. */
  readonly cookie: Buffer
}

/** What a session needs of its endpoint. */
export interface SessionEndpoint<Session> {
  /** By which it knows its own mobility checks. */
  readonly secret: Buffer
  /** Milliseconds of silence until it sends a Ping. */
  readonly keepaliveMs: number
  /** The same of an initiator, behind data. */
  readonly quietMs: number
  /** Bytes of the longest datagrams that are tried; 20 fewer over IPv6. */
  readonly maxDatagramBytes: number
  /** It has something to send, or a nearer timeout. */
  wake(session: Session): void
  moved(session: Session, from: Place): void
  forwarded(session: Session, hello: FIHello): void
  /** It is not open any more: its peer may open another. */
  left(session: Session): void
  closed(session: Session): void
}
