import type { Limits } from '../../limits.ts'
import type { Identity } from '../crypto/identity.ts'
import type { AgreementOptions } from '../crypto/terms.ts'
import type { SessionFlows } from './flows.ts'
import type { ResponderOptions } from './responder.ts'
import type { Session } from './session.ts'

/** The options of an endpoint; `terms` and `isStrict` are those of the default profile if omitted: see `profiles`. */
export interface EndpointOptions extends ResponderOptions, Partial<AgreementOptions> {
  readonly identity: Identity
  /** A session is open. Returns its flows, or undefined for a session without flows. */
  readonly opened?: (session: Session) => SessionFlows | undefined
  /** A session is over: see its `closeReason`. */
  readonly closed?: (session: Session) => void
  /**
   * There is something to send, or `nextTimeout` is earlier, because of a call other than `input`, `output` and `elapsed`. Called at most once
   * until the next `output` or `elapsed`.
   */
  readonly wake?: () => void
  /**
   * Receives the lines of a key file, a block for each session, with which `rtmpipe inspect --rtmfp-keys` decrypts a capture. Anyone who has
   * the file can decrypt the sessions.
   */
  readonly keyLog?: (line: string) => void
  /** Milliseconds of silence until a session sends a Ping; 30,000. */
  readonly keepaliveMs?: number
  /**
   * The same for a session that this side initiated, after packets with data; 1000. When a NAT assigns a player another address, the player
   * receives nothing until it sends something.
   */
  readonly quietMs?: number
  /**
   * Bytes of the longest datagrams that sessions probe the path for while they send data, 1204 to 65,507; 1472, which fits Ethernet with IPv4.
   * Over IPv6 it is 20 less. With 1204, which fits any path, nothing is probed.
   */
  readonly maxDatagramBytes?: number
  /** See Limits: those of sessions, agreements and fragments. */
  readonly limits?: Partial<Limits>
}
