import { ByteCollector } from '../bytes/byte-collector.ts'
import { ProtocolError, type RtmpErrorCode, type Truncated } from '../errors.ts'
import { type Limits, limitsWith } from '../limits.ts'
import {
  type Chunk,
  type ChunkFormat,
  type ChunkHeader,
  DEFAULT_CHUNK_SIZE,
  MAX_CHUNK_HEADER_LENGTH,
  MIN_CHUNK_STREAM_ID,
  type ProtocolControl
} from './chunk.ts'
import {
  HeaderFields,
  LONG_BASIC_HEADER,
  readBasicHeader,
  readMessageHeader,
  repeatedTimestamp
} from './chunk-header.ts'
import { type ChunkStream, ChunkStreams } from './chunk-stream.ts'
import { readProtocolControl } from './protocol-control.ts'

/** Options of ChunkReader and ChunkDecoder. */
export interface ChunkReaderOptions {
  /**
   * The limits that differ from the defaults: see Limits. `messageBytes`, `chunkStreams` and `chunkStreamHeaders`
   * are used.
   */
  limits?: Partial<Limits>
  /**
   * Refuse chunk streams that open with format 1, 2 or 3, and messages that continue in chunks of another format than 3. By default
   * the former are read as if a header of zeros preceded them: librtmp opens chunk stream 2 with a format 1 Acknowledgement
   * (captures/rtmpdump-play-live), and so does OBS. Of the latter, format 2 is read, and format 1 if it repeats the length and type
   * of the message, as nginx-rtmp, SRS and FFmpeg accept it; their timestamps are ignored.
   */
  strict?: boolean
}

/** The first byte of a header of format 3, but for its chunk stream id. */
const FORMAT_3 = 0xc0
const NO_BYTES = Buffer.alloc(0)

/**
 * Reads a chunk stream (RTMP 1.0, 5.3): bytes in, runs of message payload out. It is a cursor: `feed` bytes, then `next` for
 * as long as it says true, and between two calls its fields tell what was found. `chunks` and `chunk` put the runs together
 * to whole Chunks. It heeds Set Chunk Size and Abort as they pass (5.4.1, 5.4.2).
 *
 * @example
 * ```ts
 * const reader = new ChunkReader()
 * for (const { header, payload } of reader.chunks(bytes)) console.log(header.chunkStreamId, payload.length)
 * ```
 */
export class ChunkReader {
  readonly #strict: boolean
  readonly #streams: ChunkStreams
  /** What the header that was read last says. */
  readonly #fields = new HeaderFields()
  #chunkSize = DEFAULT_CHUNK_SIZE

  #at = 0
  #isOurs = false
  /** The beginning of a header that the last input cut. */
  #seam: Buffer = NO_BYTES
  /** The stream of the chunk in progress, and its payload still to come. */
  #stream: ChunkStream | undefined
  #chunkLeft = 0
  /** Bytes that were fed before `source`. */
  #before = 0

  /** The chunk that `chunk` is putting together, when its bytes come in several inputs. */
  #gathering: ByteCollector | undefined

  /** The run of payload that `next` found: source[start..end). */
  source: Buffer = NO_BYTES
  /** Where the run begins in `source`. */
  start = 0
  /** Where the run ends in `source`: the byte after its last. */
  end = 0
  /** The header of its message; its format is that of the message's first chunk. */
  header!: ChunkHeader
  /** The format of its chunk. */
  format: ChunkFormat = 0
  /** Bytes of the wire that its chunk has taken so far, header and payload. */
  byteLength = 0
  /** Whether the run ends its chunk. */
  chunkEnd = false
  /** Whether the run ends its message. */
  last = false
  /** What the message says, when the run ends a protocol control message. */
  control: ProtocolControl | undefined

  constructor(options: ChunkReaderOptions = {}) {
    this.#strict = options.strict ?? false
    this.#streams = new ChunkStreams(limitsWith(options.limits), (code, detail) => this.#fail(code, detail))
  }

