import { Stage } from '../stream/stage.ts'
import type { Chunk } from './chunk.ts'
import { ChunkReader, type ChunkReaderOptions } from './chunk-reader.ts'

/** Options of ChunkDecoder. */
export type ChunkDecoderOptions = ChunkReaderOptions

/**
 * Bytes to Chunks (RTMP 1.0, 5.3), from the first byte after the handshake. It applies Set Chunk Size and Abort, and
 * passes them on. Invalid bytes end it with a ProtocolError of layer `'chunk'`; an incomplete chunk at the end of the
 * input is a `'truncated'` event.
 */
export class ChunkDecoder extends Stage<Buffer, Chunk> {
  readonly #reader: ChunkReader

  constructor(options: ChunkDecoderOptions = {}) {
    super({ layer: 'chunk', from: 'bytes' })
    this.#reader = new ChunkReader(options)
  }

  protected override turn(bytes: Buffer): Iterable<Chunk> {
    return this.#reader.chunks(bytes)
  }

  protected override last(): void {
    this.tell(this.#reader.cut())
  }
}

/**
 * A ChunkDecoder: bytes to Chunks. It ends with `ERR_RTMP_CHUNK_*`, `ERR_RTMP_CONTROL_LENGTH` or
 * `ERR_RTMP_MESSAGE_TOO_LONG`.
 */
export const chunkDecoder = (options?: ChunkDecoderOptions): ChunkDecoder => new ChunkDecoder(options)
