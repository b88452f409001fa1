import type { ChunkHeader } from '../chunk/chunk.ts'
import { mediaChunkStreamId } from '../chunk/chunk-stream-id.ts'
import { ChunkWriter } from '../chunk/chunk-writer.ts'
import { roomFor } from '../chunk/message-writer.ts'
import type { Message } from '../message/message.ts'

/**
 * Messages that are due at one moment, and their bytes, made once for all players alike. Whoever writes them says how they
 * are to be cut and on which message stream, so any order of Set Chunk Size is right.
 */
export class MessageBatch {
  /** The messages, one at least, in order. */
  readonly messages: readonly Message[]
  /** Milliseconds: where the stream is when it begins. */
  readonly timestamp: number
  /** Bytes of the payloads. */
  readonly byteLength: number
  /** Its bytes, by how they were asked for; a recorder alone asks for none. */
  #encoded: { chunkSize: number; messageStreamId: number; bytes: Buffer }[] | undefined

  /**
   * @param timestamp of its first message, unless told: metadata has 0 at any time.
   * @throws RangeError for no message.
   */
  constructor(messages: readonly Message[], timestamp: number | undefined = messages[0]?.timestamp) {
    if (timestamp === undefined) throw new RangeError('a batch has one message at least')
    this.messages = messages
    this.timestamp = timestamp
    let length = 0
    for (const { payload } of messages) length += payload.length
    this.byteLength = length
  }

  /** The chunks of all its messages in one buffer, the same buffer for the same question. */
  bytes(chunkSize: number, messageStreamId: number): Buffer {
    this.#encoded ??= []
    for (const known of this.#encoded) {
      if (known.chunkSize === chunkSize && known.messageStreamId === messageStreamId) return known.bytes
    }
    const bytes = encode(this.messages, chunkSize, messageStreamId)
    this.#encoded.push({ chunkSize, messageStreamId, bytes })
    return bytes
  }

  /** Lets go of the bytes; they are made again if somebody asks. */
  forget(): void {
    this.#encoded = undefined
  }
}

function encode(messages: readonly Message[], chunkSize: number, messageStreamId: number): Buffer {
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

/** A batch on its way to one player: what a wire is given to write. */
export interface AddressedBatch {
  /** The batch. */
  readonly batch: MessageBatch
  /** The message stream of the peer that it goes to. */
  readonly messageStreamId: number
}

export function isAddressedBatch(item: unknown): item is AddressedBatch {
  return typeof item === 'object' && item !== null && 'batch' in item
}
