import {
  AmfDate,
  Dictionary,
  EcmaArray,
  ExternalizableObject,
  TypedObject,
  Vector,
  Xml,
  XmlDocument
} from '../index.ts'
import { numeral } from './amf-text.ts'
import { escaped } from './escaped.ts'
import type { LedgerEntry } from './ledger.ts'

/** Bytes of a buffer, and items of a typed array, that are shown. */
const SHOWN = 64

/**
 * An entry as one line of JSON, complete. Values that JSON cannot express are objects with a `$`:
 * `{"$":"number","value":"NaN"}`, `{"$":"undefined"}`, `{"$":"bytes","length":1256,"hex":"1701..."}` with the first 64
 * bytes, and the classes of AMF, such as `{"$":"EcmaArray","count":2,"properties":{...}}`. An object that occurs again
 * in a body is `{"$":"reference","to":"/says/args/0"}`, a JSON Pointer into the line.
 *
 * @example
 * ```ts
 * for (const entry of await inspectFile('film.flv')) process.stdout.write(`${jsonLine(entry)}\n`)
 * ```
 */
export function jsonLine(entry: LedgerEntry): string {
  return escaped(JSON.stringify(new Plain().fields(entry, '')))
}

/**
 * Makes plain JSON values, each object once: cycles would never end, and nested references would grow exponentially.
 */
class Plain {
  /** The position of each object. */
  readonly #met = new Map<object, string>()

  fields(object: object, at: string): object {
    const made: Record<string, unknown> = Object.create(null)
    for (const [name, value] of Object.entries(object)) made[name] = this.#value(value, inside(at, name))
    return made
  }

  #value(value: unknown, at: string): unknown {
    switch (typeof value) {
      case 'number':
        return Number.isFinite(value) && !Object.is(value, -0) ? value : { $: 'number', value: numeral(value) }
      case 'undefined':
        return { $: 'undefined' }
      case 'symbol':
        return { $: 'unsupported' }
      case 'object':
        return value === null ? null : this.#object(value, at)
      default:
        return value
    }
  }

  #object(value: object, at: string): unknown {
    if (Buffer.isBuffer(value)) return { $: 'bytes', length: value.length, hex: value.toString('hex', 0, SHOWN) }
    if (value instanceof Int32Array || value instanceof Uint32Array || value instanceof Float64Array) {
      const values = [...value.subarray(0, SHOWN)].map(each => this.#value(each, at))
      return { $: value.constructor.name, length: value.length, values }
    }
    const met = this.#met.get(value)
    if (met !== undefined) return { $: 'reference', to: met }
    this.#met.set(value, at)
    if (Array.isArray(value)) return value.map((each, i) => this.#value(each, inside(at, `${i}`)))
    for (const [kind, name] of classes) if (value instanceof kind) return { $: name, ...this.fields(value, at) }
    return this.fields(value, at)
  }
}

/** A step of a JSON Pointer (RFC 6901). */
const inside = (at: string, name: string): string => `${at}/${name.replaceAll('~', '~0').replaceAll('/', '~1')}`

const classes = [
  [EcmaArray, 'EcmaArray'],
  [TypedObject, 'TypedObject'],
  [AmfDate, 'AmfDate'],
  [XmlDocument, 'XmlDocument'],
  [Xml, 'Xml'],
  [Vector, 'Vector'],
  [Dictionary, 'Dictionary'],
  [ExternalizableObject, 'ExternalizableObject']
] as const
