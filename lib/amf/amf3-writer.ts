import { ByteWriter } from '../bytes/byte-writer.ts'
import {
  AmfDate,
  type AmfObject,
  type AmfValue,
  Dictionary,
  EcmaArray,
  ExternalizableObject,
  isPlainObject,
  keysInOrder,
  type ObjectTraits,
  TypedObject,
  Vector,
  Xml,
  XmlDocument
} from './amf-value.ts'
import { Amf3Marker, ObjectFlag } from './amf3-marker.ts'

/** An integer has 29 bits, one of them for its sign; one bit of a length or a count is a flag. */
const MAX_INTEGER = 2 ** 28 - 1
const MIN_INTEGER = -(2 ** 28)

const ANONYMOUS: ObjectTraits = { sealed: [], isDynamic: true }

/**
 * Encodes AMF3 values, the inverse of Amf3Reader. A string, an object or a class that occurs again in one body is
 * encoded as a reference (AMF3, 2.2); so a cycle ends. Integers of 29 bits are encoded as integers, all other numbers
 * as doubles. The names of an ECMA array from 0 on are its indices.
 * @throws TypeError for a value that AMF3 cannot encode (a function, a bigint, an instance of a foreign class, an empty
 *   name, a name that an object's class does not declare), RangeError for a text or bytes of more than 268,435,455
 *   bytes.
 *
 * @example
 * ```ts
 * const body = new Amf3Writer().write('hello').write({ level: 1 }).done()
 * ```
 */
export class Amf3Writer {
  readonly #bytes: ByteWriter
  readonly #strings = new Map<string, number>()
  readonly #objects = new Map<object, number>()
  /** By their traits. */
  readonly #classes = new Map<string, number>()

  /** Into bytes of its own, or after those of an AMF0 writer. */
  constructor(bytes: ByteWriter = new ByteWriter()) {
    this.#bytes = bytes
  }

  /**
   * Encodes a value after the previous ones.
   * @throws as the class.
   */
  write(value: AmfValue): this {
    const bytes = this.#bytes
    switch (typeof value) {
      case 'number':
        if (Number.isInteger(value) && value >= MIN_INTEGER && value <= MAX_INTEGER && !Object.is(value, -0))
          bytes.u8(Amf3Marker.Integer).u29(value & 0x1fffffff)
        else bytes.u8(Amf3Marker.Double).f64(value)
        return this
      case 'boolean':
        bytes.u8(value ? Amf3Marker.True : Amf3Marker.False)
        return this
      case 'string':
        bytes.u8(Amf3Marker.String)
        this.#string(value)
        return this
      case 'undefined':
        bytes.u8(Amf3Marker.Undefined)
        return this
      case 'object':
        if (value === null) bytes.u8(Amf3Marker.Null)
        else this.#object(value)
        return this
      default:
        throw new TypeError(`AMF3 cannot encode a ${typeof value}`)
    }
  }

  /** The bytes of all values that were written. */
  done(): Buffer {
    return this.#bytes.done()
  }

