import type { AmfReaderOptions } from '../amf/amf-bounds.ts'
import type { AmfValue } from '../amf/amf-value.ts'
import { Amf0Marker } from '../amf/amf0-marker.ts'
import { readAmf0 } from '../amf/amf0-reader.ts'
import { writeAmf0 } from '../amf/amf0-writer.ts'
import { type ObjectEncoding, writeBody } from './body.ts'
import { type Message, MessageTypeId } from './message.ts'

/**
 * Whether messages of this type are data: 18, or 15 for AMF3.
 *
 * @example
 * ```ts
 * if (isDataType(message.type)) console.log(readData(message))
 * ```
 */
export const isDataType = (type: number): boolean => type === MessageTypeId.DataAmf0 || type === MessageTypeId.DataAmf3

/**
 * The values of a data message, type 18 or 15 (RTMP 1.0, 7.1.2): a name such as `onMetaData` or `@setDataFrame`, and
 * its values. Type 15 has a zero byte before the same AMF0 (errata 7.2).
 * @throws ProtocolError `ERR_RTMP_AMF_*`. Catch it: invalid data messages of a peer should not end a session.
 */
export function readData(message: Message, options?: AmfReaderOptions): AmfValue[] {
  return readAmf0(message.payload, { ...options, start: selectorLength(message) })
}

const selectorLength = ({ type, payload }: Message): number =>
  type === MessageTypeId.DataAmf3 && payload[0] === 0 ? 1 : 0

/** A data message, in encoding 0 unless told. */
export function dataMessage(
  values: readonly AmfValue[],
  { encoding = 0, ...fields }: Partial<Omit<Message, 'type' | 'payload'>> & { encoding?: ObjectEncoding } = {}
): Message {
  return {
    type: encoding === 3 ? MessageTypeId.DataAmf3 : MessageTypeId.DataAmf0,
    messageStreamId: 0,
    timestamp: 0,
    ...fields,
    payload: writeBody(encoding, values)
  }
}

const WRAPPER = '@setDataFrame'
/** Marker, 16-bit length, and the name. */
const WRAPPER_LENGTH = 3 + WRAPPER.length

/**
 * The data message inside `@setDataFrame`, with which a publisher tells its server to keep it. Any other message is
 * returned unchanged.
 */
export function unwrapped(message: Message): Message {
  if (!isDataNamed(message, WRAPPER)) return message
  const { payload } = message
  const at = payload[0] === Amf0Marker.String ? 0 : 1
  const inner = payload.subarray(at + WRAPPER_LENGTH)
  return { ...message, payload: at === 0 ? inner : Buffer.concat([payload.subarray(0, at), inner]) }
}

/**
 * The mirror of `unwrapped`: a data message in the `@setDataFrame` by which a publisher asks its server to keep it for later players. One
 * that is wrapped, and any other message, as it is.
 *
 * @example
 * ```ts
 * wire.write(wrapped(dataMessage(['onMetaData', { width: 1280 }])))
 * ```
 */
export function wrapped(message: Message): Message {
  if (!isDataType(message.type) || isDataNamed(message, WRAPPER)) return message
  const { payload } = message
  const at = selectorLength(message)
  return { ...message, payload: Buffer.concat([payload.subarray(0, at), writeAmf0(WRAPPER), payload.subarray(at)]) }
}

/** Whether the message is a data message of this name, as its first value. */
export function isDataNamed({ type, payload }: Message, name: string): boolean {
  if (!isDataType(type)) return false
  const at = payload[0] === Amf0Marker.String ? 0 : 1
  const start = at + 3
  return (
    payload[at] === Amf0Marker.String &&
    payload.length >= start + name.length &&
    payload.readUInt16BE(at + 1) === name.length &&
    payload.toString('latin1', start, start + name.length) === name
  )
}
