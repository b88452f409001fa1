import { ByteReader } from '../bytes/byte-reader.ts'
import { AmfBounds, type AmfReaderOptions, amfError } from './amf-bounds.ts'
import { AmfDate, type AmfValue, EcmaArray, rememberOrder, TypedObject, unsupported, XmlDocument } from './amf-value.ts'
import { Amf0Marker } from './amf0-marker.ts'
import { Amf3Reader } from './amf3-reader.ts'

/**
 * Decodes the AMF0 values of one message body in sequence, and those that switch to AMF3 (AMF0, 3.1): each switch is
 * for one value. References point to values that this reader has decoded (AMF0, 2.9), so a reader is for one body; AMF3
 * has reference tables of its own, also per body (AMF3, 4.1). A referenced object is the same object each time, in
 * cycles too.
 *
 * @example
 * ```ts
 * const reader = new Amf0Reader(bytes)
 * while (!reader.done) console.log(reader.offset, reader.read())
 * ```
 */
export class Amf0Reader {
  readonly #bytes: ByteReader
  readonly #bounds: AmfBounds
  readonly #objects: AmfValue[] = []
  #amf3: Amf3Reader | undefined

  constructor(bytes: Buffer, options: AmfReaderOptions = {}) {
    this.#bytes = new ByteReader(bytes, 'amf', options.start)
    this.#bounds = new AmfBounds(options)
  }

  /** Whether all bytes have been read. */
  get done(): boolean {
    return this.#bytes.left === 0
  }

  /** Where the next value begins in the bytes. */
  get offset(): number {
    return this.#bytes.offset
  }

  /** @throws ProtocolError `ERR_RTMP_AMF_*` for invalid bytes, `ERR_RTMP_TRUNCATED` if they end too soon. */
  read(): AmfValue {
    const bytes = this.#bytes
    const offset = bytes.offset
    this.#bounds.count(offset)
    const marker = bytes.u8()
    switch (marker) {
      case Amf0Marker.Number:
        return bytes.f64()
      case Amf0Marker.Boolean:
        return bytes.u8() !== 0
      case Amf0Marker.String:
        return bytes.utf8(bytes.u16())
      case Amf0Marker.LongString:
        return bytes.utf8(bytes.u32())
      case Amf0Marker.Null:
        return null
      case Amf0Marker.Undefined:
        return undefined
      case Amf0Marker.Unsupported:
        return unsupported
      case Amf0Marker.XmlDocument:
        return new XmlDocument(bytes.utf8(bytes.u32()))
      case Amf0Marker.Date: {
        const milliseconds = bytes.f64()
        return new AmfDate(milliseconds, bytes.i16())
      }
      case Amf0Marker.Reference:
        return this.#referred(bytes.u16(), offset)
      case Amf0Marker.Object:
      case Amf0Marker.EcmaArray:
      case Amf0Marker.TypedObject:
      case Amf0Marker.StrictArray:
        return this.#bounds.deeper(offset, () =>
          marker === Amf0Marker.StrictArray ? this.#strictArray(offset) : this.#named(marker)
        )
      case Amf0Marker.AvmPlusObject:
        this.#amf3 ??= new Amf3Reader(bytes, this.#bounds)
        return this.#amf3.read()
      default:
        throw amfError('ERR_RTMP_AMF_MARKER', offset, `0x${marker.toString(16).padStart(2, '0')}`)
    }
  }

  /** Every object enters the reference table before its properties are decoded: they may refer to it. */
  #named(marker: number): AmfValue {
    const properties: Record<string, AmfValue> = Object.create(null)
    let value: AmfValue = properties
    if (marker === Amf0Marker.EcmaArray) value = new EcmaArray(properties, this.#bytes.u32())
    if (marker === Amf0Marker.TypedObject) value = new TypedObject(this.#bytes.utf8(this.#bytes.u16()), properties)
    this.#objects.push(value)
    this.#properties(properties)
    return value
  }

  #properties(into: Record<string, AmfValue>): void {
    const bytes = this.#bytes
    const keys: string[] = []
    for (;;) {
      const length = bytes.u16()
      if (length === 0 && bytes.left > 0 && bytes.bytes[bytes.offset] === Amf0Marker.ObjectEnd) break
      const key = bytes.utf8(length)
      keys.push(key)
      into[key] = this.read()
    }
    bytes.u8()
    rememberOrder(into, keys)
  }

  #strictArray(offset: number): AmfValue {
    const count = this.#bytes.u32()
    const { left } = this.#bytes
    if (count > left) throw amfError('ERR_RTMP_AMF_COUNT', offset, `${count} values in ${left} bytes`)
    const values: AmfValue[] = []
    this.#objects.push(values)
    for (let i = 0; i < count; i++) values.push(this.read())
    return values
  }

  #referred(index: number, offset: number): AmfValue {
    const { length } = this.#objects
    if (index >= length) throw amfError('ERR_RTMP_AMF_REFERENCE', offset, `index ${index}, table length ${length}`)
    return this.#objects[index]
  }
}

/**
 * All AMF0 values of a message body.
 *
 * @example
 * ```ts
 * const [name, transactionId, info] = readAmf0(message.payload)
 * ```
 */
export function readAmf0(bytes: Buffer, options?: AmfReaderOptions): AmfValue[] {
  const reader = new Amf0Reader(bytes, options)
  const values: AmfValue[] = []
  while (!reader.done) values.push(reader.read())
  return values
}
