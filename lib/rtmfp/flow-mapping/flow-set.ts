import type { OutgoingMessageOptions } from '../flow/outgoing-message.ts'
import type { ReceiveOrder } from '../flow/receive-buffer.ts'

/** A flow that this side sends. */
export interface OutgoingFlow {
  /** Whether it is open, and less than its capacity waits to be sent. */
  readonly isWritable: boolean
  /** Bytes that wait to be sent or acknowledged. */
  readonly queuedBytes: number
  /** The bytes that wait to be sent at which it stops being writable. */
  capacityBytes: number
  /** Queues a message, which is not copied. */
  write(payload: Buffer, now: number, options?: OutgoingMessageOptions): unknown
  /** Accepts no more messages, and ends once the queued ones have arrived. */
  close(): void
}

/** How a flow of this side is opened. */
export interface OutgoingFlowOptions {
  readonly metadata: Buffer
  /** The flow of the peer that it answers. */
  readonly returnOf?: IncomingFlow
  /** 0 to 7: a higher one is sent ahead of lower ones. */
  readonly priority?: number
  /** There is room again, after `isWritable` was false. */
  drained?(): void
  /** The flow is over. Called once. */
  ended?(): void
}

/** A flow of the peer. */
export interface IncomingFlow {
  readonly id: number
  /** Whether `read` has a message. */
  readonly isReadable: boolean
  /** Whether all of it was received. */
  readonly isComplete: boolean
  /** The next message, if there is one. */
  read(): { readonly payload: Buffer } | undefined
  /** Rejects the flow, and tells the sender. */
  reject(): void
}

/** The fields with which the peer opens a flow. */
export interface IncomingFlowOpening {
  readonly metadata: Buffer
  /** The flow of this side that it answers. */
  readonly returnOf: unknown
}

/** How a flow of the peer is received. */
export interface IncomingFlowOptions {
  readonly order: ReceiveOrder
  /** `read` has a message, and had none before. */
  readable(flow: IncomingFlow): void
  /** Nothing more arrives. Called once. */
  ended(flow: IncomingFlow): void
}

/** Decides on a flow of the peer: returns how it is received, or undefined to reject it. */
export type AcceptFlow = (opening: IncomingFlowOpening) => IncomingFlowOptions | undefined

/** Flows in both directions: those of a session of RTMFP, or of an RTWebSocket. */
export interface FlowSet {
  open(options: OutgoingFlowOptions): OutgoingFlow
}
