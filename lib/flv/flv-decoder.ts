import type { Message } from '../message/message.ts'
import { Stage } from '../stream/stage.ts'
import { FlvReader, type FlvReaderOptions } from './flv-reader.ts'

/** Options of FlvDecoder. */
export type FlvDecoderOptions = Pick<FlvReaderOptions, 'limits'>

/**
 * The bytes of an FLV file to Messages, of message stream 0 (FLV 10.1, Annex E). `'header'` tells which tracks the file says
 * it has (FlvTracks); `'previousTagSize'` of a tag size that lies (PreviousTagSizeMismatch), which is passed over. Bytes that
 * are no FLV end it with a ProtocolError of layer `'flv'`; a tag that the end of the file cuts is a `'truncated'` event.
 */
export class FlvDecoder extends Stage<Buffer, Message> {
  readonly #reader: FlvReader

  constructor(options: FlvDecoderOptions = {}) {
    super({ layer: 'flv', from: 'bytes' })
    this.#reader = new FlvReader({
      ...options,
      onHeader: tracks => this.emit('header', tracks),
      onPreviousTagSize: mismatch => this.emit('previousTagSize', mismatch)
    })
  }

  protected override turn(bytes: Buffer): Iterable<Message> {
    return this.#reader.messages(bytes)
  }

  protected override last(): void {
    this.tell(this.#reader.cut())
  }
}

/**
 * An FlvDecoder: bytes of an FLV file to Messages. It ends with `ERR_RTMP_FLV_HEADER`, `ERR_RTMP_FLV_TAG` or
 * `ERR_RTMP_MESSAGE_TOO_LONG`.
 */
export const flvDecoder = (options?: FlvDecoderOptions): FlvDecoder => new FlvDecoder(options)
