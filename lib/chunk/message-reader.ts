import { ByteCollector } from '../bytes/byte-collector.ts'
import { ProtocolError, type Truncated } from '../errors.ts'
import { type Limits, limitsWith } from '../limits.ts'
import { type Message, PINNED } from '../message/message.ts'
import type { ChunkHeader, ProtocolControl } from './chunk.ts'

/** Options of MessageReader and MessageAssembler. */
export interface MessageReaderOptions {
  /** Limits that differ from the defaults: see Limits. `messageBytes` and `bufferedBytes` apply. */
  limits?: Partial<Limits>
}

/**
 * Joins messages from the runs of payload that ChunkReader finds. Each chunk stream has at most one unfinished message.
 *
 * @example
 * ```ts
 * const chunks = new ChunkReader()
 * const reader = new MessageReader()
 * chunks.feed(bytes)
 * while (chunks.next()) {
 *   if (chunks.control !== undefined) reader.heed(chunks.control)
 *   const message = reader.add(chunks.header, chunks.source, chunks.start, chunks.end, chunks.last)
 *   if (message !== undefined) console.log(message.type, message.timestamp)
 * }
 * ```
 */
export class MessageReader {
  readonly #limits: Limits
  readonly #parts = new Map<number, ByteCollector>()
  #held = 0

  constructor(options: MessageReaderOptions = {}) {
    this.#limits = limitsWith(options.limits)
  }

  /** Bytes of memory that the unfinished messages hold. */
  get held(): number {
    return this.#held
  }

  /**
   * Adds source[start..end), the next run of its message. Returns the message after its last run.
   * @throws ProtocolError `ERR_RTMP_MESSAGE_TOO_LONG`, `ERR_RTMP_BUFFERED_TOO_MUCH`.
   */
  add(header: ChunkHeader, source: Buffer, start: number, end: number, last: boolean): Message | undefined {
    const part = this.#parts.get(header.chunkStreamId)
    if (part === undefined && last) return message(header, unpinned(source, start, end))
    const collector = part ?? this.#begin(header)
    const before = collector.held
    collector.add(source, start, end)
    this.#held += collector.held - before
    if (this.#held > this.#limits.bufferedBytes) {
      throw new ProtocolError('ERR_RTMP_BUFFERED_TOO_MUCH', {
        layer: 'message',
        offset: collector.filled,
        detail: `${this.#held}`
      })
    }
    if (!last) return undefined
    this.#forget(header.chunkStreamId, collector)
    return message(header, collector.taken())
  }

  /** Applies an Abort: drops the unfinished message of its chunk stream (RTMP 1.0, 5.4.2). */
  heed(control: ProtocolControl): void {
    if (control.kind !== 'Abort') return
    const part = this.#parts.get(control.chunkStreamId)
    if (part !== undefined) this.#forget(control.chunkStreamId, part)
  }

  /** At the end of the input: what it left unfinished, if anything. */
  cut(): Truncated | undefined {
    let missing = 0
    for (const { length, filled } of this.#parts.values()) missing += length - filled
    return missing === 0 ? undefined : { layer: 'message', offset: this.#filled(), missing }
  }

  #filled(): number {
    let filled = 0
    for (const part of this.#parts.values()) filled += part.filled
    return filled
  }

  #begin(header: ChunkHeader): ByteCollector {
    if (header.length > this.#limits.messageBytes) {
      throw new ProtocolError('ERR_RTMP_MESSAGE_TOO_LONG', {
        layer: 'message',
        offset: 0,
        detail: `${header.length} bytes`
      })
    }
    const collector = new ByteCollector(header.length)
    this.#parts.set(header.chunkStreamId, collector)
    return collector
  }

  #forget(chunkStreamId: number, part: ByteCollector): void {
    this.#parts.delete(chunkStreamId)
    this.#held -= part.held
  }
}

function message({ type, messageStreamId, chunkStreamId, timestamp }: ChunkHeader, payload: Buffer): Message {
  return { type, messageStreamId, chunkStreamId, timestamp, payload }
}

function unpinned(source: Buffer, start: number, end: number): Buffer {
  const view = source.subarray(start, end)
  return source.buffer.byteLength > PINNED * view.length ? Buffer.from(view) : view
}
