import { ByteWindow } from '../bytes/byte-window.ts'
import { ProtocolError, type RtmpErrorCode, type Truncated } from '../errors.ts'
import { type Limits, limitsWith } from '../limits.ts'
import type { Message } from '../message/message.ts'
import {
  bodyLength,
  FLV_HEADER_LENGTH,
  FLV_TAG_HEADER_LENGTH,
  type FlvTracks,
  flvTracks,
  isTagType,
  PREVIOUS_TAG_SIZE_LENGTH,
  tagMessage
} from './flv-tag.ts'
import { FlvTagCheck, NO_TAG } from './flv-tag-check.ts'

/** Options of FlvReader and FlvDecoder. */
export interface FlvReaderOptions {
  /** Limits that differ from the defaults: see Limits. `messageBytes` bounds a tag, `resyncBytes` the search for the next one. */
  limits?: Partial<Limits>
  /** Whether damaged bytes are an error at once, and no later tag is searched for: false. */
  strict?: boolean
  /** Called once, after the header of the file. */
  onHeader?: (tracks: FlvTracks) => void
  /** Called for each PreviousTagSize that differs from the size of the preceding tag; reading continues. */
  onPreviousTagSize?: (mismatch: PreviousTagSizeMismatch) => void
  /** Called before the first tag after damaged bytes. */
  onResync?: (skipped: FlvResync) => void
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

/** Damaged bytes that were skipped: a tag whose length is not what it says, or bytes between two tags. */
export interface FlvResync {
  /** The position of the first one: bytes from the beginning of the file. */
  readonly offset: number
  /** Their number. */
  readonly bytes: number
}

/** Why there is no tag where one is due. */
interface Fault {
  readonly code: RtmpErrorCode
  readonly detail: string
  readonly offset: number
  /** Bytes that the tag lacks at the end of the input. */
  readonly missing: number
}

/** The longest header accepted: FLV 10.1 defines 9 bytes. */
const MAX_HEADER_LENGTH = 64 * 1024
const NOTHING = Buffer.alloc(0)

/**
 * Reads an FLV file (FLV 10.1, Annex E), whose tags are messages with another header.
 *
 * A tag is a message once its end is confirmed: by the PreviousTagSize after it, by other tags that follow (some
 * programs write wrong sizes), or by the end of the input. Anything else is damage: bytes were lost or added. Reading
 * continues at the next tag whose end is confirmed, even inside the damaged one, and `onResync` reports what was
 * skipped.
 *
 * @example
 * ```ts
 * const reader = new FlvReader()
 * const messages = [...reader.messages(readFileSync('film.flv')), ...reader.end()]
 * ```
 */
export class FlvReader {
  readonly #limits: Limits
  readonly #options: FlvReaderOptions
  readonly #window = new ByteWindow()
  /** The position of the first byte of the window. */
  #offset = 0
  #tagOffset = 0
  /** The parser of the next part before the tags, false while it lacks bytes; undefined once they have begun. */
  #next: (() => boolean) | undefined = () => this.#header()
  /** Its `wanted` is what the window must hold for the next step, 0 where the file may end. */
  readonly #check: FlvTagCheck
  /** While the next tag is searched for: why there is none where one was due. */
  #fault: Fault | undefined

  constructor(options: FlvReaderOptions = {}) {
    this.#options = options
    this.#limits = limitsWith(options.limits)
    this.#check = new FlvTagCheck(this.#limits.messageBytes)
    this.#check.wanted = FLV_HEADER_LENGTH
  }

  /** Bytes read so far; when a message is returned, the end of its tag and of the size after it. */
  get offset(): number {
    return this.#offset
  }

  /** The position of the tag of the last message: bytes from the beginning of the file. */
  get tagOffset(): number {
    return this.#tagOffset
  }

