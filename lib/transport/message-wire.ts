import type { Duplex } from 'node:stream'
import { AcknowledgementWindow } from '../chunk/acknowledgement-window.ts'
import { ChunkReader, type ChunkReaderOptions } from '../chunk/chunk-reader.ts'
import { ChunkWriter } from '../chunk/chunk-writer.ts'
import { MessageReader } from '../chunk/message-reader.ts'
import { MessageWriter, type MessageWriterOptions } from '../chunk/message-writer.ts'
import { controlChunk, isProtocolControlType } from '../chunk/protocol-control.ts'
import { type Clock, systemClock } from '../clock.ts'
import { HandshakeStream, type HandshakeStreamOptions } from '../handshake/handshake-stream.ts'
import { HANDSHAKE_LENGTH } from '../handshake/packets.ts'
import { limitsWith } from '../limits.ts'
import type { Message } from '../message/message.ts'

export interface MessageWireOptions
  extends HandshakeStreamOptions,
    MessageWriterOptions,
    Pick<ChunkReaderOptions, 'strict'> {
  /** Bytes received from the peer between two Acknowledgements until it says its own window: 2,500,000. */
  windowSize?: number
}

/** Nearly every video frame in one chunk, and every audio frame. FFmpeg's publisher takes over the size its server has. */
const CHUNK_SIZE = 65536

/**
 * The tower of stages folded into one Duplex of Messages over a Duplex of bytes: handshake, chunk stream, acknowledgements. It is
 * what servers and clients use; the same codecs run in the stages, one by one, for whoever wires them by hand. Messages that
 * belong to one hop (types 1, 2, 3, 5 and 6) are heeded and not passed on; its own Set Chunk Size goes out first. Errors are
 * those of HandshakeStream, ChunkReader and MessageReader. When the peer has ended, so does it, and `limits.lingerMs` later it is
 * destroyed: RTMP has no half-close.
 */
export class MessageWire extends HandshakeStream<Message> {
  readonly #chunkReader: ChunkReader
  readonly #messageReader: MessageReader
  readonly #messageWriter: MessageWriter
  readonly #chunkWriter = new ChunkWriter()
  readonly #window: AcknowledgementWindow
  readonly #clock: Clock
  readonly #lingerMs: number
  #stopLinger: (() => void) | undefined

  constructor(lower: Duplex, options: MessageWireOptions = {}) {
    super(lower, options, { from: 'objects', to: 'objects' })
    const { limits, strict, chunkSize = CHUNK_SIZE, windowSize, clock = systemClock } = options
    this.#chunkReader = new ChunkReader({ ...(limits && { limits }), ...(strict !== undefined && { strict }) })
    this.#messageReader = new MessageReader({ ...(limits && { limits }) })
    this.#messageWriter = new MessageWriter({ chunkSize })
    this.#window = new AcknowledgementWindow({
      received: HANDSHAKE_LENGTH,
      ...(windowSize !== undefined && { windowSize })
    })
    this.#clock = clock
    this.#lingerMs = limitsWith(limits).lingerMs
  }

  protected override *plain(bytes: Buffer): Generator<Message, void> {
    const reader = this.#chunkReader
    reader.feed(bytes)
    while (reader.next()) {
      if (reader.chunkEnd) this.#window.receive(reader.byteLength)
      if (!this.lower.writableNeedDrain) this.drained()
      if (reader.control !== undefined) {
        this.#messageReader.heed(reader.control)
        this.#answer(this.#window.heed(reader.control))
      }
      const message = this.#messageReader.add(reader.header, reader.source, reader.start, reader.end, reader.last)
      if (message !== undefined && !isProtocolControlType(message.type)) yield message
    }
  }

  protected override outbound(message: Message): boolean {
    return this.lower.write(this.#messageWriter.bytes(message, this.#chunkWriter))
  }

  /** While the lower is full an Acknowledgement waits; there is never more than the one. */
  protected override drained(): void {
    this.#answer(this.#window.acknowledge())
  }

  protected override ended(): void {
    this.tell(this.#chunkReader.cut())
    super.ended()
    this.#stopLinger ??= this.#clock.after(this.#lingerMs, () => this.destroy())
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    this.#stopLinger?.()
    super._destroy(error, done)
  }

  #answer(message: Message | undefined): void {
    if (message !== undefined) this.lower.write(this.#chunkWriter.write(controlChunk(message)))
  }
}

export const messageWire = (lower: Duplex, options?: MessageWireOptions): MessageWire => new MessageWire(lower, options)