  #string(text: string): void {
    const known = this.#strings.get(text)
    if (known !== undefined) {
      this.#bytes.u29(known << 1)
      return
    }
    if (text !== '') this.#strings.set(text, this.#strings.size)
    this.#text(text)
  }

  #text(text: string): void {
    this.#length(Buffer.byteLength(text)).utf8(text)
  }

  /** A length or a count, with the flag for no reference. */
  #length(length: number): ByteWriter {
    if (length > MAX_INTEGER) throw new RangeError(`AMF3 cannot encode a length of ${length}`)
    return this.#bytes.u29((length << 1) | ObjectFlag.Instance)
  }

  #object(value: object): void {
    if (value instanceof Uint8Array)
      this.#once(Amf3Marker.ByteArray, value, () => this.#length(value.length).raw(value))
    else if (value instanceof XmlDocument) this.#once(Amf3Marker.XmlDocument, value, () => this.#text(value.text))
    else if (value instanceof Xml) this.#once(Amf3Marker.Xml, value, () => this.#text(value.text))
    else if (value instanceof AmfDate) this.#once(Amf3Marker.Date, value, () => this.#length(0).f64(value.milliseconds))
    else if (Array.isArray(value)) this.#once(Amf3Marker.Array, value, () => this.#array([], value))
    else if (value instanceof EcmaArray) this.#once(Amf3Marker.Array, value, () => this.#ecmaArray(value.properties))
    else if (value instanceof Vector) this.#once(vectorMarker(value), value, () => this.#vector(value))
    else if (value instanceof Dictionary) this.#once(Amf3Marker.Dictionary, value, () => this.#dictionary(value))
    else if (value instanceof ExternalizableObject)
      this.#once(Amf3Marker.Object, value, () => this.#externalizable(value))
    else if (value instanceof TypedObject)
      this.#once(Amf3Marker.Object, value, () => this.#members(value.className, value.properties, value.traits))
    else if (isPlainObject(value as AmfObject))
      this.#once(Amf3Marker.Object, value, () => this.#members('', value as AmfObject, ANONYMOUS))
    else throw new TypeError(`AMF3 cannot encode a ${value.constructor.name}`)
  }

  /** A marker, then a reference if the object was encoded before. It enters the table before its contents. */
  #once(marker: number, value: object, write: () => void): void {
    this.#bytes.u8(marker)
    const known = this.#objects.get(value)
    if (known !== undefined) this.#bytes.u29(known << 1)
    else {
      this.#objects.set(value, this.#objects.size)
      write()
    }
  }

  #array(names: readonly string[], values: readonly AmfValue[], properties: AmfObject = {}): void {
    this.#length(values.length)
    this.#named(names, properties)
    for (const value of values) this.write(value)
  }

  #ecmaArray(properties: AmfObject): void {
    const values: AmfValue[] = []
    while (Object.hasOwn(properties, values.length)) values.push(properties[values.length])
    const indices = new Set(values.map((_, i) => `${i}`))
    this.#array(
      keysInOrder(properties).filter(key => !indices.has(key)),
      values,
      properties
    )
  }

  #vector({ items, isFixed, className }: Vector): void {
    const bytes = this.#length(items.length).u8(isFixed ? 1 : 0)
    if (items instanceof Float64Array) for (const item of items) bytes.f64(item)
    else if (items instanceof Int32Array || items instanceof Uint32Array)
      for (const item of items) bytes.u32(item >>> 0)
    else {
      this.#string(className)
      for (const item of items) this.write(item)
    }
  }

  #dictionary({ entries, hasWeakKeys }: Dictionary): void {
    this.#length(entries.length).u8(hasWeakKeys ? 1 : 0)
    for (const [key, value] of entries) this.write(key).write(value)
  }

  #externalizable({ className, value }: ExternalizableObject): void {
    this.#class(className, ObjectFlag.Externalizable, [])
    this.write(value)
  }

  #members(className: string, properties: AmfObject, traits: ObjectTraits | undefined): void {
    const keys = keysInOrder(properties)
    const { sealed, isDynamic } = traits ?? { sealed: keys, isDynamic: false }
    const others = new Set(keys)
    for (const name of sealed) others.delete(name)
    this.#class(className, isDynamic ? ObjectFlag.Dynamic : 0, sealed)
    for (const name of sealed) this.write(properties[name])
    if (isDynamic) this.#named([...others], properties)
    else
      for (const name of others)
        throw new TypeError(`property ${name} is not declared by the class ${className}, which is not dynamic`)
  }

  #class(className: string, flag: number, sealed: readonly string[]): void {
    const traits = JSON.stringify([className, flag, sealed])
    const known = this.#classes.get(traits)
    if (known !== undefined) {
      this.#bytes.u29((known << 2) | ObjectFlag.Instance)
      return
    }
    this.#classes.set(traits, this.#classes.size)
    this.#bytes.u29((sealed.length << 4) | flag | ObjectFlag.Traits | ObjectFlag.Instance)
    this.#string(className)
    for (const name of sealed) this.#string(name)
  }

  /** Named values, and the empty name at their end. */
  #named(names: Iterable<string>, properties: AmfObject): void {
    for (const name of names) {
      if (name === '') throw new TypeError('AMF3 cannot encode an empty property name')
      this.#string(name)
      this.write(properties[name])
    }
    this.#string('')
  }
}

function vectorMarker({ items }: Vector): number {
  if (items instanceof Int32Array) return Amf3Marker.VectorInt
  if (items instanceof Uint32Array) return Amf3Marker.VectorUint
  return items instanceof Float64Array ? Amf3Marker.VectorDouble : Amf3Marker.VectorObject
}

/**
 * The AMF3 bytes of `values`, one after another. A message body is AMF0 that switches to AMF3: see `Amf0Writer`.
 *
 * @example
 * ```ts
 * const body = writeAmf3('hello', { level: 1 })
 * ```
 */
export function writeAmf3(...values: AmfValue[]): Buffer {
  const writer = new Amf3Writer()
  for (const value of values) writer.write(value)
  return writer.done()
}
