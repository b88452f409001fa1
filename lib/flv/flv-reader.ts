import { ByteQueue } from '../bytes/byte-queue.ts'
import { ByteReader } from '../bytes/byte-reader.ts'
import { ProtocolError, type RtmpErrorCode, type Truncated } from '../errors.ts'
import { type Limits, limitsWith } from '../limits.ts'
import type { Message } from '../message/message.ts'
import {
  FLV_HEADER_LENGTH,
  FLV_TAG_HEADER_LENGTH,
  type FlvTracks,
  flvTracks,
  PREVIOUS_TAG_SIZE_LENGTH
} from './flv-tag.ts'

/** Options of FlvReader and FlvDecoder. */
export interface FlvReaderOptions {
  /** Limits that differ from the defaults: see Limits. `messageBytes` bounds a tag. */
  limits?: Partial<Limits>
  /** Called once, after the header of the file. */
  onHeader?: (tracks: FlvTracks) => void
  /** Called for each PreviousTagSize that differs from the size of the preceding tag; reading continues. */
  onPreviousTagSize?: (mismatch: PreviousTagSizeMismatch) => void
}

/** A wrong tag size; Red5 writes such files. */
export interface PreviousTagSizeMismatch {
  /** The position of the field: bytes from the beginning of the file. */
  readonly offset: number
  /** Bytes of the preceding tag. */
  readonly expected: number
  /** The value of the field. */
  readonly found: number
}

/** The longest header accepted: FLV 10.1 defines 9 bytes. */
const MAX_HEADER_LENGTH = 64 * 1024
/** Tag types: audio, video, AMF3 script (Enhanced RTMP v2), script. The bit above them marks an encrypted tag. */
const TAG_TYPES: readonly number[] = [8, 9, 15, 18]
const TAG_TYPE_BITS = 0x1f

/**
 * Reads an FLV file (FLV 10.1, Annex E), whose tags are messages with another header.
 *
 * @example
 * ```ts
 * const reader = new FlvReader()
 * for (const message of reader.messages(readFileSync('film.flv'))) console.log(message.timestamp)
 * ```
 */
export class FlvReader {
  readonly #limits: Limits
  readonly #options: FlvReaderOptions
  readonly #queue = new ByteQueue()
  #offset = 0
  /** The parser of the next part: header, size, tag, size, tag and so on. */
  #next: () => Message | undefined | false = () => this.#header()
  /** Missing bytes of the current part, for `cut`. */
  #wanted = FLV_HEADER_LENGTH
  #tagSize = 0
  #tag: Omit<Message, 'payload'> | undefined
  /** Whether the position is between two tags, where a file may end. */
  #between = false

  constructor(options: FlvReaderOptions = {}) {
    this.#options = options
    this.#limits = limitsWith(options.limits)
  }

  /** Bytes read so far; when a message is returned, the end of its tag without the size after it. */
  get offset(): number {
    return this.#offset
  }

  /**
   * Reads the next bytes and yields the messages that end in them.
   * @throws ProtocolError `ERR_RTMP_FLV_HEADER`, `ERR_RTMP_FLV_TAG`, `ERR_RTMP_MESSAGE_TOO_LONG`.
   */
  *messages(bytes: Buffer): Generator<Message, void> {
    this.#queue.push(bytes)
    for (;;) {
      const made = this.#next()
      if (made === false) return
      if (made !== undefined) yield made
    }
  }

  /** At the end of the input: what is truncated, if anything. */
  cut(): Truncated | undefined {
    const missing = this.#wanted - this.#queue.length
    if (this.#between && this.#queue.length === 0) return undefined
    return { layer: 'flv', offset: this.#offset + this.#queue.length, missing }
  }

  #take(length: number): ByteReader | undefined {
    this.#wanted = length
    const taken = this.#queue.take(length)
    if (taken === undefined) return undefined
    this.#offset += length
    return new ByteReader(taken, 'flv')
  }

  #header(): undefined | false {
    for (let i = 0; i < Math.min(3, this.#queue.length); i++) {
      if (this.#queue.at(i) !== 'FLV'.charCodeAt(i)) this.#fail('ERR_RTMP_FLV_HEADER', 0, 'no FLV signature')
    }
    const header = this.#take(FLV_HEADER_LENGTH)
    if (header === undefined) return false
    const flags = header.bytes[4]!
    const length = header.bytes.readUInt32BE(5)
    if (length < FLV_HEADER_LENGTH || length > MAX_HEADER_LENGTH)
      this.#fail('ERR_RTMP_FLV_HEADER', 0, `header length ${length}`)
    this.#options.onHeader?.(flvTracks(flags))
    this.#next = () => this.#skip(length - FLV_HEADER_LENGTH)
    return undefined
  }

  #skip(length: number): undefined | false {
    if (this.#take(length) === undefined) return false
    this.#next = () => this.#previousTagSize()
    this.#between = true
    return undefined
  }

  #previousTagSize(): undefined | false {
    const size = this.#take(PREVIOUS_TAG_SIZE_LENGTH)
    if (size === undefined) return false
    const found = size.u32()
    if (found !== this.#tagSize) {
      this.#options.onPreviousTagSize?.({
        offset: this.#offset - PREVIOUS_TAG_SIZE_LENGTH,
        expected: this.#tagSize,
        found
      })
    }
    this.#next = () => this.#tagHeader()
    this.#between = true
    return undefined
  }

  #tagHeader(): undefined | false {
    const header = this.#take(FLV_TAG_HEADER_LENGTH)
    if (header === undefined) return false
    const start = this.#offset - FLV_TAG_HEADER_LENGTH
    const type = header.u8()
    if (!TAG_TYPES.includes(type & TAG_TYPE_BITS)) this.#fail('ERR_RTMP_FLV_TAG', start, `type ${type}`)
    const length = header.u24()
    if (length > this.#limits.messageBytes) this.#fail('ERR_RTMP_MESSAGE_TOO_LONG', start, `${length} bytes`)
    const timestamp = header.u24() + header.u8() * 0x1000000
    this.#tag = { type, messageStreamId: 0, timestamp }
    this.#tagSize = FLV_TAG_HEADER_LENGTH + length
    this.#between = false
    this.#next = () => this.#body(length)
    return undefined
  }

  #body(length: number): Message | false {
    const body = this.#take(length)
    if (body === undefined) return false
    this.#between = true
    this.#next = () => this.#previousTagSize()
    return { ...this.#tag!, payload: body.bytes }
  }

  #fail(code: RtmpErrorCode, offset: number, detail: string): never {
    throw new ProtocolError(code, { layer: 'flv', offset, detail })
  }
}
