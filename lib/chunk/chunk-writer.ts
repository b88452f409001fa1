import {
  type Chunk,
  type ChunkFormat,
  type ChunkHeader,
  EXTENDED_TIMESTAMP,
  MAX_CHUNK_HEADER_LENGTH,
  MAX_CHUNK_STREAM_ID,
  MIN_CHUNK_STREAM_ID
} from './chunk.ts'
import { type MessageHeaderFields, putBasicHeader, putMessageHeader } from './chunk-header.ts'

/** Several chunks go into one buffer up to this many bytes. */
const BUFFER_LENGTH = 65536

/** What was last written on a chunk stream. */
interface Sent extends MessageHeaderFields {
  readonly timestamp: number
  /** Bytes of the message that are still to be written. */
  left: number
}

/**
 * Writes chunks (RTMP 1.0, 5.3), the mirror of ChunkReader. It leaves out of each header what the chunk stream's last one
 * said; a chunk that names its format gets it where that tells the truth. It never begins a message with format 3 of its own
 * accord, nor writes a delta of 2^24 or more, for readers differ about both: such a message begins with format 0.
 *
 * @example
 * ```ts
 * const writer = new ChunkWriter()
 * socket.write(writer.write(chunk))
 * ```
 */
export class ChunkWriter {
  readonly #sent = new Map<number, Sent>()

  /**
   * The bytes of one chunk. Its payload must be as long as the chunk size in force wants it: MessageWriter cuts it so.
   * @throws RangeError for a chunk that no reader could understand: a chunk stream id outside 2 to 65599, a number that its
   *   field does not hold, a payload beyond the message's length, another message in the middle of one.
   */
  write(chunk: Chunk): Buffer {
    const bytes = Buffer.allocUnsafe(MAX_CHUNK_HEADER_LENGTH + chunk.payload.length)
    const end = this.put(bytes, 0, chunk.header, chunk.payload, 0, chunk.payload.length)
    return bytes.subarray(0, end)
  }

  /**
   * The bytes of chunks, in buffers of 64 KB at most, or of one larger chunk; what comes ahead of one that cannot be written is given first.
   * @throws RangeError as write.
   */
  *buffers(chunks: readonly Chunk[]): Generator<Buffer, void> {
    let to = 0
    while (to < chunks.length) {
      const from = to
      let room = roomOf(chunks[to++]!)
      while (to < chunks.length && room + roomOf(chunks[to]!) <= BUFFER_LENGTH) room += roomOf(chunks[to++]!)
      const bytes = Buffer.allocUnsafe(room)
      let end = 0
      try {
        for (const { header, payload } of chunks.slice(from, to))
          end = this.put(bytes, end, header, payload, 0, payload.length)
      } finally {
        if (end > 0) yield bytes.subarray(0, end)
      }
    }
  }

  /** Writes the chunk of payload[start..end) into `bytes` at `at`, and says where it ends. */
  put(bytes: Buffer, at: number, header: ChunkHeader, payload: Buffer, start: number, end: number): number {
    const before = this.#sent.get(header.chunkStreamId)
    const length = end - start
    const continues = before !== undefined && before.left > 0
    const sent = continues ? this.#continued(before, header) : begun(before, header)
    if (length > sent.state.left)
      throw new RangeError(`chunk of ${length} bytes exceeds the ${sent.state.left} bytes left of its message`)
    if (!continues) this.#sent.set(header.chunkStreamId, sent.state)
    sent.state.left -= length
    let to = putBasicHeader(bytes, at, sent.format, header.chunkStreamId)
    to = putMessageHeader(bytes, to, sent.format, sent.state)
    payload.copy(bytes, to, start, end)
    return to + length
  }

  /** Writes all the chunks of a message into `bytes` at `at`, each as long as `chunkSize` allows, and says where they end. */
  putAll(bytes: Buffer, at: number, header: ChunkHeader, payload: Buffer, chunkSize: number): number {
    let to = at
    let start = 0
    do {
      const end = Math.min(payload.length, start + chunkSize)
      to = this.put(bytes, to, header, payload, start, end)
      start = end
    } while (start < payload.length)
    return to
  }

  /** Others have written on this chunk stream: its next message takes the whole header. */
  forget(chunkStreamId: number): void {
    this.#sent.delete(chunkStreamId)
  }

  #continued(state: Sent, header: ChunkHeader): { format: ChunkFormat; state: Sent } {
    if (
      state.timestamp !== header.timestamp ||
      state.length !== header.length ||
      state.type !== header.type ||
      state.messageStreamId !== header.messageStreamId
    ) {
      throw new RangeError(`chunk stream ${header.chunkStreamId} has an unfinished message`)
    }
    return { format: 3, state }
  }
}

/** Bytes that are enough for a chunk. */
const roomOf = ({ payload }: Chunk): number => MAX_CHUNK_HEADER_LENGTH + payload.length

/** The state after a message has begun, and the format its first chunk takes. */
function begun(before: Sent | undefined, header: ChunkHeader): { format: ChunkFormat; state: Sent } {
  const { timestamp, length, type, messageStreamId } = checked(header)
  const delta = before === undefined ? 0 : (timestamp - before.timestamp) >>> 0
  const shortest = before === undefined ? 0 : shortestFormat(before, header, delta)
  const chosen = shortest === 0 || delta >= EXTENDED_TIMESTAMP ? 0 : Math.min(shortest, 2)
  const format = Math.min(header.format ?? chosen, shortest) as ChunkFormat
  const field = format === 0 ? timestamp : delta
  const extended = field >= EXTENDED_TIMESTAMP ? field : undefined
  return { format, state: { timestamp, delta: field, extended, length, type, messageStreamId, left: length } }
}

/** The most a header may leave out and still tell the truth to a reader that saw `before`. */
function shortestFormat(before: Sent, header: ChunkHeader, delta: number): ChunkFormat {
  if (header.messageStreamId !== before.messageStreamId) return 0
  if (header.length !== before.length || header.type !== before.type) return 1
  return delta === before.delta ? 3 : 2
}

function checked(header: ChunkHeader): ChunkHeader {
  const { chunkStreamId, timestamp, length, type, messageStreamId } = header
  within('chunk stream id', chunkStreamId, MIN_CHUNK_STREAM_ID, MAX_CHUNK_STREAM_ID)
  within('timestamp', timestamp, 0, 0xffffffff)
  within('message length', length, 0, 0xffffff)
  within('message type', type, 0, 0xff)
  within('message stream id', messageStreamId, 0, 0xffffffff)
  return header
}

function within(name: string, value: number, least: number, most: number): void {
  if (!(Number.isInteger(value) && value >= least && value <= most)) {
    throw new RangeError(`${name} must be an integer from ${least} to ${most}, not ${value}`)
  }
}
