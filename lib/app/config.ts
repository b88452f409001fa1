import { readFileSync } from 'node:fs'
import {
  findNodeAtLocation,
  getNodeValue,
  type Node,
  type ParseError,
  parseTree,
  printParseErrorCode
} from 'jsonc-parser'
import type { PublishKey } from './publish-key.ts'
import type { StandingRelay } from './standing-relays.ts'
import { isStreamUrl } from './stream-url.ts'
import { UsageError } from './words.ts'

/** The checks of a value here. The command checks the rest, such as ranges. */
interface Schema {
  readonly type?: string
  readonly properties?: Readonly<Record<string, Schema>>
  readonly required?: readonly string[]
  readonly items?: Schema
}

const schema = JSON.parse(
  readFileSync(new URL('../../../lib/app/serve.schema.json', import.meta.url), 'utf8')
) as Schema

/** Keys that are not options. */
const OWN = ['$schema', 'relays', 'publishKeys']

/** A configuration file of `rtmpipe serve`: JSON with comments, whose keys are names of options in camelCase. */
export class Config {
  /** Its options as words of the command line, without those that the command line has itself. */
  readonly words: readonly string[]
  readonly relays: readonly StandingRelay[]
  readonly publishKeys: readonly PublishKey[]
  readonly #file: string
  readonly #text: string
  readonly #root: Node

  /**
   * Reads a file; `args` are the words of the command line.
   * @throws UsageError, with the file and the line.
   */
  constructor(file: string, args: readonly string[]) {
    this.#file = file
    this.#text = textOf(file)
    const errors: ParseError[] = []
    const root = parseTree(this.#text, errors, { allowTrailingComma: true, allowEmptyContent: true })
    for (const { error, offset } of errors) throw this.#wrong(offset, words(printParseErrorCode(error)))
    this.#root = root ?? { type: 'object', offset: 0, length: 0, children: [] }
    this.#check(this.#root, schema, '')
    const values = getNodeValue(this.#root) as Record<string, unknown>
    this.words = Object.entries(values).flatMap(([key, value]) => {
      const option = optionOf(key)
      const isSaid = args.some(arg => arg === option || arg.startsWith(`${option}=`))
      return isSaid || OWN.includes(key) ? [] : asWords(option, value)
    })
    this.relays = (values.relays as StandingRelay[] | undefined) ?? []
    this.publishKeys = (values.publishKeys as PublishKey[] | undefined) ?? []
    this.#checkLists()
  }

  /** An error of the command about its options, with the file and the line of the first option that is from here. */
  located(error: UsageError): UsageError {
    const [node] = [...error.message.matchAll(OPTION)].flatMap(([option]) => {
      const isHere = this.words.some(word => word === option || word.startsWith(`${option}=`))
      return (isHere && findNodeAtLocation(this.#root, [keyOf(option)])) || []
    })
    return node === undefined ? error : this.#wrong(node.offset, error.message.replaceAll(OPTION, keyOf))
  }

  #check(node: Node, { type, properties, required = [], items }: Schema, name: string): void {
    const is = typeOf(node)
    if (type !== undefined && is !== type && !(is === 'integer' && type === 'number'))
      throw this.#wrong(node.offset, `${name || 'the file'} must be ${articled(type)}, not ${articled(is)}`)
    if (is === 'array' && items)
      for (const [i, each] of node.children!.entries()) this.#check(each, items, `${name}[${i}]`)
    if (is !== 'object' || properties === undefined) return
    const keys = new Set<string>()
    for (const { offset, children } of node.children!) {
      const [{ value: key }, value] = children as [Node, Node]
      const inner = name === '' ? key : `${name}.${key}`
      if (!Object.hasOwn(properties, key)) throw this.#wrong(offset, `unknown key ${inner}`)
      if (keys.has(key)) throw this.#wrong(offset, `${inner} is given twice`)
      keys.add(key)
      this.#check(value, properties[key]!, inner)
    }
    for (const key of required) if (!keys.has(key)) throw this.#wrong(node.offset, `${name}.${key} is required`)
  }

  #checkLists(): void {
    for (const [i, { path, to }] of this.relays.entries()) {
      if (path === '') throw this.#wrongAt(['relays', i, 'path'], 'must not be empty')
      if (!isStreamUrl(to))
        throw this.#wrongAt(['relays', i, 'to'], 'must be the URL of a stream: rtmp://host/app/name')
    }
    for (const [i, each] of this.publishKeys.entries())
      for (const key of ['key', 'path'] as const)
        if (each[key] === '') throw this.#wrongAt(['publishKeys', i, key], 'must not be empty')
  }

  #wrongAt(way: [string, number, string], message: string): UsageError {
    const [list, i, key] = way
    return this.#wrong(findNodeAtLocation(this.#root, way)!.offset, `${list}[${i}].${key} ${message}`)
  }

  #wrong(offset: number, message: string): UsageError {
    const line = this.#text.slice(0, offset).split('\n').length
    return new UsageError(`${this.#file}:${line}: ${message}`)
  }
}

const OPTION = /--[a-z][a-z-]*[a-z]/g

const optionOf = (key: string): string => `--${key.replace(/[A-Z]/g, letter => `-${letter.toLowerCase()}`)}`

/** The key of an option: `--hold-ms` is holdMs. */
export const keyOf = (option: string): string =>
  option.slice(2).replace(/-([a-z])/g, (_, letter) => letter.toUpperCase())

function asWords(option: string, value: unknown): string[] {
  if (Array.isArray(value)) return value.flatMap(each => asWords(option, each))
  if (typeof value === 'boolean') return value ? [option] : []
  return [`${option}=${value}`]
}

function typeOf({ type, value }: Node): string {
  return type === 'number' && Number.isInteger(value) ? 'integer' : type
}

const articled = (type: string): string => (type === 'null' ? type : `${/^[aio]/.test(type) ? 'an' : 'a'} ${type}`)

/** `CommaExpected`: comma expected. */
const words = (code: string): string => code.replace(/(?!^)[A-Z]/g, letter => ` ${letter}`).toLowerCase()

function textOf(file: string): string {
  try {
    return readFileSync(file, 'utf8').replace(/^\uFEFF/, '')
  } catch (error) {
    throw new UsageError(`--config ${file}: ${(error as Error).message}`)
  }
}
