import type { Clock } from '../clock.ts'
import type { Limits } from '../limits.ts'
import type { MessageStreamId } from '../message/message.ts'
import { loop } from '../stream/loop.ts'
import type { Peers, Wire } from '../wire.ts'
import type { NetConnection } from './net-connection.ts'
import type { Play } from './play.ts'
import { serverSession } from './server-session.ts'

/**
 * The sessions of a client with its peers (RFC 7425, 5.4): each play between two clients has a wire of its own, and a session of its own at
 * either end, that of a server where the stream is published and that of a client where it is played.
 */
export class PeerSessions {
  readonly #options: { readonly limits: Limits; readonly clock: Clock }
  readonly #sessions = new Set<NetConnection>()
  /** The message stream of the latest play of this client. */
  #messageStreamId: MessageStreamId = 0

  constructor(limits: Limits, clock: Clock) {
    this.#options = { limits, clock }
  }

  /** Passes on what peers want to play, as long as `accepts` says so. A peer that wants to publish is refused. */
  listen(peers: Peers, accepts: () => boolean, hear: (play: Play, peerId: string) => void): void {
    peers.listen(accepts, (wire, source) => {
      const session = serverSession({ ...source, ...this.#options, scheme: 'rtmfp' })
      // without a listener the process would be warned of what a peer asks
      session.on('publish', publish => publish.reject())
      session.on('play', play => hear(play, source.peerId))
      this.#join(wire, session)
    })
  }

  /** Dials a peer for one play, by a session that `begin` makes for its message stream. @throws TypeError as `peers.dial`. */
  dial<Session extends NetConnection>(
    peers: Peers,
    peerId: string,
    begin: (messageStreamId: MessageStreamId) => Session
  ): Session {
    const messageStreamId = ++this.#messageStreamId
    const wire = peers.dial(peerId, messageStreamId)
    const session = begin(messageStreamId)
    this.#join(wire, session)
    return session
  }

  close(): void {
    for (const session of this.#sessions) session.close()
  }

  #join(wire: Wire, session: NetConnection): void {
    this.#sessions.add(session)
    loop(wire, session, () => this.#sessions.delete(session))
  }
}
