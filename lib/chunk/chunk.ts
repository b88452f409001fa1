import type { ChunkStreamId, MessageStreamId, MessageTypeId } from '../message/message.ts'

/** How much of the message header a chunk repeats: 0 all of it, 3 nothing (RTMP 1.0, 5.3.1.2). */
export type ChunkFormat = 0 | 1 | 2 | 3

/** What a chunk's header says once it is complete: the fields it left out are those of the chunk before it. */
export interface ChunkHeader {
  /**
   * The form on the wire. When writing it is a preference: it is used where it tells the truth, else the next longer form
   * that does. Without it the writer chooses.
   */
  readonly format?: ChunkFormat
  /** The chunk stream, 2 to 65599 (RTMP 1.0, 5.3.1.1). */
  readonly chunkStreamId: ChunkStreamId
  /** Of the message: milliseconds, absolute, 32 bits. The chunks of one message all have the same. */
  readonly timestamp: number
  /** Bytes of the whole message. */
  readonly length: number
  /** The message type: see MessageTypeId. */
  readonly type: MessageTypeId
  /** The message stream: 0 for the connection itself. */
  readonly messageStreamId: MessageStreamId
}

/** A piece of a message, with its header (RTMP 1.0, 5.3). */
export interface Chunk {
  /** The header, with the fields that the chunk left out filled in. */
  readonly header: ChunkHeader
  /** Its part of the message body; never written to. */
  readonly payload: Buffer
  /** Whether the message ends with this chunk. */
  readonly last: boolean
  /** Bytes it took on the wire, headers included; 0 for one that was not read from a wire. */
  readonly byteLength: number
  /** What it says, where it ends a protocol control message. */
  readonly control?: ProtocolControl
}

/** The messages that steer one hop of the chunk stream itself (RTMP 1.0, 5.4). */
export type ProtocolControl =
  | { readonly kind: 'SetChunkSize'; readonly chunkSize: number }
  | { readonly kind: 'Abort'; readonly chunkStreamId: number }
  | { readonly kind: 'Acknowledgement'; readonly sequenceNumber: number }
  | { readonly kind: 'WindowAcknowledgementSize'; readonly windowSize: number }
  | { readonly kind: 'SetPeerBandwidth'; readonly windowSize: number; readonly limitType: LimitType }

/** How a Set Peer Bandwidth is meant: RTMP 1.0, 5.4.5. */
export type LimitType = 'hard' | 'soft' | 'dynamic'

export const MIN_CHUNK_STREAM_ID = 2
export const MAX_CHUNK_STREAM_ID = 65599

/** Both sides begin with it (RTMP 1.0, 5.4.1). */
export const DEFAULT_CHUNK_SIZE = 128
/** No message is longer, so a chunk size above it means the same as this one. */
export const MAX_CHUNK_SIZE = 0xffffff

/** A 24-bit timestamp field with this value says that 32 bits follow (RTMP 1.0, 5.3.1.3). */
export const EXTENDED_TIMESTAMP = 0xffffff
/** Basic header 3, message header 11, extended timestamp 4. */
export const MAX_CHUNK_HEADER_LENGTH = 18
