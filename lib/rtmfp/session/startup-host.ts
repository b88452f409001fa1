import type { Identity } from '../crypto/identity.ts'
import type { AgreementOptions } from '../crypto/terms.ts'
import type { RtmfpChunk } from '../wire/chunk.ts'
import type { OutDatagram } from './datagrams.ts'
import type { Opening } from './opening.ts'
import type { Session } from './session.ts'
import type { SessionStart } from './session-start.ts'
import type { Sessions } from './sessions.ts'

/** What the two sides of startup, Initiator and Responder, need of their endpoint. */
export interface StartupHost {
  readonly identity: Identity
  readonly agreement: AgreementOptions
  readonly sessions: Sessions
  /** A session is open; `opening` is the opening of this side that led to it, if there was one. */
  begin(start: SessionStart, now: number, opening?: Opening): Session
  /** Sends a startup packet. */
  send(datagram: OutDatagram): void
}

/** Sends a chunk to an opening session, or, with id 0, to a sender without one. */
export type Say = (chunk: RtmfpChunk, sessionId?: number) => void
