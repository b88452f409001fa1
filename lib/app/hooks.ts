import { setTimeout as sleep } from 'node:timers/promises'
import { HttpPlay, type Play, type Publish, type ServerSession } from '../index.ts'
import { type Log, said } from './log.ts'
import { Slots } from './slots.ts'
import { isStreamUrl } from './stream-url.ts'

export interface HookOptions {
  /** The URL that is asked whether a peer may publish. */
  onPublish?: string | undefined
  /** The URL that is asked whether a peer may play. */
  onPlay?: string | undefined
  /** The URL that is told when a publish or a play has ended. */
  onDone?: string | undefined
  /** Milliseconds in which a hook must answer: 10,000. */
  hookTimeoutMs?: number | undefined
}

/** What a hook has allowed. */
export interface Allowed {
  /** The name to publish or play instead, in the same app. */
  readonly name?: string
  /** The URL of a stream that a publish is also sent to. */
  readonly pushTo?: string
  /** The publish or play has ended. */
  over(): void
}

const FREE: Allowed = { over() {} }

type Asked = Publish | Play | HttpPlay
/** The peer of a request. */
type From = ServerSession | HttpPlay
type Fields = Readonly<Record<string, string | number>>

const TIMEOUT_MS = 10_000
/** The longest time for an answer: the session is not read meanwhile, and its peer may give up. */
export const MAX_HOOK_MS = 60_000
/** The most requests in progress: further ones wait. */
const MAX_ASKING = 256
const MAX_TELLING = 16
/** The most notifications of ends that wait: further ones are dropped. */
const MAX_UNTOLD = 1000

/**
 * The callbacks of nginx-rtmp's notify module, by HTTP: `on_publish`, `on_play` and `on_done`. A hook holds only the
 * request that it is asked about. No URL is logged, because it may contain a secret.
 */
export class Hooks {
  readonly #log: Log
  readonly #asking = new Slots(MAX_ASKING)
  readonly #telling = new Slots(MAX_TELLING)
  readonly #untold = new Set<Promise<void>>()
  /** Viewers over HTTP have no number of their own. */
  #viewers = 0
  #options: HookOptions

  constructor(options: HookOptions, log: Log) {
    this.#options = options
    this.#log = log
  }

  /** Applies other options to later calls. */
  set options(options: HookOptions) {
    this.#options = options
  }

