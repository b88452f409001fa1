import { Stage } from '../stream/stage.ts'
import type { Chunk } from './chunk.ts'
import { ChunkWriter } from './chunk-writer.ts'

/**
 * Chunks to bytes (RTMP 1.0, 5.3), with as little header as tells the truth. A chunk that cannot be written ends it with a
 * RangeError: see ChunkWriter.
 */
export class ChunkEncoder extends Stage<Chunk, Buffer> {
  readonly #writer = new ChunkWriter()

  constructor() {
    super({ layer: 'chunk', to: 'bytes' })
  }

  protected override turn(chunk: Chunk): void {
    this.push(this.#writer.write(chunk))
  }
}

export const chunkEncoder = (): ChunkEncoder => new ChunkEncoder()
