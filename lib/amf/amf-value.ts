/**
 * The values of AMF0 in JavaScript. What JavaScript has, is itself: number, boolean, string (short or long), null, undefined,
 * an array for a strict array, an object without a prototype for an anonymous object. What it has not, is one of the
 * classes below, kept apart so that a value goes out again in the form it came in.
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
  | typeof unsupported

/**
 * Named values, in the order they were sent. Read ones have no prototype, so a key such as `__proto__` or `constructor` is
 * data like any other.
 */
export type AmfObject = { readonly [key: string]: AmfValue }

/** An array with names instead of indices: what onMetaData usually carries (AMF0, 2.10). */
export class EcmaArray {
  readonly properties: AmfObject
  /** How many properties it says it has. Many encoders get it wrong, so it is only told, never trusted. */
  readonly count: number

  constructor(properties: AmfObject, count: number = Object.keys(properties).length) {
    this.properties = properties
    this.count = count
  }
}

/** An object that names its class (AMF0, 2.18). Nothing is ever constructed from the name. */
export class TypedObject {
  readonly className: string
  readonly properties: AmfObject

  constructor(className: string, properties: AmfObject) {
    this.className = className
    this.properties = properties
  }
}

/** A moment (AMF0, 2.13). Any double may be sent, NaN too, so it is kept as the number it is. */
export class AmfDate {
  /** Milliseconds since 1970-01-01 UTC. */
  readonly milliseconds: number
  /** Reserved, minutes in practice; 0 from everyone who follows the specification. */
  readonly timeZone: number

  constructor(milliseconds: number | Date, timeZone = 0) {
    this.milliseconds = Number(milliseconds)
    this.timeZone = timeZone
  }
}

/** An XML document, kept as its text and never parsed (AMF0, 2.17). */
export class XmlDocument {
  readonly text: string

  constructor(text: string) {
    this.text = text
  }
}

/** What a peer sends in place of a value it could not express (AMF0, 2.15). */
export const unsupported: unique symbol = Symbol('AMF0 unsupported')

/** The named values of an object, an ECMA array or a typed object alike; undefined for every other value. */
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
 * JavaScript lists keys that look like indices ("0", "17") before all others. An object read with such keys out of that
 * order remembers here how it was sent, so that it is written the same again.
 */
const sentOrder = new WeakMap<AmfObject, readonly string[]>()

export function rememberOrder(properties: AmfObject, keys: readonly string[]): void {
  const listed = Object.keys(properties)
  if (listed.length === keys.length && listed.some((key, i) => key !== keys[i])) sentOrder.set(properties, keys)
}

export function keysInOrder(properties: AmfObject): readonly string[] {
  const listed = Object.keys(properties)
  const sent = sentOrder.get(properties)
  return sent?.length === listed.length && sent.every(key => Object.hasOwn(properties, key)) ? sent : listed
}
