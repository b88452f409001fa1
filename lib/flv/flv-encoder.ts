import type { Message } from '../message/message.ts'
import { Stage } from '../stream/stage.ts'
import { FlvWriter, type FlvWriterOptions } from './flv-writer.ts'

/** Options of FlvEncoder. */
export type FlvEncoderOptions = FlvWriterOptions

/**
 * Messages to the bytes of an FLV file (FLV 10.1, Annex E): audio, video and data; others are skipped. The output
 * always consists of complete tags, so a file that is cut anywhere is playable up to there.
 */
export class FlvEncoder extends Stage<Message, Buffer> {
  readonly #writer: FlvWriter

  constructor(options: FlvEncoderOptions = {}) {
    super({ layer: 'flv', to: 'bytes' })
    this.#writer = new FlvWriter(options)
  }

  protected override turn(message: Message): void {
    for (const bytes of this.#writer.write(message)) this.push(bytes)
  }

  protected override last(): void {
    for (const bytes of this.#writer.begin()) this.push(bytes)
  }
}

/** An FlvEncoder: Messages to the bytes of an FLV file. */
export const flvEncoder = (options?: FlvEncoderOptions): FlvEncoder => new FlvEncoder(options)
