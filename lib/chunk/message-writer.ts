import { MAX_MESSAGE_LENGTH, type Message, MessageTypeId } from '../message/message.ts'
import { type Chunk, type ChunkHeader, DEFAULT_CHUNK_SIZE, MAX_CHUNK_HEADER_LENGTH, MAX_CHUNK_SIZE } from './chunk.ts'
import { usualChunkStreamId } from './chunk-stream-id.ts'
import type { ChunkWriter } from './chunk-writer.ts'
import { chunkSizeOf, protocolControlLength, setChunkSize } from './protocol-control.ts'

/** Options of MessageWriter, MessageChunker and MessageWire. */
export interface MessageWriterOptions {
  /**
   * The chunk size of sent messages: 128 to 16777215. If it is not 128, a Set Chunk Size precedes the first message.
   * Larger is cheaper for both sides; smaller lets audio pass a large video message sooner.
   */
  chunkSize?: number
  /** Messages of this hop that precede the first message and the Set Chunk Size. */
  announce?: readonly Message[]
}

/**
 * Cuts messages into chunks, the mirror of MessageReader. The chunk size is changed in band: a Set Chunk Size that is
 * written goes out, and holds from the next chunk on (RTMP 1.0, 5.4.1). A message that names no chunk stream goes out on the usual one of
 * its type.
 *
 * @example
 * ```ts
 * const writer = new MessageWriter({ chunkSize: 4096 })
 * const chunkWriter = new ChunkWriter()
 * socket.write(writer.bytes(message, chunkWriter))
 * ```
 */
export class MessageWriter {
  #chunkSize = DEFAULT_CHUNK_SIZE
  #announce: readonly Message[]

  /** @throws RangeError for a chunk size outside 128 to 16777215. */
  constructor(options: MessageWriterOptions = {}) {
    const { chunkSize = DEFAULT_CHUNK_SIZE, announce = [] } = options
    this.#announce = chunkSize === DEFAULT_CHUNK_SIZE ? announce : [...announce, setChunkSize(ours(chunkSize))]
  }

  /** The current chunk size. */
  get chunkSize(): number {
    return this.#chunkSize
  }

  /**
   * The chunks of `message`.
   * @throws RangeError for a payload over 16777215 bytes, or a Set Chunk Size below 128.
   */
  *chunks(message: Message): Generator<Chunk, void> {
    for (const each of [...this.#announced(), message]) {
      checkLength(each)
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
    const opening = this.opening(writer)
    const bytes = this.#bytes(message, writer)
    return opening === undefined ? bytes : Buffer.concat([opening, bytes])
  }

  /** The bytes of what precedes the first message, if that is still to be sent. */
  opening(writer: ChunkWriter): Buffer | undefined {
    if (this.#announce.length === 0) return undefined
    return Buffer.concat(this.#announced().map(each => this.#bytes(each, writer)))
  }

  #bytes(message: Message, writer: ChunkWriter): Buffer {
    checkLength(message)
    const { payload } = message
    const bytes = Buffer.allocUnsafe(roomFor(payload.length, this.#chunkSize))
    const end = writer.putAll(bytes, 0, headerOf(message), payload, this.#chunkSize)
    this.#heed(message)
    return bytes.subarray(0, end)
  }

  #announced(): readonly Message[] {
    const announced = this.#announce
    this.#announce = []
    return announced
  }

  #heed(message: Message): void {
    const { type, payload } = message
    if (type !== MessageTypeId.SetChunkSize) return
    if (payload.length < protocolControlLength(type))
      throw new RangeError(`a Set Chunk Size of ${payload.length} bytes`)
    this.#chunkSize = ours(chunkSizeOf(payload))
  }
}

/** Our chunk size is at least the initial one: a smaller one would cost the peer a header every few bytes. */
function ours(chunkSize: number): number {
  if (!(Number.isInteger(chunkSize) && chunkSize >= DEFAULT_CHUNK_SIZE && chunkSize <= MAX_CHUNK_SIZE)) {
    throw new RangeError(
      `chunkSize must be an integer from ${DEFAULT_CHUNK_SIZE} to ${MAX_CHUNK_SIZE}, not ${chunkSize}`
    )
  }
  return chunkSize
}

function checkLength({ payload }: Message): void {
  if (payload.length > MAX_MESSAGE_LENGTH)
    throw new RangeError(`message payload must be at most ${MAX_MESSAGE_LENGTH} bytes, not ${payload.length}`)
}

/** Bytes that are enough for a payload of this length with the headers of its chunks. */
export function roomFor(length: number, chunkSize: number): number {
  return length + MAX_CHUNK_HEADER_LENGTH * Math.ceil((length + 1) / chunkSize)
}

function headerOf({ type, messageStreamId, chunkStreamId, timestamp, payload }: Message): ChunkHeader {
  const id = chunkStreamId ?? usualChunkStreamId(type)
  return { chunkStreamId: id, timestamp, length: payload.length, type, messageStreamId }
}
