import { ByteReader } from '../bytes/byte-reader.ts'
import { AmfBounds, type AmfReaderOptions, amfError } from './amf-bounds.ts'
import {
  AmfDate,
  type AmfValue,
  Dictionary,
  EcmaArray,
  ExternalizableObject,
  type ObjectTraits,
  rememberOrder,
  TypedObject,
  Vector,
  Xml,
  XmlDocument
} from './amf-value.ts'
import { Amf3Marker, ObjectFlag } from './amf3-marker.ts'

/** The class of an object: its traits, or that it is externalizable. */
interface ObjectClass extends ObjectTraits {
  readonly className: string
  readonly isExternalizable: boolean
}

/** The externalizable classes of Flex that servers and clients send. Each contains the one value it wraps. */
const WRAPPERS: readonly string[] = [
  'flex.messaging.io.ArrayCollection',
  'flex.messaging.io.ArrayList',
  'flex.messaging.io.ObjectProxy'
]

/**
 * Decodes AMF3 values in sequence. Strings, objects and traits may be references to earlier ones of this reader (AMF3,
 * 2.2), so a reader is for one body. A referenced object is the same object each time, in cycles too. A byte array is a
 * view of the input.
 *
 * @example
 * ```ts
 * const reader = new Amf3Reader(bytes)
 * while (!reader.done) console.log(reader.offset, reader.read())
 * ```
 */
export class Amf3Reader {
  readonly #bytes: ByteReader
  readonly #bounds: AmfBounds
  readonly #strings: string[] = []
  readonly #objects: AmfValue[] = []
  readonly #classes: ObjectClass[] = []

  /** On bytes of its own, or at the position of an AMF0 reader, with the bounds of that one. */
  constructor(bytes: Buffer | ByteReader, options: AmfReaderOptions | AmfBounds = {}) {
    const { start, ...bounds } = options instanceof AmfBounds ? {} : options
    this.#bytes = bytes instanceof ByteReader ? bytes : new ByteReader(bytes, 'amf', start)
    this.#bounds = options instanceof AmfBounds ? options : new AmfBounds(bounds)
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
    const { offset } = bytes
    this.#bounds.count(offset)
    const marker = bytes.u8()
    switch (marker) {
      case Amf3Marker.Undefined:
        return undefined
      case Amf3Marker.Null:
        return null
      case Amf3Marker.False:
        return false
      case Amf3Marker.True:
        return true
      case Amf3Marker.Integer:
        return (bytes.u29() << 3) >> 3
      case Amf3Marker.Double:
        return bytes.f64()
      case Amf3Marker.String:
        return this.#string()
      default:
        if (marker > Amf3Marker.Dictionary) throw amfError('ERR_RTMP_AMF_MARKER', offset, `0x${marker.toString(16)}`)
        return this.#objectOrReference(marker, offset)
    }
  }

  #string(): string {
    const { offset } = this.#bytes
    const head = this.#bytes.u29()
    if ((head & 1) === 0) return referred(this.#strings, head >> 1, offset)
    const text = this.#bytes.utf8(head >> 1)
    if (text !== '') this.#strings.push(text)
    return text
  }

  #objectOrReference(marker: number, offset: number): AmfValue {
    const head = this.#bytes.u29()
    if ((head & ObjectFlag.Instance) === 0) return referred(this.#objects, head >> 1, offset)
    switch (marker) {
      case Amf3Marker.XmlDocument:
        return this.#met(new XmlDocument(this.#bytes.utf8(head >> 1)))
      case Amf3Marker.Xml:
        return this.#met(new Xml(this.#bytes.utf8(head >> 1)))
      case Amf3Marker.Date:
        return this.#met(new AmfDate(this.#bytes.f64()))
      case Amf3Marker.ByteArray:
        return this.#met(this.#bytes.view(head >> 1))
      case Amf3Marker.Object:
        return this.#bounds.deeper(offset, () => this.#object(head, offset))
      default:
        return this.#bounds.deeper(offset, () => this.#collection(marker, head >> 1, offset))
    }
  }

