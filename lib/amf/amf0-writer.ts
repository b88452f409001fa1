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
  TypedObject,
  unsupported,
  Vector,
  Xml,
  XmlDocument
} from './amf-value.ts'
import { Amf0Marker } from './amf0-marker.ts'
import { Amf3Writer } from './amf3-writer.ts'

/** The longest text that a short string, a key or a class name can hold, in bytes. */
const SHORT_STRING = 0xffff
/** The number of objects that can be referenced: a reference has 16 bits (AMF0, 2.9). */
const REFERENCES = 0x10000

/** Options of Amf0Writer. */
export interface Amf0WriterOptions {
  /**
   * Whether the peer decodes AMF3: values that AMF0 cannot encode, such as bytes, are then sent in it (AMF0, 3.1).
   * False by default.
   */
  amf3?: boolean
}

/**
 * Encodes AMF0 values, the inverse of Amf0Reader. An object that occurs again in one body is encoded as a reference, as
 * AMF0 2.9 requires; so a cycle ends.
 * @throws TypeError for a value that AMF0 cannot encode (a function, a bigint, an instance of a foreign class, and
 *   without `amf3` a value of AMF3 alone), RangeError for a key of more than 65,535 bytes.
 *
 * @example
 * ```ts
 * const body = new Amf0Writer().write('hello').write({ level: 1 }).done()
 * ```
 */
export class Amf0Writer {
  readonly #bytes = new ByteWriter()
  readonly #objects = new Map<object, number>()
  readonly #amf3: Amf3Writer | undefined

  constructor({ amf3 = false }: Amf0WriterOptions = {}) {
    this.#amf3 = amf3 ? new Amf3Writer(this.#bytes) : undefined
  }

  /**
   * Encodes a value after the previous ones.
   * @throws as the class.
   */
  write(value: AmfValue): this {
    const bytes = this.#bytes
    switch (typeof value) {
      case 'number':
        bytes.u8(Amf0Marker.Number).f64(value)
        return this
      case 'boolean':
        bytes.u8(Amf0Marker.Boolean).u8(value ? 1 : 0)
        return this
      case 'string':
        this.#string(value)
        return this
      case 'undefined':
        bytes.u8(Amf0Marker.Undefined)
        return this
      case 'object':
        if (value === null) bytes.u8(Amf0Marker.Null)
        else this.#object(value)
        return this
      default:
        if (value !== unsupported) throw new TypeError(`AMF0 cannot encode a ${typeof value}`)
        bytes.u8(Amf0Marker.Unsupported)
        return this
    }
  }

  /** The bytes of all values that were written. */
  done(): Buffer {
    return this.#bytes.done()
  }

  #string(text: string): void {
    if (Buffer.byteLength(text) > SHORT_STRING) this.#long(Amf0Marker.LongString, text)
    else this.#short(this.#bytes.u8(Amf0Marker.String), text)
  }

  #long(marker: number, text: string): void {
    this.#bytes.u8(marker).u32(Buffer.byteLength(text)).utf8(text)
  }

  #short(bytes: ByteWriter, text: string): void {
    const length = Buffer.byteLength(text)
    if (length > SHORT_STRING)
      throw new RangeError(`AMF0 key or class name must be at most ${SHORT_STRING} bytes, not ${length}`)
    bytes.u16(length).utf8(text)
  }

  #object(value: Exclude<AmfValue, number | boolean | string | null | undefined | symbol>): void {
    const bytes = this.#bytes
    if (value instanceof AmfDate) {
      bytes.u8(Amf0Marker.Date).f64(value.milliseconds).i16(value.timeZone)
      return
    }
    if (value instanceof XmlDocument) {
      this.#long(Amf0Marker.XmlDocument, value.text)
      return
    }
    if (isOfAmf3(value)) {
      if (this.#amf3 === undefined) throw new TypeError(`AMF0 cannot encode a ${value.constructor.name}`)
      bytes.u8(Amf0Marker.AvmPlusObject)
      this.#amf3.write(value)
      return
    }
    const index = this.#objects.get(value)
    if (index !== undefined) {
      bytes.u8(Amf0Marker.Reference).u16(index)
      return
    }
    if (this.#objects.size < REFERENCES) this.#objects.set(value, this.#objects.size)
    if (Array.isArray(value)) this.#strictArray(value)
    else if (value instanceof EcmaArray)
      this.#properties(bytes.u8(Amf0Marker.EcmaArray).u32(value.count), value.properties)
    else if (value instanceof TypedObject) {
      this.#short(bytes.u8(Amf0Marker.TypedObject), value.className)
      this.#properties(bytes, value.properties)
    } else if (isPlainObject(value)) this.#properties(bytes.u8(Amf0Marker.Object), value)
    else throw new TypeError(`AMF0 cannot encode a ${value.constructor.name}`)
  }

  #strictArray(values: readonly AmfValue[]): void {
    this.#bytes.u8(Amf0Marker.StrictArray).u32(values.length)
    for (const value of values) this.write(value)
  }

  #properties(bytes: ByteWriter, properties: AmfObject): void {
    for (const key of keysInOrder(properties)) {
      this.#short(bytes, key)
      this.write(properties[key])
    }
    bytes.u16(0).u8(Amf0Marker.ObjectEnd)
  }
}

const isOfAmf3 = (value: object): value is Uint8Array | Xml | Vector | Dictionary | ExternalizableObject =>
  value instanceof Uint8Array ||
  [Xml, Vector, Dictionary, ExternalizableObject].some(amf3Class => value instanceof amf3Class)

/**
 * The AMF0 bytes of `values`, one after another.
 *
 * @example
 * ```ts
 * const payload = writeAmf0('onMetaData', { width: 1280, height: 720 })
 * ```
 */
export function writeAmf0(...values: AmfValue[]): Buffer {
  const writer = new Amf0Writer()
  for (const value of values) writer.write(value)
  return writer.done()
}