  /** Asks the hook whether a request is allowed, and refuses it if not: undefined. */
  async ask(request: Asked, from: From): Promise<Allowed | undefined> {
    const [call, url] = isPublish(request)
      ? (['publish', this.#options.onPublish] as const)
      : (['play', this.#options.onPlay] as const)
    if (url === undefined && this.#options.onDone === undefined) return FREE
    const fields = this.#fields(request, from)
    const allowed = () => ({ over: this.#over(call, fields, request, from) })
    if (url === undefined) return allowed()
    try {
      const asked = { ...fields, call, name: request.name, ...asksFor(request) }
      const signal = AbortSignal.any([request.signal, this.#timeout()])
      const { status, location = '' } = await this.#asking.run(() => post(url, asked, request, signal))
      if (status >= 200 && status < 300) return allowed()
      if (status < 300 || status >= 400 || location === '') throw new Error(`HTTP status ${status}`)
      return { ...redirection(location, call), ...allowed() }
    } catch (error) {
      // a peer that has disconnected asks for nothing any more
      if (request.isOver) return undefined
      this.#failed(call, request, from.peer, error)
      request.reject()
      return undefined
    }
  }

  /** Settles when every hook has been notified of an end, or after `graceMs`. */
  async told(graceMs: number): Promise<void> {
    await Promise.race([Promise.all(this.#untold), sleep(graceMs, undefined, { ref: false })])
  }

  /** A function that notifies the hook of the end. */
  #over(was: string, fields: Fields, request: Asked, from: From): () => void {
    const begunAt = performance.now()
    const before = bytesOf(request, from)
    const { name } = request
    return () => {
      const url = this.#options.onDone
      if (url === undefined) return
      const bytes = bytesOf(request, from) - before
      const time = Math.round(performance.now() - begunAt) / 1000
      const done = { ...fields, call: 'done', name, was, bytes, time }
      const failed = (error: unknown) => this.#failed('done', request, from.peer, error)
      if (this.#untold.size >= MAX_UNTOLD) {
        failed(new Error('too many calls wait for an answer'))
        return
      }
      const telling = this.#telling
        .run(() => post(url, done, request, this.#timeout()))
        .then(({ status }) => {
          if (status < 200 || status >= 300) failed(new Error(`HTTP status ${status}`))
        }, failed)
      this.#untold.add(telling)
      void telling.then(() => this.#untold.delete(telling))
    }
  }

  #timeout(): AbortSignal {
    return AbortSignal.timeout(this.#options.hookTimeoutMs ?? TIMEOUT_MS)
  }

  #failed(call: string, { path }: Asked, peer: string, error: unknown): void {
    const { name, cause } = error as Error
    const why = name === 'TimeoutError' ? 'no answer in time' : said((cause ?? error) as Error)
    const event = call === 'done' ? 'hook failed' : 'denied'
    this.#log(event, { path, [call === 'publish' ? 'from' : 'for']: peer, message: `by on-${call}: ${why}` })
  }

  /** The fields of nginx-rtmp; for a viewer over HTTP, the closest values. */
  #fields(request: Asked, from: From): Fields {
    const addr = from.peer.replace(/:\d+$/, '')
    const { app } = request
    if (request instanceof HttpPlay) {
      const { 'user-agent': flashver = '', referer: pageurl = '', host = '' } = request.request.headers
      const clientid = `http${++this.#viewers}`
      return { app, flashver, swfurl: '', tcurl: `http://${host}/${app}`, pageurl, addr, clientid }
    }
    const { connection, id: clientid } = from as ServerSession
    const { flashVer, swfUrl, pageUrl } = connection!.info
    const [flashver, swfurl, pageurl] = [flashVer, swfUrl, pageUrl].map(textOf) as [string, string, string]
    return { app, flashver, swfurl, tcurl: connection!.tcUrl, pageurl, addr, clientid }
  }
}

async function post(
  url: string,
  fields: Fields,
  { query }: Asked,
  signal: AbortSignal
): Promise<{ status: number; location: string | undefined }> {
  const body = new URLSearchParams(Object.entries(fields).map(([name, value]): [string, string] => [name, `${value}`]))
  // a peer must not set its own address: many servers use the last of several fields with one name
  for (const [name, value] of query) if (!(name in fields) && !OWN.has(name)) body.append(name, value)
  const response = await fetch(url, { method: 'POST', body, redirect: 'manual', signal })
  await response.body?.cancel()
  return { status: response.status, location: response.headers.get('location') ?? undefined }
}

/** As with nginx-rtmp, a URL sends a publish to another server as well; a play of one is not supported. */
function redirection(location: string, call: 'publish' | 'play'): Omit<Allowed, 'over'> {
  if (!location.includes('://')) return { name: location }
  if (call === 'play') throw new Error('a play cannot be redirected to a URL')
  if (!isStreamUrl(location)) throw new Error('Location is neither a name nor the URL of a stream')
  return { pushTo: location }
}

/** Fields that a query cannot set, in any call. */
const OWN = new Set(['call', 'name', 'type', 'start', 'duration', 'reset', 'was', 'bytes', 'time'])

const isPublish = (request: Asked): request is Publish => !(request instanceof HttpPlay) && 'kind' in request

function asksFor(request: Asked): Fields {
  if (isPublish(request)) return { type: request.kind }
  if (request instanceof HttpPlay) return { start: -2000, duration: -1000, reset: 1 }
  const { start, duration, reset } = request
  return { start, duration, reset: reset ? 1 : 0 }
}

/** Bytes of its connection: from a publisher, to a player. */
function bytesOf(request: Asked, from: From): number {
  if (request instanceof HttpPlay) return request.request.socket.bytesWritten
  const { bytesIn, bytesOut } = (from as ServerSession).stats()
  return isPublish(request) ? bytesIn : bytesOut
}

const textOf = (value: unknown): string => (typeof value === 'string' ? value : '')
