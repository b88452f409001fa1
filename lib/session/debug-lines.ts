import { inspect } from 'node:util'
import { type AmfValue, propertiesOf } from '../amf/amf-value.ts'
import { debug } from '../channels.ts'
import type { Command } from '../message/command.ts'

/** Commands whose first argument is the name of a stream to publish, which is often its key. */
const PUBLISHES: readonly string[] = ['releaseStream', 'FCPublish', 'FCUnpublish', 'publish']
/** Commands whose arguments are shown. Those of others may be passwords. */
const SHOWN: readonly string[] = [...PUBLISHES, 'FCSubscribe', 'play', 'getStreamLength']
/** Properties whose texts are shown: those of connect, and of information objects. */
const SHOWN_PROPERTIES: readonly string[] = [
  ...['app', 'tcUrl', 'swfUrl', 'pageUrl', 'flashVer', 'type', 'fourCcList'],
  ...['level', 'code', 'description', 'details', 'fmsVer']
]
/** Names of keys of one session that are recognized when the other side repeats them. */
const MAX_KEYS = 8
/** What is shown of the values of a peer, which may hold themselves. */
const MAX_DEPTH = 3
const MAX_ITEMS = 20
const HIDDEN = '…'
const SHAPE = { depth: MAX_DEPTH, breakLength: Number.POSITIVE_INFINITY, compact: true, maxStringLength: 200 }

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
    const isPublish = PUBLISHES.includes(name)
    if (isPublish) this.#remember(args[1])
    const isShown = SHOWN.includes(name)
    const shown = args.map((value, i) => this.#shown(isPublish && i === 1 ? cut(value) : value, isShown))
    const said = /^\w{1,64}$/.test(name) ? name : inspect(name.slice(0, 64))
    const transaction = transactionId === 0 ? '' : ` transaction ${transactionId}`
    const where = messageStreamId === 0 ? '' : ` on stream ${messageStreamId}`
    return `${said}${transaction}${where}: ${shown.map(value => inspect(value, SHAPE)).join(', ')}`
  }

  #remember(key: AmfValue): void {
    if (typeof key !== 'string') return
    this.#keys.add(key.replace(/\?.*/s, ''))
    const [oldest] = this.#keys
    if (this.#keys.size > MAX_KEYS) this.#keys.delete(oldest!)
  }

  /** A value without secrets, and without an end. */
  #shown(value: AmfValue, isShown: boolean, depth = 0): AmfValue {
    if (typeof value === 'string') return isShown ? this.#masked(value) : value && HIDDEN
    if (typeof value !== 'object' || value === null) return value
    const properties = propertiesOf(value)
    const isArray = Array.isArray(value)
    if (depth === MAX_DEPTH || (properties === undefined && !isArray)) return HIDDEN
    if (isArray) return value.slice(0, MAX_ITEMS).map(each => this.#shown(each, isShown, depth + 1))
    const entries = Object.entries(properties!).slice(0, MAX_ITEMS)
    return Object.fromEntries(
      entries.map(([name, each]) => [name, this.#shown(each, SHOWN_PROPERTIES.includes(name), depth + 1)])
    )
  }

  #masked(text: string): string {
    let masked = maskedQuery(text)
    for (const key of this.#keys) if (key.length > 2) masked = masked.replaceAll(key, () => cut(key) as string)
    return masked
  }
}

/** Two characters of a name. */
const cut = (name: AmfValue): AmfValue => (typeof name === 'string' ? `${name.slice(0, 2)}${HIDDEN}` : name)

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
