import type { Message } from '../message/message.ts'
import { Stage } from '../stream/stage.ts'
import type { Chunk } from './chunk.ts'
import { MessageReader, type MessageReaderOptions } from './message-reader.ts'

/** Options of MessageAssembler. */
export type MessageAssemblerOptions = MessageReaderOptions

/**
 * Chunks to Messages (RTMP 1.0, 5.3), of all types, protocol control messages included. An Abort drops the message it
 * names. If unfinished messages exceed `limits`, it ends with a ProtocolError of layer `'message'`; unfinished messages
 * at the end of the input are a `'truncated'` event.
 */
export class MessageAssembler extends Stage<Chunk, Message> {
  readonly #reader: MessageReader

  constructor(options: MessageAssemblerOptions = {}) {
    super({ layer: 'message' })
    this.#reader = new MessageReader(options)
  }

  protected override turn({ header, payload, last, control }: Chunk): void {
    if (control !== undefined) this.#reader.heed(control)
    const message = this.#reader.add(header, payload, 0, payload.length, last)
    if (message !== undefined) this.push(message)
  }

  protected override last(): void {
    this.tell(this.#reader.cut())
  }
}

/** A MessageAssembler: Chunks to Messages. It ends with `ERR_RTMP_MESSAGE_TOO_LONG` or `ERR_RTMP_BUFFERED_TOO_MUCH`. */
export const messageAssembler = (options?: MessageAssemblerOptions): MessageAssembler => new MessageAssembler(options)
