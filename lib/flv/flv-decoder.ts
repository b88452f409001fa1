import type { Message } from '../message/message.ts'
import { Stage } from '../stream/stage.ts'
import { FlvReader, type FlvReaderOptions, type FlvResync, type PreviousTagSizeMismatch } from './flv-reader.ts'
import type { FlvTracks } from './flv-tag.ts'

/** Options of FlvDecoder. */
export type FlvDecoderOptions = Pick<FlvReaderOptions, 'limits' | 'strict'>

/** Events of FlvDecoder, beside those of every stage. */
export interface FlvDecoderEvents {
  /** The header has been read: which tracks the file says it has. */
  header: [tracks: FlvTracks]
  /** The size after a tag is not that of the tag; it is ignored. */
  previousTagSize: [mismatch: PreviousTagSizeMismatch]
  /** Damaged bytes were skipped: the next tag follows. */
  resync: [skipped: FlvResync]
}

/**
 * The bytes of an FLV file to Messages, of message stream 0 (FLV 10.1, Annex E). Bytes that are no FLV end it with a
 * ProtocolError of layer `'flv'`; a tag that the end of the file cuts is a `'truncated'` event. Damaged bytes are skipped, with an event
 * `'resync'`, unless `strict` or no tag follows them (see FlvReader). Events: see FlvDecoderEvents.
 */
export class FlvDecoder extends Stage<Buffer, Message, FlvDecoderEvents> {
  readonly #reader: FlvReader

  constructor(options: FlvDecoderOptions = {}) {
    super({ layer: 'flv', from: 'bytes' })
    this.#reader = new FlvReader({
      ...options,
      onHeader: tracks => this.emit('header', tracks),
      onPreviousTagSize: mismatch => this.emit('previousTagSize', mismatch),
      onResync: skipped => this.emit('resync', skipped)
    })
  }

  protected override turn(bytes: Buffer): Iterable<Message> {
    return this.#reader.messages(bytes)
  }

  protected override *last(): Iterable<Message> {
    yield* this.#reader.end()
    this.tell(this.#reader.cut())
  }
}

/**
 * An FlvDecoder: bytes of an FLV file to Messages. It ends with `ERR_RTMP_FLV_HEADER`, and with
 * `ERR_RTMP_FLV_TAG` or `ERR_RTMP_MESSAGE_TOO_LONG` where no tag follows damaged bytes.
 */
export const flvDecoder = (options?: FlvDecoderOptions): FlvDecoder => new FlvDecoder(options)
