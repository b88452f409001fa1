import type { AmfValue } from '../amf/amf-value.ts'
import { Amf0Writer } from '../amf/amf0-writer.ts'

/** Which types a message of values has: 20 and 18 for 0, 17 and 15 for 3, where its values may be in AMF3. */
export type ObjectEncoding = 0 | 3

/**
 * The body of a message of values. For encoding 3 that is a byte that selects the format, always 0, and then AMF0 too, which
 * switches to AMF3 for a value that needs it (errata 7.2; Enhanced RTMP v2, "AMF0 and AMF3").
 * @throws TypeError, RangeError for what cannot be said in it: see Amf0Writer.
 */
export function writeBody(encoding: ObjectEncoding, values: readonly AmfValue[]): Buffer {
  const writer = new Amf0Writer({ amf3: encoding === 3 })
  for (const value of values) writer.write(value)
  const bytes = writer.done()
  return encoding === 3 ? Buffer.concat([Buffer.of(0), bytes]) : bytes
}
