import { type Clock, systemClock } from '../../clock.ts'
import type { Limits } from '../../limits.ts'
import { Identity } from '../../rtmfp/crypto/identity.ts'
import { type Profile, profiles } from '../../rtmfp/crypto/profiles.ts'
import { TimeCriticalData } from '../../rtmfp/flow/time-critical.ts'
import type { Session } from '../../rtmfp/session/session.ts'
import { addressText } from '../../rtmfp/wire/address.ts'
import { FlowWire } from './flow-wire.ts'
import { RtmfpSocket } from './rtmfp-socket.ts'
import type { MediaLifetimes } from './urgency.ts'
import { WireFlows } from './wire-flows.ts'

/** Options of RTMFP that both sides have. */
export interface RtmfpOptions {
  /** The lifetimes of live media. */
  readonly lifetimes?: MediaLifetimes
  /**
   * The kind of peers: `'default'` for all, with HMACs and session sequence numbers if the peer supports them; `'strict'` for those that
   * support both, and a group of 2048 bits or more; `'legacy'` at a client, for servers of Flash's time such as MonaServer.
   */
  readonly profile?: RtmfpProfile
  /**
   * Receives a line for each key of a session, in the form that `rtmpipe inspect --rtmfp-keys` reads. Anyone who has these lines can decrypt
   * and forge the packets of the session.
   */
  readonly keyLog?: (line: string) => void
}

/** The name of a profile: see RtmfpOptions. */
export type RtmfpProfile = keyof typeof profiles

/** Options of RTMFP at a client. */
export interface RtmfpClientOptions extends RtmfpOptions {
  /**
   * Addresses of this client, `192.0.2.1` or `[2001:db8::1]:1935`, that the server may tell its other clients beside the one that it sees
   * (RFC 7425, 5.3.3). By default those of the interfaces, without loopback and link-local ones; `[]` for none.
   */
  readonly addresses?: readonly string[]
}

/** The origin of a wire of a server: see WireSource. */
export interface RtmfpSource {
  readonly peer: string
  readonly scheme: 'rtmfp'
  readonly peerId: string
}

/** Options of acceptRtmfp. */
export interface RtmfpAcceptOptions extends RtmfpWireOptions {
  /** Whether a client, or an endpoint without a session, is introduced to a client. Without this function nobody is introduced. */
  readonly introduces?: ((asker: RtmfpSource | undefined, asked: RtmfpSource) => boolean) | undefined
}

/** The peer id by a certificate: that of an Identity, or of the peer of a session (RFC 7425, 4.3.2). */
export const peerIdOf = ({ certificate }: Pick<Identity, 'certificate'>): string =>
  certificate.fingerprint.toString('hex')

/** The options of a server or a client that wires and sockets of RTMFP use. */
export interface RtmfpWireOptions extends RtmfpOptions {
  readonly limits?: Partial<Limits>
  readonly clock?: Clock
}

/** Opens a wire over a session, and returns its flows for the endpoint. */
export function openOver(
  session: Session,
  wire: FlowWire,
  timeCritical: TimeCriticalData,
  options: RtmfpWireOptions
): WireFlows {
  const { limits, clock = systemClock } = options
  let flows: WireFlows | undefined
  wire.open(accept => {
    flows = new WireFlows(session, wire, clock, { accept, timeCritical, ...(limits && { limits }) })
    return flows
  })
  return flows!
}

/** @throws TypeError for an unknown profile. */
export function checkProfile({ profile = 'default' }: RtmfpOptions): void {
  if (!Object.hasOwn(profiles, profile))
    throw new TypeError(`rtmfp.profile must be ${Object.keys(profiles).join(', ')}, not ${profile}`)
}

/** The options of a socket, and the groups of its identity. @throws TypeError for an unknown profile. */
export function socketOptions({ profile = 'default', lifetimes, ...rest }: RtmfpWireOptions): {
  readonly groups: Profile['groups']
  readonly options: Omit<Profile, 'groups'> & Omit<RtmfpWireOptions, 'profile' | 'lifetimes'>
} {
  checkProfile({ profile })
  const { groups, ...agreement } = profiles[profile]
  return { groups, options: { ...rest, ...agreement } }
}

/** A socket whose sessions are wires of a server: each is passed to `accept` with its origin. */
export function acceptRtmfp(
  { introduces, ...options }: RtmfpAcceptOptions,
  accept: (wire: FlowWire, source: RtmfpSource) => void
): RtmfpSocket {
  const { groups, options: bounds } = socketOptions(options)
  const sources = new WeakMap<Session, RtmfpSource>()
  const timeCritical = new TimeCriticalData()
  return new RtmfpSocket({
    ...bounds,
    identity: new Identity({ groups, acceptsAncillaryData: true }),
    introduces:
      introduces &&
      ((asker, asked) => {
        const [from, to] = [asker && sources.get(asker), sources.get(asked)]
        return to !== undefined && introduces(from, to)
      }),
    opened: session => {
      const wire = new FlowWire({ role: 'server', ...options })
      const flows = openOver(session, wire, timeCritical, options)
      const source = { peer: addressText(session.address), scheme: 'rtmfp', peerId: peerIdOf(session) } as const
      sources.set(session, source)
      accept(wire, source)
      return flows
    }
  })
}
