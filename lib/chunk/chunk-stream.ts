import type { RtmpErrorCode } from '../errors.ts'
import type { Limits } from '../limits.ts'
import { isProtocolControlType } from '../message/message.ts'
import type { ChunkHeader } from './chunk.ts'
import type { HeaderFields } from './chunk-header.ts'
import { protocolControlLength } from './protocol-control.ts'

/** What a reader remembers of one chunk stream. */
export class ChunkStream {
  /** Of the message in progress, else of the last one; its format is that of the chunk that began the message. */
  header: ChunkHeader
  /** What a message that begins with format 3 adds to the timestamp. */
  delta = 0
  /** The extended timestamp field as it was sent; undefined where 24 bits were enough. */
  extended: number | undefined = undefined
  /** Whether this peer repeats that field on format 3, as it must; undefined until its bytes have told. */
  repeats: boolean | undefined = undefined
  /** Bytes of the message in progress that are still to come. */
  left = 0
  /** The first bytes of a protocol control message. */
  control: Buffer | undefined = undefined

  constructor(chunkStreamId: number) {
    this.header = { format: 0, chunkStreamId, timestamp: 0, length: 0, type: 0, messageStreamId: 0 }
  }

  /**
   * The header of the message that begins with these fields. What they leave out is that of the message before it; its timestamp is told
   * by format 0, and else is the delta later (RTMP 1.0, 5.3.1.2).
   */
  next(fields: HeaderFields): ChunkHeader {
    const { format } = fields
    const { chunkStreamId, timestamp, length, type, messageStreamId } = this.header
    if (format < 3) {
      this.extended = fields.extended
      this.delta = fields.delta
    }
    return {
      format,
      chunkStreamId,
      timestamp: format === 0 ? this.delta : (timestamp + this.delta) >>> 0,
      length: format < 2 ? fields.length : length,
      type: format < 2 ? fields.type : type,
      messageStreamId: format === 0 ? fields.messageStreamId : messageStreamId
    }
  }

  /** Whether a header in the middle of a message is one of that message still. */
  isContinuedBy({ format, length, type }: HeaderFields): boolean {
    return format >= 2 || (format === 1 && length === this.header.length && type === this.header.type)
  }
}

/** The chunk streams of one direction of a connection, as many as limits allow. What they do not allow is given to `fail`. */
export class ChunkStreams {
  readonly #limits: Limits
  readonly #fail: (code: RtmpErrorCode, detail: string) => never
  readonly #streams = new Map<number, ChunkStream>()
  /** How many hold an unfinished message. */
  #open = 0

  constructor(limits: Limits, fail: (code: RtmpErrorCode, detail: string) => never) {
    this.#limits = limits
    this.#fail = fail
  }

  get(chunkStreamId: number): ChunkStream | undefined {
    return this.#streams.get(chunkStreamId)
  }

  /** Bytes of unfinished messages that are still to come. */
  get missing(): number {
    let missing = 0
    for (const { left } of this.#streams.values()) missing += left
    return missing
  }

  add(chunkStreamId: number): ChunkStream {
    if (this.#streams.size >= this.#limits.chunkStreamHeaders)
      this.#fail('ERR_RTMP_CHUNK_TOO_MANY_STREAMS', `chunk stream ${chunkStreamId} exceeds limits.chunkStreamHeaders`)
    const stream = new ChunkStream(chunkStreamId)
    this.#streams.set(chunkStreamId, stream)
    return stream
  }

  /** A message begins with these fields. */
  begin(stream: ChunkStream, fields: HeaderFields): void {
    const header = stream.next(fields)
    const { length, type, chunkStreamId } = header
    const isControl = isProtocolControlType(type)
    if (length > this.#limits.messageBytes) this.#fail('ERR_RTMP_MESSAGE_TOO_LONG', `${length} bytes`)
    if (isControl && length < protocolControlLength(type))
      this.#fail('ERR_RTMP_CONTROL_LENGTH', `type ${type}, ${length} bytes`)
    if (length > 0 && ++this.#open > this.#limits.chunkStreams)
      this.#fail('ERR_RTMP_CHUNK_TOO_MANY_STREAMS', `chunk stream ${chunkStreamId} exceeds limits.chunkStreams`)
    stream.header = header
    stream.left = length
    stream.control = isControl ? Buffer.alloc(protocolControlLength(type)) : undefined
  }

  /** Its message is whole. */
  end({ header }: ChunkStream): void {
    if (header.length > 0) this.#open--
  }

  /** Forgets the message in progress; timestamp and delta stay as they are (errata 6). */
  abort(chunkStreamId: number): void {
    const stream = this.#streams.get(chunkStreamId)
    if (stream === undefined || stream.left === 0) return
    stream.left = 0
    this.#open--
  }
}
