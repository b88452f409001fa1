import type { LookupAddress } from 'node:dns'
import { lookup } from 'node:dns/promises'
import { isIP } from 'node:net'
import { systemClock } from '../../clock.ts'
import { asError, RtmpError } from '../../errors.ts'
import type { MessageStreamId } from '../../message/message.ts'
import { Identity } from '../../rtmfp/crypto/identity.ts'
import { TimeCriticalData } from '../../rtmfp/flow/time-critical.ts'
import type { SessionFlows } from '../../rtmfp/session/flows.ts'
import type { Session } from '../../rtmfp/session/session.ts'
import { addressText } from '../../rtmfp/wire/address.ts'
import type { PeerSource, Peers, Wire } from '../../wire.ts'
import { FlowWire } from './flow-wire.ts'
import { checkAddresses, localAddresses, withPort } from './local-addresses.ts'
import { PeerFlows, type PeerFlowsHost } from './peer-flows.ts'
import { RtmfpSocket } from './rtmfp-socket.ts'
import { openOver, peerIdOf, type RtmfpClientOptions, type RtmfpWireOptions, socketOptions } from './rtmfp-wires.ts'

/** The server that a wire is dialed to. */
export interface RtmfpPlace {
  readonly host: string
  readonly port: number
  /** The URI in the discriminator of the hello. */
  readonly url: string
}

/** A wire to a server, on a socket of its own; it is returned before there is a session. */
export const dialRtmfp = (place: RtmfpPlace, options: RtmfpWireOptions & RtmfpClientOptions): FlowWire =>
  new RtmfpClient(place, options).wire

const PEER_ID = /^[0-9a-f]{64}$/

/** The RtmfpSocket of a client, with a session to its server and one to each peer. The socket is closed with the last wire of them. */
class RtmfpClient implements Peers {
  readonly ownId: string
  /** The session to the server. */
  readonly wire: FlowWire
  readonly #options: RtmfpWireOptions
  readonly #addresses: readonly string[] | undefined
  readonly #timeCritical = new TimeCriticalData()
  readonly #socket: RtmfpSocket
  readonly #peers = new Map<string, PeerFlows>()
  readonly #wires = new Set<FlowWire>()
  #server: Session | undefined
  #accepts: () => boolean = () => false
  #accept: (wire: Wire, source: PeerSource) => void = wire => wire.destroy()

  /** @throws TypeError for an invalid address. */
  constructor(place: RtmfpPlace, { addresses, ...options }: RtmfpWireOptions & RtmfpClientOptions) {
    if (addresses !== undefined) checkAddresses(addresses)
    const { groups, options: bounds } = socketOptions(options)
    // a new certificate for each server, so that servers cannot track a client by its peer id (RFC 7425, 5.3)
    const identity = new Identity({ groups, isStatic: true })
    this.ownId = peerIdOf(identity)
    this.#options = options
    this.#addresses = addresses
    this.wire = this.#hold(new FlowWire({ role: 'client', ...options, peers: this }))
    this.#socket = new RtmfpSocket({
      ...bounds,
      identity,
      forwardedHellos: 'answer',
      // otherwise a peer could make this side send to any address
      responds: introducer => this.#isOpenToPeers && (introducer === undefined || introducer === this.#server),
      opened: session => this.#opened(session),
      closed: session => {
        if (this.#peers.get(peerIdOf(session))?.isOf(session)) this.#peers.delete(peerIdOf(session))
      }
    })
    this.#connect(place).catch(error => this.wire.destroy(asError(error)))
  }

  get addresses(): readonly string[] {
    const [bound] = this.#socket.addresses
    if (bound === undefined) return []
    return this.#addresses === undefined ? localAddresses([bound]) : withPort(this.#addresses, bound)
  }

  dial(peerId: string, messageStreamId: MessageStreamId): FlowWire {
    if (!PEER_ID.test(peerId)) throw new TypeError(`peer id must be 64 digits of lower-case hex, not ${peerId}`)
    if (peerId === this.ownId) throw new TypeError("peer id must not be the client's own")
    const wire = this.#hold(new FlowWire({ role: 'client', ...this.#options, messageStreamId }))
    this.#find(peerId).then(
      flows => flows.add(wire),
      error => wire.destroy(asError(error))
    )
    return wire
  }

  listen(accepts: () => boolean, accept: (wire: Wire, source: PeerSource) => void): void {
    this.#accepts = accepts
    this.#accept = accept
  }

  get #isOpenToPeers(): boolean {
    return !this.wire.destroyed && this.#accepts()
  }

  async #connect({ host, port, url }: RtmfpPlace): Promise<void> {
    const found: readonly Pick<LookupAddress, 'address'>[] =
      isIP(host) === 0 ? await lookup(host, { all: true }) : [{ address: host }]
    await this.#socket.bind()
    await this.#socket.open(
      { ancillaryData: Buffer.from(url) },
      found.map(({ address }) => ({ address, port }))
    )
  }

  /** The first session is that to the server, which introduces peers. */
  #opened(session: Session): SessionFlows {
    if (this.#server === undefined && session.role === 'initiator') {
      this.#server = session
      return openOver(session, this.wire, this.#timeCritical, this.#options)
    }
    const flows = new PeerFlows(session, this.#options.clock ?? systemClock, this.#flowsHost)
    this.#peers.set(peerIdOf(session), flows)
    return flows
  }

  get #flowsHost(): PeerFlowsHost {
    return {
      limits: this.#options.limits,
      timeCritical: this.#timeCritical,
      wireFor: messageStreamId =>
        this.#isOpenToPeers
          ? this.#hold(new FlowWire({ role: 'server', ...this.#options, messageStreamId }))
          : undefined,
      accept: (wire, session, messageStreamId) =>
        this.#accept(wire, { peer: addressText(session.address), peerId: peerIdOf(session), messageStreamId })
    }
  }

  /** The session with a peer: an existing one, or a new one by the introduction of the server. */
  async #find(peerId: string): Promise<PeerFlows> {
    const there = this.#peers.get(peerId)
    if (there !== undefined) return there
    if (this.#server?.state === 'open')
      await this.#socket.open({ fingerprint: Buffer.from(peerId, 'hex') }, [this.#server.address])
    const flows = this.#peers.get(peerId)
    if (flows === undefined) throw new RtmpError('ERR_RTMP_PREMATURE_CLOSE')
    return flows
  }

  /** Keeps the socket open until the wire has closed. */
  #hold(wire: FlowWire): FlowWire {
    this.#wires.add(wire)
    wire.once('close', () => {
      this.#wires.delete(wire)
      if (this.#wires.size === 0) void this.#socket.close()
    })
    return wire
  }
}
