import { ByteReader } from '../bytes/byte-reader.ts'
import { ProtocolError } from '../errors.ts'
import type { Message } from './message.ts'

/**
 * Bytes of a part's header: type, length, timestamp and its upper byte, message stream id. The length is repeated after
 * the body (RTMP 1.0, 7.1.6).
 */
const PART_HEADER_LENGTH = 11

/**
 * The messages of an Aggregate (RTMP 1.0, 7.1.6). They have the Aggregate's message stream; the first has the
 * Aggregate's timestamp, the others keep their distance to it. A nested Aggregate is returned as it is.
 * @throws ProtocolError `ERR_RTMP_AGGREGATE` if a part exceeds the body.
 *
 * @example
 * ```ts
 * for (const { type, timestamp } of readAggregate(message)) console.log(type, timestamp)
 * ```
 */
export function* readAggregate({
  payload,
  messageStreamId,
  chunkStreamId,
  timestamp
}: Message): Generator<Message, void> {
  const bytes = new ByteReader(payload, 'message')
  let first: number | undefined
  while (bytes.left >= PART_HEADER_LENGTH) {
    const offset = bytes.offset
    const type = bytes.u8()
    const length = bytes.u24()
    const time = bytes.u24() + bytes.u8() * 0x1000000
    bytes.u24()
    if (length > bytes.left) {
      throw new ProtocolError('ERR_RTMP_AGGREGATE', {
        layer: 'message',
        offset,
        detail: `${length} bytes, ${bytes.left} left`
      })
    }
    first ??= time
    yield {
      type,
      messageStreamId,
      chunkStreamId,
      timestamp: (timestamp + time - first) >>> 0,
      payload: bytes.view(length)
    }
    if (bytes.left >= 4) bytes.u32()
  }
}
