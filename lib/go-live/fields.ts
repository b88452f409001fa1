import { GoLiveError } from './go-live-error.ts'

/**
 * Checks that a JSON value is a `Value`.
 * @throws GoLiveError that names the field.
 */
export interface Check<Value> {
  (value: unknown, field: string): void
  /** Never set: it ties the check to its type. */
  readonly is?: Value
}

/** A check for each property of a type. Other properties are ignored, because encoders add some. */
export type Fields<Type> = { readonly [Name in keyof Type]-?: Check<Type[Name]> }

type Json = Readonly<Record<string, unknown>>

export const isObject = (value: unknown): value is Json =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

export const wrongField = (field: string, why: string): GoLiveError =>
  new GoLiveError('ERR_RTMP_GO_LIVE_FIELD', { field, detail: `${field || 'JSON'} ${why}` })

export const text: Check<string> = (value, field) => {
  if (typeof value !== 'string') throw isNo('a string', value, field)
}

export const filledText: Check<string> = (value, field) => {
  text(value, field)
  if (value === '') throw wrongField(field, 'must not be empty')
}

export const flag: Check<boolean> = (value, field) => {
  if (typeof value !== 'boolean') throw isNo('true or false', value, field)
}

export const whole = (min = 0, max: number = Number.MAX_SAFE_INTEGER): Check<number> => {
  const wanted = `a whole number ${max < Number.MAX_SAFE_INTEGER ? `from ${min} to ${max}` : `of at least ${min}`}`
  return (value, field) => {
    if (!Number.isSafeInteger(value) || (value as number) < min || (value as number) > max)
      throw isNo(wanted, value, field)
  }
}

/** A number of bytes, for example, which may exceed `Number.MAX_SAFE_INTEGER`. */
export const amount: Check<number> = (value, field) => {
  if (typeof value !== 'number' || value < 0) throw isNo('a number of at least 0', value, field)
}

export const oneOf =
  <Value extends string>(...values: readonly Value[]): Check<Value> =>
  (value, field) => {
    if (!values.includes(value as Value)) throw isNo(`one of ${values.join(', ')}`, value, field)
  }

export const anyObject: Check<Json> = (value, field) => {
  if (!isObject(value)) throw isNo('an object', value, field)
}

/** Also accepts null, which OBS writes for unknown values. */
export const optional =
  <Value>(check: Check<Value>): Check<Value | null> =>
  (value, field) => {
    if (value !== undefined && value !== null) check(value, field)
  }

export const listOf =
  <Value>(check: Check<Value>, min: number, max: number): Check<readonly Value[]> =>
  (value, field) => {
    if (!Array.isArray(value)) throw isNo('an array', value, field)
    if (value.length < min || value.length > max)
      throw wrongField(field, `must have ${min} to ${max} items, not ${value.length}`)
    for (const [i, each] of value.entries()) check(each, `${field}[${i}]`)
  }

export const objectOf =
  <Type extends object>(fields: Fields<Type>): Check<Type> =>
  (value, field) => {
    if (!isObject(value)) throw isNo('an object', value, field)
    for (const [name, check] of Object.entries<Check<unknown>>(fields))
      check(value[name], field === '' ? name : `${field}.${name}`)
  }

/** The message shows no string, because it may be a key. */
function isNo(wanted: string, value: unknown, field: string): GoLiveError {
  if (value === undefined) return wrongField(field, 'is missing')
  return wrongField(field, `must be ${wanted}, not ${kindOf(value)}`)
}

function kindOf(value: unknown): string {
  if (Array.isArray(value)) return 'an array'
  if (typeof value === 'string') return 'a string'
  return isObject(value) ? 'an object' : `${value}`
}
