import { inspect } from 'node:util'
import { type AmfValue, propertiesOf } from '../amf/amf-value.ts'
import { debug } from '../channels.ts'
import type { Command } from '../message/command.ts'

/** Commands whose arguments hold no secrets but a stream's name. Of all others, strings are not shown. */
const KNOWN: readonly string[] = [
  'connect',
  'releaseStream',
  'FCPublish',
  'FCUnpublish',
  'FCSubscribe',
  'publish',
  'play',
  'getStreamLength',
  '_result',
  '_error',
  'onStatus',
  'onFCPublish',
  'onFCUnpublish',
  'onFCSubscribe'
]
/** Commands whose first argument is the name of a stream to publish, which is often its key. */
const PUBLISHES: readonly string[] = ['releaseStream', 'FCPublish', 'FCUnpublish', 'publish']
/** Names of keys of one session that are recognized when the other side repeats them. */
const MAX_KEYS = 8
const HIDDEN = '…'
const SHAPE = {
  depth: 3,
  breakLength: Number.POSITIVE_INFINITY,
  compact: true,
  maxStringLength: 200,
  maxArrayLength: 20
}

/** What NODE_DEBUG=rtmpipe prints of a session. Made only if that is set. */
export class DebugLines {
  readonly #name: () => string
  /** Names that the session publishes by. */
  readonly #keys = new Set<string>()

  constructor(name: () => string) {
    this.#name = name
  }

  /** What happens, in a few words. */
  tell(what: string): void {
    debug('%s %s', this.#name(), what)
  }

  /** An error of the session, or of a listener: its message may repeat what the peer sent. */
  failed({ message }: Error): void {
    this.tell(`error: ${inspect(this.#masked(message))}`)
  }

  /** A publish or a play starts or ends, by the path that the application gave it. */
  engaged(kind: string, what: string, path: string | undefined): void {
    this.tell(`${kind} ${what}s${path === undefined ? '' : `: ${inspect(path)}`}`)
  }

  /** A command of the peer. */
  heard(command: Command): void {
    this.tell(`< ${this.#line(command)}`)
  }

  /** A command of this side. */
  said(command: Command): void {
    this.tell(`> ${this.#line(command)}`)
  }

  #line({ name, transactionId, messageStreamId, args }: Command): string {
    const [, key] = args
    if (PUBLISHES.includes(name) && typeof key === 'string' && this.#keys.size < MAX_KEYS) this.#keys.add(bare(key))
    const isKnown = KNOWN.includes(name)
    const shown = args.map((value, i) => {
      if (name === 'connect' && i > 0) return this.#shown(value, false)
      return this.#shown(PUBLISHES.includes(name) && i === 1 ? cut(value) : value, isKnown)
    })
    const said = /^\w{1,64}$/.test(name) ? name : inspect(name.slice(0, 64))
    const transaction = transactionId === 0 ? '' : ` transaction ${transactionId}`
    const where = messageStreamId === 0 ? '' : ` on stream ${messageStreamId}`
    return `${said}${transaction}${where}: ${shown.map(value => inspect(value, SHAPE)).join(', ')}`
  }

  /** A value without secrets: see maskedQuery. */
  #shown(value: AmfValue, isKnown: boolean): AmfValue {
    if (typeof value === 'string') return isKnown ? this.#masked(value) : value && HIDDEN
    if (Array.isArray(value)) return value.map(each => this.#shown(each, isKnown))
    const properties = propertiesOf(value)
    if (properties === undefined) return typeof value === 'object' && value !== null ? HIDDEN : value
    return Object.fromEntries(Object.entries(properties).map(([name, each]) => [name, this.#shown(each, isKnown)]))
  }

  #masked(text: string): string {
    let masked = maskedQuery(text)
    for (const key of this.#keys) if (key.length > 2) masked = masked.replaceAll(key, () => cut(key) as string)
    return masked
  }
}

/** Two characters of a name. */
const cut = (name: AmfValue): AmfValue => (typeof name === 'string' ? `${name.slice(0, 2)}${HIDDEN}` : name)

const bare = (name: string): string => name.replace(/\?.*/s, '')

/** Scheme, host and port of a URL. */
export const hostOf = (url: string): string =>
  /^\w+:\/\/(?:[^/]*@)?[^/?]*/.exec(url)?.[0].replace(/\/\/.*@/, '//') ?? ''

/** A text with a query or a URL, without the query's values and without user and password. */
const maskedQuery = (text: string): string =>
  text
    .replace(/\/\/[^/]*@/g, `//${HIDDEN}@`)
    .replace(/\?.*/s, query =>
      query.replace(/([?&])([^=&?]*=)?[^&?]*/g, (_, sign, name = '') => `${sign}${name}${HIDDEN}`)
    )
