import type { Duplex } from 'node:stream'
import type { Message } from '../message/message.ts'
import { Layer } from '../stream/layer.ts'
import { AcknowledgementWindow, type AcknowledgementWindowOptions } from './acknowledgement-window.ts'
import type { Chunk } from './chunk.ts'

export type WindowAcknowledgerOptions = AcknowledgementWindowOptions

/**
 * A layer over a Duplex of Chunks that counts what is received and acknowledges it by window (RTMP 1.0, 5.4.3-5). It takes in
 * Acknowledgement, Window Acknowledgement Size and Set Peer Bandwidth, which speak of one hop only, and passes all else. Over
 * a wire that has shaken hands, say so: `{ received: 3073 }`.
 */
export class WindowAcknowledger extends Layer<Chunk> {
  readonly #window: AcknowledgementWindow
  /** The latest Acknowledgement that the full lower has not taken: each tells the whole, so one is enough. */
  #pending: Message | undefined

  constructor(lower: Duplex, options?: WindowAcknowledgerOptions) {
    super(lower)
    this.#window = new AcknowledgementWindow(options)
    lower.on('drain', () => this.#acknowledge(this.#pending))
  }

  protected override inbound(chunk: Chunk): void {
    const { control } = chunk
    this.#acknowledge(this.#window.receive(chunk.byteLength))
    const answer = control === undefined ? undefined : this.#window.heed(control)
    if (answer !== undefined) this.lower.write(inOneChunk(answer))
    if (!isOfTheHop(chunk)) this.up(chunk)
  }

  #acknowledge(due: Message | undefined): void {
    if (due === undefined) return
    this.#pending = this.lower.writableNeedDrain ? due : undefined
    if (this.#pending === undefined) this.lower.write(inOneChunk(due))
  }
}

const isOfTheHop = ({ header: { type } }: Chunk): boolean => type === 3 || type === 5 || type === 6

/** An answer fits the smallest chunk there is. */
function inOneChunk({ payload, ...header }: Message): Chunk {
  return { header: { ...header, length: payload.length }, payload, last: true, byteLength: 0 }
}

export const windowAcknowledger = (lower: Duplex, options?: WindowAcknowledgerOptions): WindowAcknowledger =>
  new WindowAcknowledger(lower, options)
