import { inLayer } from '../errors.ts'
import { Stage } from '../stream/stage.ts'
import type { Chunk } from './chunk.ts'
import { ChunkWriter } from './chunk-writer.ts'

/** Chunks that are collected at most, and bytes of their payloads. */
const MOST = 512
const MOST_BYTES = 64 * 1024

/**
 * Chunks to bytes (RTMP 1.0, 5.3), each with the shortest valid header. Chunks that are written in one turn of the event loop are encoded
 * together, 512 or 64 KB at most; so is an array of chunks. A chunk that cannot be encoded ends it with a RangeError, after the bytes of
 * the chunks before it: see ChunkWriter.
 */
export class ChunkEncoder extends Stage<Chunk | readonly Chunk[], Buffer> {
  readonly #writer = new ChunkWriter()
  /** Chunks of this turn, to be encoded at its end. */
  #chunks: Chunk[] = []
  #byteLength = 0
  static readonly #endOfTurn = (encoder: ChunkEncoder): void => encoder.#encodeRest()

  constructor() {
    super({ layer: 'chunk', to: 'bytes' })
  }

  protected override turn(chunk: Chunk | readonly Chunk[]): void | Iterable<Buffer> {
    if (this.#chunks.length === 0) process.nextTick(ChunkEncoder.#endOfTurn, this)
    if (Array.isArray(chunk)) for (const each of chunk) this.#add(each)
    else this.#add(chunk as Chunk)
    if (this.#chunks.length >= MOST || this.#byteLength >= MOST_BYTES) return this.#encoded()
  }

  protected override last(): Iterable<Buffer> {
    return this.#encoded()
  }

  #add(chunk: Chunk): void {
    this.#chunks.push(chunk)
    this.#byteLength += chunk.payload.length
  }

  /** Encodes what is left at the end of the turn, which is one buffer, or two. */
  #encodeRest(): void {
    if (this.destroyed) return
    try {
      for (const bytes of this.#encoded()) this.push(bytes)
    } catch (error) {
      this.destroy(inLayer(this.layer, error))
    }
  }

  #encoded(): Iterable<Buffer> {
    const chunks = this.#chunks
    this.#chunks = []
    this.#byteLength = 0
    return this.#writer.buffers(chunks)
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
