import type { Message } from '../message/message.ts'
import { Layer } from '../stream/layer.ts'
import type { DuplexLike } from '../stream/typed.ts'
import { AcknowledgementWindow, type AcknowledgementWindowOptions } from './acknowledgement-window.ts'
import type { Chunk } from './chunk.ts'
import { controlChunk } from './protocol-control.ts'

/** Options of WindowAcknowledger. */
export type WindowAcknowledgerOptions = AcknowledgementWindowOptions

/**
 * A layer over a Duplex of Chunks that counts what is received and acknowledges it by window (RTMP 1.0, 5.4.3-5). It takes in
 * Acknowledgement, Window Acknowledgement Size and Set Peer Bandwidth, which speak of one hop only, and passes all else.
 */
export class WindowAcknowledger extends Layer<Chunk> {
  readonly #window: AcknowledgementWindow

  constructor(lower: DuplexLike<Chunk, Chunk>, options?: WindowAcknowledgerOptions) {
    super(lower)
    this.#window = new AcknowledgementWindow(options)
  }

  protected override inbound(chunk: Chunk): void {
    const { control } = chunk
    this.#window.receive(chunk.byteLength)
    if (!this.lower.writableNeedDrain) this.#say(this.#window.acknowledge())
    if (control !== undefined) this.#window.heed(control)
    if (!this.lower.writableNeedDrain) this.#say(this.#window.answer())
    if (!isOfTheHop(chunk)) this.up(chunk)
  }

  /** While the lower is full, only the latest Acknowledgement and the latest window wait. */
  protected override drained(): void {
    this.#say(this.#window.answer())
    this.#say(this.#window.acknowledge())
  }

  #say(message: Message | undefined): void {
    if (message !== undefined) this.answer(controlChunk(message))
  }
}

const isOfTheHop = ({ header: { type } }: Chunk): boolean => type === 3 || type === 5 || type === 6

/** A WindowAcknowledger over a Duplex of Chunks. */
export const windowAcknowledger = (
  lower: DuplexLike<Chunk, Chunk>,
  options?: WindowAcknowledgerOptions
): WindowAcknowledger => new WindowAcknowledger(lower, options)
