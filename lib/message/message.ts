/** The message types of RTMP 1.0 (5.4, 7.1). A Message's `type` is a number: types that are not listed pass like the rest. */
export const MessageTypeId = {
  SetChunkSize: 1,
  Abort: 2,
  Acknowledgement: 3,
  UserControl: 4,
  WindowAcknowledgementSize: 5,
  SetPeerBandwidth: 6,
  Audio: 8,
  Video: 9,
  DataAmf3: 15,
  SharedObjectAmf3: 16,
  CommandAmf3: 17,
  DataAmf0: 18,
  SharedObjectAmf0: 19,
  CommandAmf0: 20,
  Aggregate: 22
} as const

export type MessageTypeId = number
/** The number of a message stream, 32 bits: 0 for the connection itself (RTMP 1.0, 5.3.1.2). */
export type MessageStreamId = number
/** The number of a chunk stream, 2 to 65599 (RTMP 1.0, 5.3.1.1). */
export type ChunkStreamId = number

/**
 * The waist of the house: what every wire carries and every session sees. Readonly throughout, for one Message may be in a
 * hundred hands; its payload is never written to.
 */
export interface Message {
  /** The message type, 8 bits: see MessageTypeId. */
  readonly type: MessageTypeId
  /** 0 for the connection itself, else an id that createStream gave (RTMP 1.0, 7.2.1.3). */
  readonly messageStreamId: MessageStreamId
  /** Where a chunk stream carries it: the one it came on, and a preference when sending, 2 to 65599. MessageWriter chooses one otherwise. */
  readonly chunkStreamId?: ChunkStreamId | undefined
  /** Milliseconds, 32 bits, wraps. */
  readonly timestamp: number
  /** The body. A view of a larger buffer where that spared a copy: keep a copy if you keep it for long. */
  readonly payload: Buffer
}

/** Longest body that the 24 bits of a message header can announce. */
export const MAX_MESSAGE_LENGTH = 0xffffff

/** Bytes that a message takes besides its payload, about: so a flood of empty ones has its bound too. */
export const MESSAGE_COST = 256

/** A payload stays a view of the read it came in if that is no more than this many times as long; else it is copied out of it. */
export const PINNED = 8

/** Whether a stream's item is a Message, not a Command, a Chunk or bytes. */
export function isMessage(item: unknown): item is Message {
  return typeof item === 'object' && item !== null && 'payload' in item && 'type' in item
}
