import type { ChunkHeader } from './chunk.ts'
import type { HeaderFields } from './chunk-header.ts'

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
