/**
 * The values of AMF0 and AMF3 in JavaScript. Types that JavaScript has are used: number, boolean, string (short or
 * long), null, undefined, an array if it has only indices, a Buffer for a byte array, an object without a prototype for
 * an anonymous object. Other types are the classes below, kept apart so that a value is encoded again in the form it
 * was decoded from.
 */
export type AmfValue =
  | number
  | boolean
  | string
  | null
  | undefined
  | AmfObject
  | readonly AmfValue[]
  | EcmaArray
  | TypedObject
  | AmfDate
  | XmlDocument
  | Xml
  | Uint8Array
  | Vector
  | Dictionary
  | ExternalizableObject
  | typeof unsupported

/**
 * Named values, in the order they were sent. Decoded ones have no prototype, so a key such as `__proto__` or
 * `constructor` is ordinary data.
 */
export type AmfObject = { readonly [key: string]: AmfValue }

/**
 * An array with names instead of indices: the usual form of onMetaData (AMF0, 2.10). One of AMF3 (3.11) has both; its
 * indices are names here, as in AMF0.
 *
 * @example
 * ```ts
 * writeAmf0('onMetaData', new EcmaArray({ width: 1280, height: 720 }))
 * ```
 */
export class EcmaArray {
  /** The named values, in the order they were sent. */
  readonly properties: AmfObject
  /**
   * The announced number of properties, or in AMF3 of indices. Many encoders send a wrong one, so it is informative
   * only.
   */
  readonly count: number

  constructor(properties: AmfObject, count: number = Object.keys(properties).length) {
    this.properties = properties
    this.count = count
  }
}

/** The traits of a class (AMF3, 3.12). */
export interface ObjectTraits {
  /** The names that each of its objects has. */
  readonly sealed: readonly string[]
  /** Whether an object may have other names too. */
  readonly isDynamic: boolean
}

/**
 * An object that names its class (AMF0, 2.18; AMF3, 3.12). Nothing is ever constructed from the name.
 *
 * @example
 * ```ts
 * writeAmf0(new TypedObject('Point', { x: 1, y: 2 }))
 * ```
 */
export class TypedObject {
  /** The name of its class, as it was sent. */
  readonly className: string
  /** The named values, in the order they were sent. */
  readonly properties: AmfObject
  /** Its traits in AMF3. Without them it is encoded as of a class with just these names. */
  declare readonly traits?: ObjectTraits

  constructor(className: string, properties: AmfObject, traits?: ObjectTraits) {
    this.className = className
    this.properties = properties
    if (traits !== undefined) this.traits = traits
  }
}

/**
 * A date (AMF0, 2.13; AMF3, 3.10). Any double may be sent, NaN too, so the number is kept unchanged.
 *
 * @example
 * ```ts
 * writeAmf0('startedAt', new AmfDate(new Date()))
 * ```
 */
export class AmfDate {
  /** Milliseconds since 1970-01-01 UTC. */
  readonly milliseconds: number
  /** Time zone, reserved; minutes in practice, 0 according to the specification. AMF3 has none. */
  readonly timeZone: number

  constructor(milliseconds: number | Date, timeZone = 0) {
    this.milliseconds = Number(milliseconds)
    this.timeZone = timeZone
  }
}

/**
 * An XML document, kept as its text and never parsed (AMF0, 2.17; AMF3, 3.9).
 *
 * @example
 * ```ts
 * writeAmf0(new XmlDocument('<film/>'))
 * ```
 */
export class XmlDocument {
  /** The document's text, as it was sent. */
  readonly text: string

  constructor(text: string) {
    this.text = text
  }
}

/**
 * XML of ActionScript 3, which is another type than an XML document (AMF3, 3.13); kept as its text too.
 *
 * @example
 * ```ts
 * writeAmf3(new Xml('<film/>'))
 * ```
 */
export class Xml {
  /** The document's text, as it was sent. */
  readonly text: string

  constructor(text: string) {
    this.text = text
  }
}

