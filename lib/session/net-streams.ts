import type { MessageStreamId } from '../message/message.ts'

/**
 * The message streams of a connection by their ids, and the resolution of an id. Programs use ids loosely: encoders
 * publish on 0, or without createStream, or send media on 1 whatever id they were given, and FFmpeg's server plays on
 * 0. nginx-rtmp ignores ids.
 */
export class NetStreams<Stream extends object> {
  readonly #streams = new Map<MessageStreamId, Stream>()

  get size(): number {
    return this.#streams.size
  }

  has(id: MessageStreamId): boolean {
    return this.#streams.has(id)
  }

  add(id: MessageStreamId, stream: Stream): void {
    this.#streams.set(id, stream)
  }

  /** The lowest id, from 1 on, that none of them has: one that was deleted is given again, as Red5 does. */
  get freeId(): MessageStreamId {
    let id = 1
    while (this.#streams.has(id)) id++
    return id
  }

  /** Removes it; false if it was not there. */
  delete(stream: Stream): boolean {
    for (const [id, each] of this.#streams) if (each === stream) return this.#streams.delete(id)
    return false
  }

  clear(): void {
    this.#streams.clear()
  }

  [Symbol.iterator](): IterableIterator<Stream> {
    return this.#streams.values()
  }

  /**
   * The stream of this id if it `fits`, else the only stream that fits; undefined if there is none, or more than one.
   */
  at(id: MessageStreamId, fits: (stream: Stream) => boolean = () => true): Stream | undefined {
    const named = this.#streams.get(id)
    if (named !== undefined && fits(named)) return named
    let only: Stream | undefined
    for (const stream of this.#streams.values()) {
      if (!fits(stream)) continue
      if (only !== undefined) return undefined
      only = stream
    }
    return only
  }
}
