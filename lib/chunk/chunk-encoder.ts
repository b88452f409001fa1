import { Stage } from '../stream/stage.ts'
import type { Chunk } from './chunk.ts'
import { ChunkWriter } from './chunk-writer.ts'

/**
 * Chunks to bytes (RTMP 1.0, 5.3), with as little header as tells the truth; an array of them is few buffers, and not one each. A
 * chunk that cannot be written ends it with a RangeError, behind the bytes of those ahead of it: see ChunkWriter.
 */
export class ChunkEncoder extends Stage<Chunk | readonly Chunk[], Buffer> {
  readonly #writer = new ChunkWriter()

  constructor() {
    super({ layer: 'chunk', to: 'bytes' })
  }

  protected override turn(chunk: Chunk | readonly Chunk[]): Iterable<Buffer> {
    return this.#writer.buffers(Array.isArray(chunk) ? chunk : [chunk as Chunk])
  }

  /** Chunks that come at once are one array. */
  override takeRunNow(chunks: readonly Chunk[]): number {
    return this.takeNow(chunks) ? chunks.length : 0
  }

  override _writev(writes: { chunk: Chunk | readonly Chunk[] }[], done: (error?: Error | null) => void): void {
    this._write(
      writes.flatMap(({ chunk }) => chunk),
      'utf8',
      done
    )
  }
}

/** A ChunkEncoder: Chunks to bytes. It ends with a RangeError for a chunk that cannot be written. */
export const chunkEncoder = (): ChunkEncoder => new ChunkEncoder()
