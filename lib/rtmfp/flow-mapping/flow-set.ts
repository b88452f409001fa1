import type { OutgoingMessageOptions } from '../flow/outgoing-message.ts'
import type { ReceiveOrder } from '../flow/receive-buffer.ts'

/** A flow that this side sends. */
export interface OutgoingFlow {
  /** Whether it takes messages without holding more than its capacity. */
  readonly isWritable: boolean
  /** Bytes that wait for the receiver to have them. */
  readonly queuedBytes: number
  /** Bytes that wait to be sent from which on it is not writable. */
  capacityBytes: number
  /** Queues a message, which is not copied. */
  write(payload: Buffer, now: number, options?: OutgoingMessageOptions): unknown
  /** Takes no more messages, and ends once those that it has have arrived. */
  close(): void
}

/** How a flow of this side is opened. */
export interface OutgoingFlowOptions {
  readonly metadata: Buffer
  /** The flow of the peer that it answers. */
  readonly returnOf?: IncomingFlow
  /** 0 to 7: a higher one is sent ahead of lower ones. */
  readonly priority?: number
  /** There is room again, behind a time when `isWritable` was false. */
  drained?(): void
  /** Once. */
  ended?(): void
}

/** A flow of the peer. */
export interface IncomingFlow {
  readonly id: number
  /** Whether `read` has a message. */
  readonly isReadable: boolean
  /** Whether all of it has come. */
  readonly isComplete: boolean
  /** The next message, if there is one whose turn it is. */
  read(): { readonly payload: Buffer } | undefined
  /** Takes nothing more, and tells the sender. */
  reject(): void
}

/** What the peer says of a flow that it opens. */
export interface IncomingFlowOpening {
  readonly metadata: Buffer
  /** The flow of this side that it answers. */
  readonly returnOf: unknown
}

/** How a flow of the peer is received. */
export interface IncomingFlowOptions {
  readonly order: ReceiveOrder
  /** `read` has a message that it had not. */
  readable(flow: IncomingFlow): void
  /** Once: nothing more comes. */
  ended(flow: IncomingFlow): void
}

/** Decides on a flow of the peer; undefined rejects it. */
export type AcceptFlow = (opening: IncomingFlowOpening) => IncomingFlowOptions | undefined

/** Flows both ways between two ends: those of a session of RTMFP, or of an RTWebSocket. */
export interface FlowSet {
  open(options: OutgoingFlowOptions): OutgoingFlow
}
