import type { Message } from '../message/message.ts'
import { Stage } from '../stream/stage.ts'
import type { Chunk } from './chunk.ts'
import { MessageWriter, type MessageWriterOptions } from './message-writer.ts'

/** Options of MessageChunker. */
export type MessageChunkerOptions = MessageWriterOptions

/**
 * Messages to Chunks (RTMP 1.0, 5.3), of 128 bytes until a Set Chunk Size is written:
 * `chunker.write(setChunkSize(4096))` is sent and applies from then on. The option `chunkSize` writes it before the
 * first message. A message that cannot be sent ends it with a RangeError: see MessageWriter.
 */
export class MessageChunker extends Stage<Message, Chunk> {
  readonly #writer: MessageWriter

  constructor(options: MessageChunkerOptions = {}) {
    super({ layer: 'message' })
    this.#writer = new MessageWriter(options)
  }

  protected override turn(message: Message): Iterable<Chunk> {
    return this.#writer.chunks(message)
  }
}

/**
 * A MessageChunker: Messages to Chunks. It ends with a RangeError for a message that cannot be sent.
 * @throws RangeError for a chunk size outside 128 to 16777215.
 */
export const messageChunker = (options?: MessageChunkerOptions): MessageChunker => new MessageChunker(options)
