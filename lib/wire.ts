import type { AddressedBatch, MessageBatch } from './live/message-batch.ts'
import type { Message, MessageStreamId } from './message/message.ts'
import type { DuplexOf } from './stream/typed.ts'

/** What is seen of a peer. */
export interface LifeSigns {
  /** When it last sent a byte, or took bytes that waited for it, in milliseconds of the connection's clock. */
  readonly heardAt: number
  /** Whether it is we who do not read: then its silence says nothing. */
  readonly isHeldBack: boolean
  /** Whether it used to acknowledge, and has not acknowledged what it was sent since. */
  readonly owesAcknowledgement: boolean
}

/** What has passed over a wire since it was made. */
export interface WireCounters {
  /** Bytes that came from the peer, handshake included. */
  readonly bytesIn: number
  /** Bytes that went to the peer, handshake and answers of the wire's own included. */
  readonly bytesOut: number
  /** Messages that came up: those that steer the wire itself are not among them. */
  readonly messagesIn: number
  /** Messages that were written; a batch counts as its messages. */
  readonly messagesOut: number
}

/**
 * What carries Messages: all that sessions, servers and proxies know of it. MessageWire is one, over a chunk stream; one over flows, or
 * over anything else, needs no more. It is a Duplex of Messages that opens by itself (what is written meanwhile waits), ends a peer
 * that takes no byte for `limits.stallMs` with `ERR_RTMP_STALLED`, and has no half-close: once the peer has ended, and that was read, it
 * is destroyed within `limits.lingerMs`. It ends no peer for being idle, but tells its signs of life: a session does, by `limits.pingMs`
 * and `limits.idleMs`.
 */
export interface Wire extends DuplexOf<Message | AddressedBatch, Message>, LifeSigns {
  /** Says that it takes batches of live media whole, beside Messages; what has no such field is given single Messages. */
  readonly takesBatches: true
  /** What has passed over it so far. */
  readonly counters: WireCounters
  /** Whether the peer takes nothing at this moment. */
  readonly isStalled: boolean
  /** Bytes of memory that it holds for its peer, the `behind` items that have not reached it yet included; for a MemoryBudget. */
  heldBytes(behind?: number): number
  /**
   * The fast path of `write`: takes the item in this call if nothing is buffered and there is room; false if it has to be written. An
   * error in the item destroys the wire, as in a write.
   */
  takeNow(item: Message | AddressedBatch): boolean
  /** As `takeNow({ batch, messageStreamId })`, without the object: it is called for each batch and player. */
  takeBatchNow(batch: MessageBatch, messageStreamId: MessageStreamId): boolean
}
