import type { Certificate } from '../crypto/certificate.ts'
import type { KeyAgreement } from '../crypto/key-agreement.ts'
import type { FIHello } from '../wire/startup-chunks.ts'
import type { Place } from './datagrams.ts'

/** What is known of a session when it opens. */
export interface SessionStart {
  readonly role: 'initiator' | 'responder'
  /** The session ids in packets to this end, and in those to the other end. */
  readonly nearId: number
  readonly farId: number
  readonly address: Place
  /** The certificate of the other end. */
  readonly certificate: Certificate
  readonly agreement: KeyAgreement
  /** The cookie by which the responder verified the address of the initiator. */
  readonly cookie: Buffer
}

/** What a session needs of its endpoint. */
export interface SessionEndpoint<Session> {
  /** Authenticates its own mobility checks. */
  readonly secret: Buffer
  /** Milliseconds of silence until it sends a Ping. */
  readonly keepaliveMs: number
  /** The same for an initiator, after packets with data. */
  readonly quietMs: number
  /** Bytes of the longest datagrams that are probed; 20 fewer over IPv6. */
  readonly maxDatagramBytes: number
  /** It has something to send, or an earlier timeout. */
  wake(session: Session): void
  moved(session: Session, from: Place): void
  forwarded(session: Session, hello: FIHello): void
  /** It is no longer open: its peer may open another. */
  left(session: Session): void
  closed(session: Session): void
}
