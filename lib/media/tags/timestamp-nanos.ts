import { ByteWriter } from '../../bytes/byte-writer.ts'
import { type Message, MessageTypeId } from '../../message/message.ts'
import { SoundFormat } from './audio-tag.ts'
import { checkRange, readEnhancedStart, writeEnhancedStart } from './enhanced-tag.ts'
import { modExEnd, modExStart, packetTypeAt } from './tag-header.ts'

/** The type of ModEx, and its bytes (Enhanced RTMP v2, "TimestampOffsetNano"). */
const TIMESTAMP_OFFSET_NANO = 0
const LENGTH = 3
const MAX_NANOS = 999_999

/** Whether the payload has the header of Enhanced RTMP, which alone can have ModEx. */
function isEnhanced({ type, payload }: Message): boolean {
  if (payload.length === 0) return false
  if (type === MessageTypeId.Video) return payload[0]! >= 0x80
  return type === MessageTypeId.Audio && payload[0]! >> 4 === SoundFormat.ExHeader
}

/**
 * Nanoseconds from the timestamp of an audio or video message, which is in milliseconds, to its exact time: 0 to
 * 999,999, by its ModEx (Enhanced RTMP v2, "TimestampOffsetNano"). 0 for a message without it, with an invalid one, and
 * for any other. Relays and FLV files keep it with the payload. It allocates nothing.
 *
 * @example
 * ```ts
 * const seconds = message.timestamp / 1e3 + timestampNanos(message) / 1e9
 * ```
 */
export function timestampNanos(message: Message): number {
  if (!isEnhanced(message)) return 0
  const { payload } = message
  let nanos = 0
  const packetAt = packetTypeAt(payload)
  for (let at = 0; at < packetAt; ) {
    const end = modExEnd(payload, at)
    const start = modExStart(payload, at)
    if (payload[end]! >> 4 === TIMESTAMP_OFFSET_NANO && end - start >= LENGTH) nanos = payload.readUIntBE(start, LENGTH)
    at = end
  }
  return nanos <= MAX_NANOS ? nanos : 0
}

/**
 * The message with this offset in place of any other: see timestampNanos. 0 removes it. Other ModEx remain. Players
 * without ModEx (`capsEx`) may not understand it.
 *
 * @throws RangeError for nanoseconds that are not an integer from 0 to 999,999; TypeError for a payload without the header
 *   of Enhanced RTMP, which has no place for them (see writeVideoTag and writeAudioTag); ProtocolError if the payload ends
 *   inside its ModEx.
 *
 * @example
 * ```ts
 * const exact = withTimestampNanos(message, 333_333)
 * ```
 */
export function withTimestampNanos(message: Message, nanos: number): Message {
  checkRange('nanoseconds', nanos, 0, MAX_NANOS)
  if (!isEnhanced(message)) throw new TypeError('only a payload of Enhanced RTMP has a place for nanoseconds')
  const { payload } = message
  const { modEx, packetType, reader } = readEnhancedStart(payload)
  const others = modEx.filter(({ type }) => type !== TIMESTAMP_OFFSET_NANO)
  const data = Buffer.alloc(LENGTH)
  data.writeUIntBE(nanos, 0, LENGTH)
  const writer = new ByteWriter(payload.length + 2 + LENGTH)
  writeEnhancedStart(
    writer,
    payload[0]! >> 4,
    nanos === 0 ? others : [...others, { type: TIMESTAMP_OFFSET_NANO, data }],
    packetType
  )
  return { ...message, payload: writer.raw(payload.subarray(reader.offset)).done() }
}