  /** The bytes a chunk of the peer may carry at this moment. */
  get chunkSize(): number {
    return this.#chunkSize
  }

  /** Bytes read, the cut header in the seam not counted. */
  get offset(): number {
    return this.#before + this.#at - this.#seam.length
  }

  /**
   * Gives it the next bytes, once `next` has said false about the last ones. If they are `ours`, which nobody else
   * reads, those chunks of a message that lie side by side are one run: their payloads are moved together in `bytes`, over their headers.
   */
  feed(bytes: Buffer, ours = false): void {
    this.#before += this.source.length
    this.source = bytes
    this.#isOurs = ours
    this.#at = 0
  }

  /**
   * Goes to the next run of payload; false when more bytes are needed.
   * @throws ProtocolError `ERR_RTMP_CHUNK_*`, `ERR_RTMP_CONTROL_LENGTH`, `ERR_RTMP_MESSAGE_TOO_LONG`.
   */
  next(): boolean {
    if (this.#stream === undefined && !this.#readHeader()) return false
    const stream = this.#stream!
    const run = Math.min(this.#chunkLeft, this.source.length - this.#at)
    if (run === 0 && this.#chunkLeft > 0) return false
    this.header = stream.header
    this.start = this.#at
    this.end = this.#at += run
    this.byteLength += run
    this.#chunkLeft -= run
    this.chunkEnd = this.#chunkLeft === 0
    if (this.chunkEnd) this.#stream = undefined
    stream.left -= run
    if (this.#isOurs && this.chunkEnd && stream.left > 0) this.#join(stream)
    this.last = stream.left === 0
    if (this.last) this.#streams.end(stream)
    this.control = stream.control === undefined ? undefined : this.#readControl(stream, stream.control)
    return true
  }

  /** The next whole chunk; undefined when more bytes are needed. */
  chunk(): Chunk | undefined {
    while (this.next()) {
      if (this.chunkEnd && this.#gathering === undefined) {
        return this.#whole(this.source.subarray(this.start, this.end))
      }
      this.#gathering ??= new ByteCollector(this.end - this.start + this.#chunkLeft)
      this.#gathering.add(this.source, this.start, this.end)
      if (!this.chunkEnd) continue
      const payload = this.#gathering.taken()
      this.#gathering = undefined
      return this.#whole(payload)
    }
    return undefined
  }

  /** Feeds `bytes` and gives the chunks that end in them. */
  *chunks(bytes: Buffer): Generator<Chunk, void> {
    this.feed(bytes)
    for (let chunk = this.chunk(); chunk !== undefined; chunk = this.chunk()) yield chunk
  }

  /** At the end of the input: what was cut by it, if anything was. */
  cut(): Truncated | undefined {
    const missing = this.#streams.missing + (this.#seam.length > 0 ? 1 : 0)
    return missing === 0 ? undefined : { layer: 'chunk', offset: this.#before + this.source.length, missing }
  }

  /** Extends the run by complete chunks that follow directly and clearly belong to the same message. */
  #join(stream: ChunkStream): void {
    const { source } = this
    const { chunkStreamId } = stream.header
    if (chunkStreamId >= LONG_BASIC_HEADER || stream.extended !== undefined) return
    const format3 = FORMAT_3 | chunkStreamId
    while (stream.left > 0 && source[this.#at] === format3) {
      const start = this.#at + 1
      const end = start + Math.min(stream.left, this.#chunkSize)
      if (end > source.length) return
      source.copyWithin(this.end, start, end)
      this.#at = end
      this.end += end - start
      this.byteLength += 1 + end - start
      stream.left -= end - start
    }
  }

  #whole(payload: Buffer): Chunk {
    const header = this.header.format === this.format ? this.header : { ...this.header, format: this.format }
    const chunk = { header, payload, last: this.last, byteLength: this.byteLength }
    return this.control === undefined ? chunk : { ...chunk, control: this.control }
  }

  #readHeader(): boolean {
    const cut = this.#seam.length
    if (cut === 0 && this.#goesOn(this.source[this.#at])) {
      this.#at++
      this.byteLength = 1
      return true
    }
    const bytes =
      cut === 0 ? this.source : Buffer.concat([this.#seam, this.source.subarray(0, MAX_CHUNK_HEADER_LENGTH)])
    const at = cut === 0 ? this.#at : 0
    const length = this.#parse(bytes, at)
    if (length === 0) {
      this.#seam = at === bytes.length ? NO_BYTES : Buffer.from(bytes.subarray(at))
      this.#at = this.source.length
      return false
    }
    if (length < cut) this.#unread(cut)
    this.#at += length - cut
    this.#seam = NO_BYTES
    this.byteLength = length
    return true
  }

  /** The seam holds more than the header: what looked like an extended timestamp is payload, and goes back into the source. */
  #unread(cut: number): void {
    this.source = Buffer.concat([this.#seam, this.source])
    this.#before -= cut
    this.#at += cut
  }

  /** Reads the header at `at`; its length, or 0, and nothing changed, while it is not all there. */
  #parse(bytes: Buffer, at: number): number {
    const fields = this.#fields
    const start = readBasicHeader(bytes, at, fields)
    let end = start === 0 ? 0 : readMessageHeader(bytes, start, fields)
    if (end === 0) return 0
    const { format, chunkStreamId } = fields
    const known = this.#streams.get(chunkStreamId)
    if (format === 3 && known?.extended !== undefined) {
      const repeated = repeatedTimestamp(known, known.extended, bytes, end)
      if (repeated === undefined) return 0
      known.repeats = repeated > 0
      end += repeated
    }
    if (known === undefined && format !== 0 && this.#strict)
      this.#fail('ERR_RTMP_CHUNK_FORMAT_UNKNOWN_STREAM', `format ${format}, chunk stream ${chunkStreamId}`)
    const stream = known ?? this.#streams.add(chunkStreamId)
    if (stream.left === 0) this.#streams.begin(stream, fields)
    else if (format !== 3 && (this.#strict || !stream.isContinuedBy(fields)))
      this.#fail('ERR_RTMP_CHUNK_UNFINISHED_MESSAGE', `chunk stream ${chunkStreamId}`)
    this.#enter(stream, format)
    return end - at
  }

  /** With chunks of 128 bytes, nearly all headers are one byte that continues a message, so reading fields would be most of the cost. */
  #goesOn(first: number | undefined): boolean {
    if (first === undefined || first < FORMAT_3 + MIN_CHUNK_STREAM_ID) return false
    const stream = this.#streams.get(first - FORMAT_3)
    if (stream === undefined || stream.left === 0 || stream.extended !== undefined) return false
    this.#enter(stream, 3)
    return true
  }

  /** A chunk of `stream` begins. */
  #enter(stream: ChunkStream, format: ChunkFormat): void {
    this.format = format
    this.#stream = stream
    this.#chunkLeft = Math.min(stream.left, this.#chunkSize)
  }

  #readControl(stream: ChunkStream, body: Buffer): ProtocolControl | undefined {
    const { length, type } = stream.header
    const from = length - stream.left - (this.end - this.start)
    if (from < body.length) this.source.copy(body, from, this.start, this.end)
    if (!this.last) return undefined
    stream.control = undefined
    const control = readProtocolControl(type, body, this.offset - this.byteLength)
    if (control.kind === 'SetChunkSize') this.#chunkSize = control.chunkSize
    if (control.kind === 'Abort') this.#streams.abort(control.chunkStreamId)
    return control
  }

  #fail(code: RtmpErrorCode, detail: string): never {
    throw new ProtocolError(code, { layer: 'chunk', offset: this.offset, detail })
  }
}