/**
 * Items of one type (AMF3, 3.15): whole numbers, numbers, or values of a class; `'*'` is a class that all are of.
 *
 * @example
 * ```ts
 * writeAmf3(new Vector(Float64Array.of(0.5, 1)))
 * ```
 */
export class Vector {
  /** The items: a typed array of numbers, or an array of values. */
  readonly items: Int32Array | Uint32Array | Float64Array | readonly AmfValue[]
  /** Whether its length is fixed. */
  readonly isFixed: boolean
  /** Of its items, where they are no numbers. */
  readonly className: string

  constructor(items: Vector['items'], isFixed = false, className = '*') {
    this.items = items
    this.isFixed = isFixed
    this.className = className
  }
}

/**
 * Values by keys of any type (AMF3, 3.16). Objects are the same key if they are the same object.
 *
 * @example
 * ```ts
 * writeAmf3(new Dictionary([['width', 1280], [{ id: 1 }, 'an object as a key']]))
 * ```
 */
export class Dictionary {
  /** Pairs of key and value, in the order they were sent. */
  readonly entries: readonly (readonly [AmfValue, AmfValue])[]
  /** Whether keys are weak; without effect here. */
  readonly hasWeakKeys: boolean

  constructor(entries: Iterable<readonly [AmfValue, AmfValue]>, hasWeakKeys = false) {
    this.entries = Array.isArray(entries) ? entries : [...entries]
    this.hasWeakKeys = hasWeakKeys
  }
}

/**
 * An externalizable object (AMF3, 3.12) that wraps one value, as those of Flex do: ArrayCollection, ArrayList,
 * ObjectProxy. The format of other classes is private to them: `ERR_RTMP_AMF_EXTERNALIZABLE`.
 *
 * @example
 * ```ts
 * writeAmf3(new ExternalizableObject('flex.messaging.io.ArrayCollection', [1, 2, 3]))
 * ```
 */
export class ExternalizableObject {
  /** The name of its class, as it was sent. */
  readonly className: string
  /** The wrapped value. */
  readonly value: AmfValue

  constructor(className: string, value: AmfValue) {
    this.className = className
    this.value = value
  }
}

/**
 * What a peer sends in place of a value it could not express (AMF0, 2.15).
 *
 * @example
 * ```ts
 * const known = readAmf0(bytes).filter(value => value !== unsupported)
 * ```
 */
export const unsupported: unique symbol = Symbol('AMF0 unsupported')

/**
 * The named values of an object, an ECMA array or a typed object alike; undefined for every other value.
 *
 * @example
 * ```ts
 * const { width, height } = propertiesOf(readData(message)[1]) ?? {}
 * ```
 */
export function propertiesOf(value: AmfValue): AmfObject | undefined {
  if (value instanceof EcmaArray || value instanceof TypedObject) return value.properties
  return isPlainObject(value) ? value : undefined
}

export function isPlainObject(value: AmfValue): value is AmfObject {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return false
  const prototype = Object.getPrototypeOf(value)
  return prototype === null || prototype === Object.prototype
}

/**
 * JavaScript lists keys that look like indices ("0", "17") before all others. An object that was sent with such keys in
 * another order stores that order here, so that it is encoded the same.
 */
const sentOrder = new WeakMap<AmfObject, readonly string[]>()

const looksLikeIndex = (key: string): boolean => key >= '0' && key < ':'

export function rememberOrder(properties: AmfObject, keys: readonly string[]): void {
  if (!keys.some(looksLikeIndex)) return
  const listed = Object.keys(properties)
  if (listed.length === keys.length && listed.some((key, i) => key !== keys[i])) sentOrder.set(properties, keys)
}

export function keysInOrder(properties: AmfObject): readonly string[] {
  const listed = Object.keys(properties)
  const sent = sentOrder.get(properties)
  return sent?.length === listed.length && sent.every(key => Object.hasOwn(properties, key)) ? sent : listed
}
