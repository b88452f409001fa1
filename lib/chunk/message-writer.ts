import { MAX_MESSAGE_LENGTH, type Message, MessageTypeId } from '../message/message.ts'
import { type Chunk, type ChunkHeader, DEFAULT_CHUNK_SIZE, MAX_CHUNK_HEADER_LENGTH, MAX_CHUNK_SIZE } from './chunk.ts'
import type { ChunkWriter } from './chunk-writer.ts'
import { readProtocolControl, setChunkSize } from './protocol-control.ts'

export interface MessageWriterOptions {
  /**
   * Bytes a chunk of ours carries: 128 to 16777215. Other than 128, a Set Chunk Size goes out ahead of the first message.
   * Larger is cheaper for both sides; smaller lets audio pass a large video message sooner.
   */
  chunkSize?: number
}

/**
 * Cuts messages into chunks, the mirror of MessageReader. The chunk size is changed in band: a Set Chunk Size that is
 * written goes out, and holds from the next chunk on (RTMP 1.0, 5.4.1).
 */
export class MessageWriter {
  #chunkSize = DEFAULT_CHUNK_SIZE
  #announced: Message | undefined

  /** @throws RangeError for a chunk size outside 128 to 16777215. */
  constructor(options: MessageWriterOptions = {}) {
    const { chunkSize = DEFAULT_CHUNK_SIZE } = options
    if (chunkSize !== DEFAULT_CHUNK_SIZE) this.#announced = setChunkSize(ours(chunkSize))
  }

  /**
   * The chunks of `message`.
   * @throws RangeError for a payload over 16777215 bytes, or a Set Chunk Size below 128.
   */
  *chunks(message: Message): Generator<Chunk, void> {
    for (const each of this.#due(message)) {
      const { payload } = each
      const header = headerOf(each)
      let start = 0
      do {
        const end = Math.min(payload.length, start + this.#chunkSize)
        yield { header, payload: payload.subarray(start, end), last: end === payload.length, byteLength: 0 }
        start = end
      } while (start < payload.length)
      this.#heed(each)
    }
  }

  /** The bytes of all chunks of `message` in one buffer, with headers by `writer`. */
  bytes(message: Message, writer: ChunkWriter): Buffer {
    const due = this.#due(message)
    const bytes = Buffer.allocUnsafe(due.reduce((sum, each) => sum + this.#room(each), 0))
    let at = 0
    for (const each of due) {
      const { payload } = each
      const header = headerOf(each)
      let start = 0
      do {
        const end = Math.min(payload.length, start + this.#chunkSize)
        at = writer.put(bytes, at, header, payload, start, end)
        start = end
      } while (start < payload.length)
      this.#heed(each)
    }
    return bytes.subarray(0, at)
  }

  #due(message: Message): Message[] {
    if (message.payload.length > MAX_MESSAGE_LENGTH)
      throw new RangeError(`a message of ${message.payload.length} bytes`)
    if (this.#announced === undefined) return [message]
    const due = [this.#announced, message]
    this.#announced = undefined
    return due
  }

  /** Bytes that are enough for `message` in chunks of this moment's size. */
  #room({ payload }: Message): number {
    return payload.length + MAX_CHUNK_HEADER_LENGTH * Math.ceil((payload.length + 1) / this.#chunkSize)
  }

  #heed(message: Message): void {
    if (message.type !== MessageTypeId.SetChunkSize) return
    const control = readProtocolControl(message.type, message.payload)
    if (control.kind === 'SetChunkSize') this.#chunkSize = ours(control.chunkSize)
  }
}

/** Our own chunk size is never below the one both sides begin with: it would cost the peer a header every few bytes. */
function ours(chunkSize: number): number {
  if (!(Number.isInteger(chunkSize) && chunkSize >= DEFAULT_CHUNK_SIZE && chunkSize <= MAX_CHUNK_SIZE)) {
    throw new RangeError(
      `a chunk size of our own is a whole number from ${DEFAULT_CHUNK_SIZE} to ${MAX_CHUNK_SIZE}, not ${chunkSize}`
    )
  }
  return chunkSize
}

function headerOf({ type, messageStreamId, chunkStreamId, timestamp, payload }: Message): ChunkHeader {
  return { chunkStreamId, timestamp, length: payload.length, type, messageStreamId }
}