  /** Every object enters the table before its contents are decoded: they may refer to it. */
  #met<Met extends AmfValue>(value: Met): Met {
    this.#objects.push(value)
    return value
  }

  #collection(marker: number, count: number, offset: number): AmfValue {
    const bytes = this.#bytes
    if (marker === Amf3Marker.Array) {
      this.#fits(count, 1, offset)
      return this.#array(count)
    }
    const flag = bytes.u8() !== 0
    switch (marker) {
      case Amf3Marker.VectorInt:
        return this.#met(
          new Vector(
            this.#numbers(Int32Array, count, offset, () => bytes.u32()),
            flag
          )
        )
      case Amf3Marker.VectorUint:
        return this.#met(
          new Vector(
            this.#numbers(Uint32Array, count, offset, () => bytes.u32()),
            flag
          )
        )
      case Amf3Marker.VectorDouble:
        return this.#met(
          new Vector(
            this.#numbers(Float64Array, count, offset, () => bytes.f64()),
            flag
          )
        )
      case Amf3Marker.VectorObject: {
        const items: AmfValue[] = []
        const vector = this.#met(new Vector(items, flag, this.#string()))
        this.#fits(count, 1, offset)
        for (let i = 0; i < count; i++) items.push(this.read())
        return vector
      }
      default: {
        this.#fits(count, 2, offset)
        const entries: [AmfValue, AmfValue][] = []
        const dictionary = this.#met(new Dictionary(entries, flag))
        for (let i = 0; i < count; i++) entries.push([this.read(), this.read()])
        return dictionary
      }
    }
  }

  #numbers<Items extends Int32Array | Uint32Array | Float64Array>(
    kind: { new (count: number): Items; readonly BYTES_PER_ELEMENT: number },
    count: number,
    offset: number,
    read: () => number
  ): Items {
    this.#fits(count, kind.BYTES_PER_ELEMENT, offset)
    const items = new kind(count)
    for (let i = 0; i < count; i++) items[i] = read()
    return items
  }

  /** An array with names is an ECMA array; the items with indices follow the names. */
  #array(count: number): AmfValue {
    const first = this.#string()
    if (first === '') {
      const values = this.#met([] as AmfValue[])
      for (let i = 0; i < count; i++) values.push(this.read())
      return values
    }
    const properties: Record<string, AmfValue> = Object.create(null)
    const array = this.#met(new EcmaArray(properties, count))
    const names = this.#named(properties, first)
    for (let i = 0; i < count; i++) {
      properties[i] = this.read()
      names.push(`${i}`)
    }
    rememberOrder(properties, names)
    return array
  }

  #object(head: number, offset: number): AmfValue {
    const known = this.#class(head, offset)
    const { className, sealed, isDynamic } = known
    if (known.isExternalizable) return this.#externalizable(className, offset)
    const properties: Record<string, AmfValue> = Object.create(null)
    const isAnonymous = className === '' && isDynamic && sealed.length === 0
    const object = this.#met(isAnonymous ? properties : new TypedObject(className, properties, { sealed, isDynamic }))
    for (const name of sealed) properties[name] = this.read()
    const names = isDynamic ? this.#named(properties, this.#string()) : []
    rememberOrder(properties, [...sealed, ...names])
    return object
  }

  #class(head: number, offset: number): ObjectClass {
    if ((head & ObjectFlag.Traits) === 0) return referred(this.#classes, head >> 2, offset)
    const className = this.#string()
    const isExternalizable = (head & ObjectFlag.Externalizable) !== 0
    const sealed: string[] = []
    const count = isExternalizable ? 0 : head >> 4
    this.#fits(count, 1, offset)
    for (let i = 0; i < count; i++) {
      this.#bounds.count(this.#bytes.offset)
      sealed.push(this.#string())
    }
    const made = { className, isExternalizable, sealed, isDynamic: (head & ObjectFlag.Dynamic) !== 0 }
    this.#classes.push(made)
    return made
  }

  #externalizable(className: string, offset: number): AmfValue {
    if (!WRAPPERS.includes(className)) {
      throw amfError('ERR_RTMP_AMF_EXTERNALIZABLE', offset, JSON.stringify(className.slice(0, 64)))
    }
    const object = this.#met(new ExternalizableObject(className, undefined))
    ;(object as { value: AmfValue }).value = this.read()
    return object
  }

  /** Decodes named values up to the empty name; returns the names. */
  #named(into: Record<string, AmfValue>, first: string): string[] {
    const names: string[] = []
    for (let name = first; name !== ''; name = this.#string()) {
      names.push(name)
      into[name] = this.read()
    }
    return names
  }

  #fits(count: number, byteLength: number, offset: number): void {
    const { left } = this.#bytes
    if (count * byteLength > left) throw amfError('ERR_RTMP_AMF_COUNT', offset, `${count} values in ${left} bytes`)
  }
}

function referred<Value>(table: readonly Value[], index: number, offset: number): Value {
  if (index >= table.length)
    throw amfError('ERR_RTMP_AMF_REFERENCE', offset, `index ${index}, table length ${table.length}`)
  return table[index]!
}

/**
 * All AMF3 values of some bytes. A message body is AMF0 that switches to AMF3 (4.1): see `readAmf0`.
 *
 * @example
 * ```ts
 * const [first, second] = readAmf3(bytes)
 * ```
 */
export function readAmf3(bytes: Buffer, options?: AmfReaderOptions): AmfValue[] {
  const reader = new Amf3Reader(bytes, options)
  const values: AmfValue[] = []
  while (!reader.done) values.push(reader.read())
  return values
}
