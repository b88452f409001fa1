import type { Limits } from '../../limits.ts'
import type { Identity } from '../crypto/identity.ts'
import type { AgreementOptions } from '../crypto/terms.ts'
import type { SessionFlows } from './flows.ts'
import type { ResponderOptions } from './responder.ts'
import type { Session } from './session.ts'

/** The options of an endpoint; `terms` and `isStrict` are those of the default profile if omitted: see `profiles`. */
export interface EndpointOptions extends ResponderOptions, Partial<AgreementOptions> {
  readonly identity: Identity
  /** A session is open; its flows, if it is to have any. */
  readonly opened?: (session: Session) => SessionFlows | undefined
  /** A session is over: see its `closeReason`. */
  readonly closed?: (session: Session) => void
  /**
   * Something is to be sent, or `nextTimeout` is nearer, by a call other than `input`, `output` and `elapsed`: called at most once until the
   * next `output` or `elapsed`.
   */
  readonly wake?: () => void
  /**
   * Takes the lines of a file of keys, a block of them for each session: `rtmpipe inspect --rtmfp-keys` reads a capture with it. Whoever has
   * it reads all that the sessions carry.
   */
  readonly keyLog?: (line: string) => void
  /** Milliseconds of silence until a session sends a Ping; 30,000. */
  readonly keepaliveMs?: number
  /**
   * The same of a session that this side has initiated, where the last packets brought data; 1000. Behind a NAT that has given it another
   * address a player hears nothing until it says something.
   */
  readonly quietMs?: number
  /**
   * Bytes of the longest datagrams that sessions try, if they have data for them, 1204 to 65,507; 1472, which Ethernet carries with IPv4. Over
   * IPv6 it is 20 less. With 1204, which any path carries, they try none.
   */
  readonly maxDatagramBytes?: number
  /** See Limits: those of sessions, agreements and fragments. */
  readonly limits?: Partial<Limits>
}
