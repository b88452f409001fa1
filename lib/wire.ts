import type { AddressedBatch, MessageBatch } from './live/message-batch.ts'
import type { Message, MessageStreamId } from './message/message.ts'
import type { DuplexOf } from './stream/typed.ts'

/** The signs of life of a peer. */
export interface LifeSigns {
  /** When the peer last sent a byte, or accepted queued bytes, in milliseconds of the connection's clock. */
  readonly heardAt: number
  /** Whether this side has stopped reading; the peer's silence then means nothing. */
  readonly isHeldBack: boolean
  /** Whether the peer acknowledged regularly, and has not acknowledged what was sent since. */
  readonly owesAcknowledgement: boolean
}

/** Totals of a wire since it was created. */
export interface WireCounters {
  /** Bytes received, handshake included. */
  readonly bytesIn: number
  /** Bytes sent, handshake and the wire's own answers included. */
  readonly bytesOut: number
  /** Messages received, without those that control the wire itself. */
  readonly messagesIn: number
  /** Messages written; a batch counts as its messages. */
  readonly messagesOut: number
}

/**
 * What a client's wire over RTMFP offers for plays between the clients of its server (RFC 7425, 5.3.3, 5.4).
 *
 * @example
 * ```ts
 * const peers: Peers | undefined = dial('rtmfp://127.0.0.1/live').peers
 * console.log(peers?.ownId)
 * ```
 */
export interface Peers {
  /** The peer id of this client: the SHA-256 of its certificate, in hex. It has another one at each server (RFC 7425, 4.3.2). */
  readonly ownId: string
  /** The addresses of this client in its own networks, as the server is told them: `192.0.2.1:50000`. Empty before the wire has opened. */
  readonly addresses: readonly string[]
  /**
   * A wire to a peer, for a play on a message stream other than 0: see `clientSession({ messageStreamId })`. It is returned before the server
   * has introduced the two. If it does not do so within `limits.handshakeMs`, the wire fails with `ERR_RTMP_HANDSHAKE_TIMEOUT`.
   * @throws TypeError for an invalid peer id, or this client's own.
   */
  dial(peerId: string, messageStreamId: MessageStreamId): Wire
  /** Accepts the wires of peers that want to play, while `accepts` returns true. Otherwise, and before this call, a peer gets no answer. */
  listen(accepts: () => boolean, accept: (wire: Wire, source: PeerSource) => void): void
}

/** The origin of a peer's wire, and the message stream of its play. */
export interface PeerSource {
  /** The address of the peer. */
  readonly peer: string
  /** Its peer id. */
  readonly peerId: string
  /** For `serverSession({ messageStreamId })`. */
  readonly messageStreamId: MessageStreamId
}

/**
 * A connection that carries Messages: the interface that sessions, servers and proxies use. MessageWire implements it over a chunk
 * stream; a wire over flows, or over anything else, needs no more.
 *
 * It is a Duplex of Messages. It opens by itself, and holds writes until then. A peer that accepts no byte for `limits.stallMs` ends it
 * with `ERR_RTMP_STALLED`. It has no half-close: after the peer's end was read, it is destroyed within `limits.lingerMs`. It does not
 * disconnect an idle peer; a session does, by the signs of life, `limits.pingMs` and `limits.idleMs`.
 */
export interface Wire extends DuplexOf<Message | AddressedBatch, Message>, LifeSigns {
  /** Whether `write` accepts batches of live media beside Messages. A session sends single Messages to a stream without this field. */
  readonly takesBatches: true
  /** Its totals so far. */
  readonly counters: WireCounters
  /** Whether the peer currently accepts no bytes. */
  readonly isStalled: boolean
  /** Of a client's wire over RTMFP: see Peers. */
  readonly peers?: Peers | undefined
  /** Bytes of memory that it holds for its peer, with `behind` more items that are queued before it; for a MemoryBudget. */
  heldBytes(behind?: number): number
  /**
   * The fast path of `write`: takes the item in this call if nothing is buffered and there is room; false if it has to be written. An
   * error in the item destroys the wire, as in a write.
   */
  takeNow(item: Message | AddressedBatch): boolean
  /** As `takeNow({ batch, messageStreamId })`, without allocating the object: it is called once per batch and player. */
  takeBatchNow(batch: MessageBatch, messageStreamId: MessageStreamId): boolean
  /** Of a server's wire over RTMFP: processes the arguments of `setPeerInfo`, the addresses that the client reports (RFC 7425, 5.3.3). */
  heedPeerInfo?(args: readonly unknown[]): void
}

/** The address of a peer, `127.0.0.1:50000`, if its Duplex has the fields of a socket; else empty. */
export const peerOf = (
  bytes: object & { remoteAddress?: string | undefined; remotePort?: number | undefined }
): string => (bytes.remoteAddress === undefined ? '' : `${bytes.remoteAddress}:${bytes.remotePort}`)
