import type { Message } from '../message/message.ts'
import type { ChunkHeader } from './chunk.ts'
import { mediaChunkStreamId } from './chunk-stream-id.ts'
import { ChunkWriter } from './chunk-writer.ts'
import { roomFor } from './message-writer.ts'

/**
 * An encoder for `batch.encoded`: the chunks of all messages, on chunk streams 4, 5 and 6, each message with the whole header. So the
 * bytes depend on nothing that was sent before, and are the same for all connections of one chunk size and message stream id.
 *
 * @example
 * ```ts
 * const batch = new MessageBatch(messages)
 * // made once, for every player with this chunk size and message stream id
 * socket.write(batch.encoded(new BatchChunks(4096, 1)))
 * ```
 */
export class BatchChunks {
  /** Bytes a chunk carries. */
  readonly chunkSize: number
  /** The message stream of the peer. */
  readonly messageStreamId: number

  constructor(chunkSize: number, messageStreamId: number) {
    this.chunkSize = chunkSize
    this.messageStreamId = messageStreamId
  }

  /** Whether the other makes chunks of the same size for the same message stream. */
  equals(other: object): boolean {
    return (
      other instanceof BatchChunks &&
      other.chunkSize === this.chunkSize &&
      other.messageStreamId === this.messageStreamId
    )
  }

  /** @throws RangeError for a message that a chunk stream cannot carry: see ChunkWriter. */
  encode(messages: readonly Message[]): Buffer {
    const { chunkSize, messageStreamId } = this
    const room = messages.reduce((sum, { payload }) => sum + roomFor(payload.length, chunkSize), 0)
    const bytes = Buffer.allocUnsafe(room)
    const writer = new ChunkWriter()
    let at = 0
    for (const { type, timestamp, payload } of messages) {
      const chunkStreamId = mediaChunkStreamId(type)
      const header: ChunkHeader = { format: 0, chunkStreamId, timestamp, length: payload.length, type, messageStreamId }
      at = writer.putAll(bytes, at, header, payload, chunkSize)
    }
    return bytes.subarray(0, at)
  }
}