  /**
   * Reads the next bytes and yields the messages whose end they confirm.
   * @throws ProtocolError `ERR_RTMP_FLV_HEADER`; `ERR_RTMP_FLV_TAG` or `ERR_RTMP_MESSAGE_TOO_LONG` for damaged bytes, if
   *   `strict`, or if no tag is found within `limits.resyncBytes`.
   */
  *messages(bytes: Buffer): Generator<Message, void> {
    this.#window.push(bytes)
    while (this.#next !== undefined) if (!this.#next()) return
    yield* this.#tags()
  }

  /**
   * At the end of the input: yields the messages whose end it confirms.
   * @throws ProtocolError `ERR_RTMP_FLV_TAG` or `ERR_RTMP_MESSAGE_TOO_LONG` for damaged bytes that no tag follows.
   */
  *end(): Generator<Message, void> {
    this.#check.isLast = true
    yield* this.messages(NOTHING)
    if (this.#fault?.missing === 0) this.#throw(this.#fault)
  }

  /** After `end()`: what is truncated, if anything. */
  cut(): Truncated | undefined {
    const { length } = this.#window.bytes
    const missing = this.#fault?.missing ?? this.#check.wanted - length
    return missing > 0 ? { layer: 'flv', offset: this.#offset + length, missing } : undefined
  }

  #header(): boolean {
    const { bytes } = this.#window
    for (let i = 0; i < Math.min(3, bytes.length); i++) {
      if (bytes[i] !== 'FLV'.charCodeAt(i)) this.#throwHeader('no FLV signature')
    }
    if (!this.#check.has(bytes, FLV_HEADER_LENGTH)) return false
    const length = bytes.readUInt32BE(5)
    if (length < FLV_HEADER_LENGTH || length > MAX_HEADER_LENGTH) this.#throwHeader(`header length ${length}`)
    this.#options.onHeader?.(flvTracks(bytes[4]!))
    this.#take(FLV_HEADER_LENGTH)
    this.#next = () => this.#restOfHeader(length - FLV_HEADER_LENGTH)
    return true
  }

  #restOfHeader(length: number): boolean {
    if (!this.#check.has(this.#window.bytes, length)) return false
    this.#take(length)
    this.#next = () => this.#firstSize()
    return true
  }

  /** The PreviousTagSize before the first tag. */
  #firstSize(): boolean {
    if (this.#window.bytes.length === 0) return false
    const isConfirmed = this.#check.endsAt(this.#window.bytes, 0, 0)
    if (isConfirmed === undefined) return false
    this.#next = undefined
    if (isConfirmed) this.#tellMismatch(this.#takeSize(0))
    else this.#search(0, 0)
    return true
  }

  *#tags(): Generator<Message, void> {
    const check = this.#check
    let at = 0
    while (at < this.#window.bytes.length) {
      const length = check.lengthAt(this.#window.bytes, at)
      if (length === undefined && (!check.isLast || this.#options.strict)) break
      if (length === undefined || length === NO_TAG) {
        const missing = length === undefined ? check.wanted - this.#window.bytes.length : 0
        this.#search(at++, missing)
        continue
      }
      if (this.#fault !== undefined) this.#resync(this.#fault, at)
      at = 0
      const message = this.#takeTag(length)
      const mismatch = this.#takeSize(FLV_TAG_HEADER_LENGTH + length)
      yield message
      this.#tellMismatch(mismatch)
    }
    this.#take(at)
    check.wanted -= at
  }

  #faultAt(at: number, missing: number): Fault {
    const { bytes } = this.#window
    const offset = this.#offset + at
    if (missing > 0 || !isTagType(bytes[at]!))
      return { code: 'ERR_RTMP_FLV_TAG', detail: `type ${bytes[at]}`, offset, missing }
    const length = bodyLength(bytes, at)
    const code = length > this.#limits.messageBytes ? 'ERR_RTMP_MESSAGE_TOO_LONG' : 'ERR_RTMP_FLV_TAG'
    return { code, detail: `${length} bytes`, offset, missing }
  }

  /** There is no tag at `at`, nor between there and where one is due. */
  #search(at: number, missing: number): void {
    this.#fault ??= this.#faultAt(at, missing)
    this.#check.isSearching = true
    const searched = this.#offset + at - this.#fault.offset
    if (this.#options.strict || searched >= this.#limits.resyncBytes) this.#throw(this.#fault)
  }

  #resync({ offset }: Fault, at: number): void {
    this.#take(at)
    this.#fault = undefined
    this.#check.isSearching = false
    this.#options.onResync?.({ offset, bytes: this.#offset - offset })
  }

  #takeTag(length: number): Message {
    this.#tagOffset = this.#offset
    return tagMessage(this.#take(FLV_TAG_HEADER_LENGTH + length))
  }

  /** The size after a tag of `expected` bytes, as far as there is one; returns it if it is wrong. */
  #takeSize(expected: number): PreviousTagSizeMismatch | undefined {
    const offset = this.#offset
    const size = this.#take(Math.min(PREVIOUS_TAG_SIZE_LENGTH, this.#window.bytes.length))
    this.#check.wanted = size.length === 0 ? 0 : PREVIOUS_TAG_SIZE_LENGTH - size.length
    const found = size.length < PREVIOUS_TAG_SIZE_LENGTH ? expected : size.readUInt32BE()
    this.#check.areSizesWrong = found !== expected
    return found === expected ? undefined : { offset, expected, found }
  }

  #tellMismatch(mismatch: PreviousTagSizeMismatch | undefined): void {
    if (mismatch !== undefined) this.#options.onPreviousTagSize?.(mismatch)
  }

  #take(length: number): Buffer {
    this.#offset += length
    return this.#window.take(length)
  }

  #throwHeader(detail: string): never {
    throw new ProtocolError('ERR_RTMP_FLV_HEADER', { layer: 'flv', offset: 0, detail })
  }

  #throw({ code, offset, detail }: Fault): never {
    throw new ProtocolError(code, { layer: 'flv', offset, detail })
  }
}
