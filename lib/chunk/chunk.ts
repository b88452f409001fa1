import type { ChunkStreamId, MessageStreamId, MessageTypeId } from '../message/message.ts'

/** How much of the message header a chunk contains: 0 all of it, 3 nothing (RTMP 1.0, 5.3.1.2). */
export type ChunkFormat = 0 | 1 | 2 | 3

/** The complete header of a chunk: omitted fields are those of the preceding chunk. */
export interface ChunkHeader {
  /**
   * The format on the wire. When writing it is a preference: it is used if it is valid, otherwise the next longer valid
   * one. Without it the writer chooses.
   */
  readonly format?: ChunkFormat
  /** The chunk stream, 2 to 65599 (RTMP 1.0, 5.3.1.1). */
  readonly chunkStreamId: ChunkStreamId
  /** The timestamp of the message: milliseconds, absolute, 32 bits. All chunks of a message have the same. */
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
  /** The header, omitted fields included. */
  readonly header: ChunkHeader
  /** Its part of the message body; never written to. */
  readonly payload: Buffer
  /** Whether the message ends with this chunk. */
  readonly last: boolean
  /** Its length on the wire in bytes, headers included; 0 if it was not read from a wire. */
  readonly byteLength: number
  /** The decoded protocol control message that it ends, if any. */
  readonly control?: ProtocolControl
}

/** The messages that control one hop of the chunk stream itself (RTMP 1.0, 5.4). */
export type ProtocolControl =
  | { readonly kind: 'SetChunkSize'; readonly chunkSize: number }
  | { readonly kind: 'Abort'; readonly chunkStreamId: number }
  | { readonly kind: 'Acknowledgement'; readonly sequenceNumber: number }
  | { readonly kind: 'WindowAcknowledgementSize'; readonly windowSize: number }
  | { readonly kind: 'SetPeerBandwidth'; readonly windowSize: number; readonly limitType: LimitType }

/** The limit type of a Set Peer Bandwidth: RTMP 1.0, 5.4.5. */
export type LimitType = 'hard' | 'soft' | 'dynamic'

export const MIN_CHUNK_STREAM_ID = 2
export const MAX_CHUNK_STREAM_ID = 65599

/** The initial chunk size of both sides (RTMP 1.0, 5.4.1). */
export const DEFAULT_CHUNK_SIZE = 128
/** No message is longer, so a chunk size above it means the same as this one. */
export const MAX_CHUNK_SIZE = 0xffffff

/** A 24-bit timestamp field with this value says that 32 bits follow (RTMP 1.0, 5.3.1.3). */
export const EXTENDED_TIMESTAMP = 0xffffff
/** Basic header 3, message header 11, extended timestamp 4. */
export const MAX_CHUNK_HEADER_LENGTH = 18
