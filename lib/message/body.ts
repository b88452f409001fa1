import type { AmfValue } from '../amf/amf-value.ts'
import { Amf0Writer } from '../amf/amf0-writer.ts'

/** The message types of AMF values: 20 and 18 for encoding 0, 17 and 15 for encoding 3, whose values may be AMF3. */
export type ObjectEncoding = 0 | 3

/**
 * The body of a message of AMF values. With encoding 3 it is a format byte, always 0, and then AMF0 too, which switches
 * to AMF3 for a value that needs it (errata 7.2; Enhanced RTMP v2, "AMF0 and AMF3").
 * @throws TypeError, RangeError for a value that cannot be encoded: see Amf0Writer.
 */
export function writeBody(encoding: ObjectEncoding, values: readonly AmfValue[]): Buffer {
  const writer = new Amf0Writer({ amf3: encoding === 3 })
  for (const value of values) writer.write(value)
  const bytes = writer.done()
  return encoding === 3 ? Buffer.concat([Buffer.of(0), bytes]) : bytes
}
