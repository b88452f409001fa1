/** The message types of RTMP 1.0 (5.4, 7.1). A Message's `type` is a number: unlisted types pass too. */
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
/** The id of a message stream, 32 bits: 0 for the connection itself (RTMP 1.0, 5.3.1.2). */
export type MessageStreamId = number
/** The id of a chunk stream, 2 to 65599 (RTMP 1.0, 5.3.1.1). */
export type ChunkStreamId = number

/**
 * What every wire carries and every session sees. Read-only, because many readers may share one Message; its payload is
 * never written to.
 */
export interface Message {
  /** The message type, 8 bits: see MessageTypeId. */
  readonly type: MessageTypeId
  /** 0 for the connection itself, otherwise an id returned by createStream (RTMP 1.0, 7.2.1.3). */
  readonly messageStreamId: MessageStreamId
  /** Where a chunk stream carries it: the one it came on, and a preference when sending, 2 to 65599. MessageWriter chooses one otherwise. */
  readonly chunkStreamId?: ChunkStreamId | undefined
  /** Milliseconds, 32 bits, wraps. */
  readonly timestamp: number
  /** The body. It may be a view of a larger buffer: copy it to keep it for long. */
  readonly payload: Buffer
}

/** The longest body that the 24 bits of a message header can announce. */
export const MAX_MESSAGE_LENGTH = 0xffffff

/** Approximate bytes of a message besides its payload, so that a flood of empty messages is bounded too. */
export const MESSAGE_COST = 256

/** A payload stays a view of the read it came in if that is no more than this many times as long; else it is copied out of it. */
export const PINNED = 8

/**
 * Whether an item of a stream is a Message, not a Command, a Chunk or bytes.
 *
 * @example
 * ```ts
 * const count = stage<unknown, unknown>((item, push) => {
 *   if (isMessage(item)) console.log(item.type)
 *   push(item)
 * })
 * ```
 */
export function isMessage(item: unknown): item is Message {
  return typeof item === 'object' && item !== null && 'payload' in item && 'type' in item
}

/** Whether messages of this type steer a chunk stream (RTMP 1.0, 5.4), so belong to one hop and are never forwarded: 1, 2, 3, 5 and 6. */
export function isProtocolControlType(type: number): boolean {
  return (
    type >= MessageTypeId.SetChunkSize && type <= MessageTypeId.SetPeerBandwidth && type !== MessageTypeId.UserControl
  )
}
