import { ByteReader } from '../bytes/byte-reader.ts'
import { ProtocolError, type RtmpErrorCode } from '../errors.ts'
import { type Limits, limitsWith } from '../limits.ts'
import {
  AmfDate,
  type AmfObject,
  type AmfValue,
  EcmaArray,
  rememberOrder,
  TypedObject,
  unsupported,
  XmlDocument
} from './amf-value.ts'
import { Amf0Marker } from './amf0-marker.ts'

export interface AmfReaderOptions {
  limits?: Partial<Limits>
}

/**
 * Reads the AMF0 values of one message body, one after another. References point at what this reader has read (AMF0, 2.9),
 * so a reader serves one body. An object that is referred to is the same object each time, a cycle included.
 */
export class Amf0Reader {
  readonly #bytes: ByteReader
  readonly #limits: Limits
  readonly #objects: AmfValue[] = []
  #depth = 0
  #nodes = 0

  constructor(bytes: Buffer, options: AmfReaderOptions = {}) {
    this.#bytes = new ByteReader(bytes, 'amf')
    this.#limits = limitsWith(options.limits)
  }

  get done(): boolean {
    return this.#bytes.left === 0
  }

  /** Bytes read so far. */
  get offset(): number {
    return this.#bytes.offset
  }

  /** @throws ProtocolError `ERR_RTMP_AMF_*` for bytes that are no value, `ERR_RTMP_TRUNCATED` where they end too soon. */
  read(): AmfValue {
    const bytes = this.#bytes
    const offset = bytes.offset
    if (++this.#nodes > this.#limits.amfNodes) this.#fail('ERR_RTMP_AMF_NODES', offset)
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
        return this.#complex(marker, offset)
      case Amf0Marker.AvmPlusObject:
        return this.#fail('ERR_RTMP_AMF3_UNSUPPORTED', offset)
      default:
        return this.#fail('ERR_RTMP_AMF_MARKER', offset, `0x${marker.toString(16).padStart(2, '0')}`)
    }
  }

  #complex(marker: number, offset: number): AmfValue {
    if (++this.#depth > this.#limits.amfDepth) this.#fail('ERR_RTMP_AMF_DEPTH', offset)
    const value = marker === Amf0Marker.StrictArray ? this.#strictArray(offset) : this.#named(marker)
    this.#depth--
    return value
  }

  /** Every kind of object takes its place in the reference table before its properties are read: they may refer to it. */
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
    let indexed = false
    for (;;) {
      const length = bytes.u16()
      if (length === 0 && bytes.left > 0 && bytes.bytes[bytes.offset] === Amf0Marker.ObjectEnd) break
      const key = bytes.utf8(length)
      indexed ||= looksLikeIndex(key)
      keys.push(key)
      into[key] = this.read()
    }
    bytes.u8()
    if (indexed) rememberOrder(into as AmfObject, keys)
  }

  #strictArray(offset: number): AmfValue {
    const count = this.#bytes.u32()
    if (count > this.#bytes.left)
      this.#fail('ERR_RTMP_AMF_COUNT', offset, `${count} values in ${this.#bytes.left} bytes`)
    const values: AmfValue[] = []
    this.#objects.push(values)
    for (let i = 0; i < count; i++) values.push(this.read())
    return values
  }

  #referred(index: number, offset: number): AmfValue {
    if (index >= this.#objects.length)
      this.#fail('ERR_RTMP_AMF_REFERENCE', offset, `${index} of ${this.#objects.length}`)
    return this.#objects[index]
  }

  #fail(code: RtmpErrorCode, offset: number, detail?: string): never {
    throw new ProtocolError(code, { layer: 'amf', offset, ...(detail === undefined ? {} : { detail }) })
  }
}

const looksLikeIndex = (key: string): boolean =>
  key.length > 0 && key.charCodeAt(0) >= 0x30 && key.charCodeAt(0) <= 0x39

/** All AMF0 values of a message body. */
export function readAmf0(bytes: Buffer, options?: AmfReaderOptions): AmfValue[] {
  const reader = new Amf0Reader(bytes, options)
  const values: AmfValue[] = []
  while (!reader.done) values.push(reader.read())
  return values
}
