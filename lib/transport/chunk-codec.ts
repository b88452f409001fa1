import { debug } from '../channels.ts'
import { AcknowledgementWindow } from '../chunk/acknowledgement-window.ts'
import { BatchChunks } from '../chunk/batch-chunks.ts'
import { ChunkReader, type ChunkReaderOptions } from '../chunk/chunk-reader.ts'
import { MEDIA_CHUNK_STREAM_IDS } from '../chunk/chunk-stream-id.ts'
import { ChunkWriter } from '../chunk/chunk-writer.ts'
import { MessageReader } from '../chunk/message-reader.ts'
import { MessageWriter, type MessageWriterOptions } from '../chunk/message-writer.ts'
import { controlChunk } from '../chunk/protocol-control.ts'
import type { Truncated } from '../errors.ts'
import type { MessageBatch } from '../live/message-batch.ts'
import { isProtocolControlType, type Message, type MessageStreamId } from '../message/message.ts'

export interface ChunkCodecOptions extends MessageWriterOptions, ChunkReaderOptions {
  /** See AcknowledgementWindowOptions. */
  windowSize: number
}

/** What a codec needs of the wire that it belongs to. */
export interface AnswerSide {
  /** Whether the lower is full: then answers wait for `sayOwed`. */
  isFull(): boolean
  /** Sends the bytes of an answer. */
  answer(bytes: Buffer): void
  /** Called for each Acknowledgement of the peer. */
  acknowledged(): void
  /** What lines of NODE_DEBUG call the wire. */
  label(): string
}

/**
 * Both directions of the chunk stream after a handshake: bytes to Messages and back, without Chunk objects. Protocol control messages
 * (types 1, 2, 3, 5 and 6) take effect here, are answered, and are not passed on.
 */
export class ChunkCodec {
  readonly #side: AnswerSide
  readonly #chunkReader: ChunkReader
  readonly #messageReader: MessageReader
  readonly #window: AcknowledgementWindow
  readonly #messageWriter: MessageWriter
  readonly #chunkWriter = new ChunkWriter()
  /**
   * The encoder of the last batch, which usually serves the next one too. Undefined after a single message was sent: that may change the chunk
   * size, and its header must not refer to headers of a batch.
   */
  #batchChunks: BatchChunks | undefined

  /** @throws RangeError for an option out of range. */
  constructor(side: AnswerSide, { windowSize, ...options }: ChunkCodecOptions) {
    this.#side = side
    this.#chunkReader = new ChunkReader(options)
    this.#messageReader = new MessageReader(options)
    this.#messageWriter = new MessageWriter(options)
    this.#window = new AcknowledgementWindow({ windowSize })
  }

  /** Bytes of unfinished messages. */
  get held(): number {
    return this.#messageReader.held
  }

  /** Feeds the next bytes, once `next` has returned all messages of the last ones. If they are `ours`, it may overwrite them. */
  feed(bytes: Buffer, ours: boolean): void {
    this.#chunkReader.feed(bytes, ours)
  }

  /**
   * The next message; undefined when more bytes are needed.
   * @throws ProtocolError as ChunkReader and MessageReader.
   */
  next(): Message | undefined {
    const reader = this.#chunkReader
    while (reader.next()) {
      if (reader.chunkEnd) this.#window.receive(reader.byteLength)
      if (this.#window.isDue && !this.#side.isFull()) this.#say(this.#window.acknowledge())
      if (reader.control !== undefined) {
        this.#messageReader.heed(reader.control)
        this.#window.heed(reader.control)
        if (reader.control.kind === 'Acknowledgement') this.#side.acknowledged()
        else if (debug.enabled) debug('%s < %s', this.#side.label(), Object.values(reader.control).join(' '))
        if (!this.#side.isFull()) this.#say(this.#window.answer())
      }
      const message = this.#messageReader.add(reader.header, reader.source, reader.start, reader.end, reader.last)
      if (message !== undefined && !isProtocolControlType(message.type)) return message
    }
    return undefined
  }

  /** Sends what has waited while the lower was full: the latest Window Acknowledgement Size and the latest Acknowledgement. */
  sayOwed(): void {
    this.#say(this.#window.answer())
    this.#say(this.#window.acknowledge())
  }

  /** At the end of the input: what it has truncated, if anything. */
  cut(): Truncated | undefined {
    return this.#chunkReader.cut()
  }

  /**
   * The bytes of a message.
   * @throws RangeError as MessageWriter and ChunkWriter.
   */
  message(message: Message): Buffer {
    if (this.#batchChunks !== undefined) for (const id of MEDIA_CHUNK_STREAM_IDS) this.#chunkWriter.forget(id)
    this.#batchChunks = undefined
    return this.#messageWriter.bytes(message, this.#chunkWriter)
  }

  /** The bytes of a batch on a message stream, in the buffer that all players share; before the first message with what is announced. */
  batch(batch: MessageBatch, messageStreamId: MessageStreamId): Buffer {
    const last = this.#batchChunks
    if (last?.messageStreamId === messageStreamId) return batch.encoded(last)
    const opening = this.#messageWriter.opening(this.#chunkWriter)
    this.#batchChunks = new BatchChunks(this.#messageWriter.chunkSize, messageStreamId)
    const bytes = batch.encoded(this.#batchChunks)
    return opening === undefined ? bytes : Buffer.concat([opening, bytes])
  }

  /** The bytes of a protocol control or user control message. */
  control(message: Message): Buffer {
    return this.#chunkWriter.write(controlChunk(message))
  }

  #say(message: Message | undefined): void {
    if (message !== undefined) this.#side.answer(this.control(message))
  }
}
