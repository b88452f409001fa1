import {
  AmfDate,
  type AmfObject,
  type AmfValue,
  Dictionary,
  EcmaArray,
  ExternalizableObject,
  TypedObject,
  unsupported,
  Vector,
  Xml,
  XmlDocument
} from '../index.ts'

/** The number of characters of a string, and of bytes of a buffer, that are shown. */
const SHOWN_TEXT = 64
const SHOWN_BYTES = 16
const WORD = /^[A-Za-z_$@][\w$.]*$/

/** AMF values in the syntax of a program, in pieces, so that only what is read is computed. */
export class AmfText {
  /** Objects already written; cycles would never end. */
  readonly #met = new Set<AmfValue>();

  *list(values: readonly AmfValue[]): Generator<string, void> {
    for (const [i, value] of values.entries()) {
      if (i > 0) yield ', '
      yield* this.value(value)
    }
  }

  *value(value: AmfValue): Generator<string, void> {
    if (typeof value === 'number') yield numeral(value)
    else if (typeof value === 'string') yield quoted(value)
    else if (value === unsupported) yield 'unsupported'
    else if (typeof value !== 'object' || value === null) yield `${value}`
    else if (this.#met.has(value)) yield 'again'
    else {
      this.#met.add(value)
      yield* this.#complex(value)
    }
  }

  *#complex(value: object): Generator<string, void> {
    if (Array.isArray(value)) {
      yield '['
      yield* this.list(value)
      yield ']'
    } else if (value instanceof EcmaArray) {
      yield 'EcmaArray '
      yield* this.#properties(value.properties)
    } else if (value instanceof TypedObject) {
      yield `${word(value.className)} `
      yield* this.#properties(value.properties)
    } else if (value instanceof AmfDate) yield `Date ${numeral(value.milliseconds)}`
    else if (value instanceof XmlDocument || value instanceof Xml) yield `XML ${quoted(value.text)}`
    else if (value instanceof Uint8Array) yield hexText(value as Buffer)
    else if (value instanceof Vector) {
      yield `Vector [`
      yield* this.list(value.items as readonly AmfValue[])
      yield ']'
    } else if (value instanceof Dictionary) yield* this.#entries(value)
    else if (value instanceof ExternalizableObject) {
      yield `${word(value.className)} `
      yield* this.value(value.value)
    } else yield* this.#properties(value as AmfObject)
  }

  *#entries({ entries }: Dictionary): Generator<string, void> {
    yield 'Dictionary {'
    for (const [i, [key, value]] of entries.entries()) {
      if (i > 0) yield ', '
      yield* this.value(key)
      yield ' => '
      yield* this.value(value)
    }
    yield '}'
  }

  *#properties(properties: AmfObject): Generator<string, void> {
    let separator = '{'
    for (const name in properties) {
      yield `${separator}${word(name)}: `
      yield* this.value(properties[name])
      separator = ', '
    }
    yield separator === '{' ? '{}' : '}'
  }
}

/** A number in digits; negative zero keeps its sign. */
export const numeral = (value: number): string => (Object.is(value, -0) ? '-0' : `${value}`)

/** A name sent by a peer: unchanged if it is a word, otherwise quoted. */
export const word = (name: string): string => (name.length <= SHOWN_TEXT && WORD.test(name) ? name : quoted(name))

export const hexText = (bytes: Buffer): string =>
  `<${bytes.toString('hex', 0, SHOWN_BYTES)}${bytes.length > SHOWN_BYTES ? '…' : ''}>`

const quoted = (text: string): string =>
  JSON.stringify(text.length <= SHOWN_TEXT ? text : `${text.slice(0, SHOWN_TEXT)}…`)
