import type { AmfObject, AmfValue } from '../amf/amf-value.ts'

/**
 * The location of a stream, as its peer sent it. Programs split a URL differently: for `rtmp://host/a/b/c` FFmpeg sends
 * the app `a/b` and the name `c`, OBS sends what its two fields contain. Only both together, `path`, mean the same for
 * all.
 */
export interface StreamPath {
  /** The app, without its query: `live`, `live/instance`. */
  readonly app: string
  /** The stream's name, without its query: `film`. Empty if the URL has only an app: `rtmp://host/stream`. */
  readonly name: string
  /**
   * `app/name`, or the one of them that is not empty. Double slashes and `_definst_`, the default instance of an app,
   * are removed. A part of the URL that an encoder sends twice appears once.
   */
  readonly path: string
  /**
   * The parsed query of the app, the tcUrl or the name; if a key appears twice, the name's value. A `+` is a plus, not
   * a blank: encoders escape nothing, and base64 contains it.
   */
  readonly query: URLSearchParams
  /**
   * The query as received, for values that contain `&` or `%`: `a=1&b=2`. Those of tcUrl, app and name follow one
   * another, and a repeated query appears once.
   */
  readonly rawQuery: string
}

/** The part of a connect that locates its streams. */
interface ConnectPath extends Pick<StreamPath, 'app' | 'query' | 'rawQuery'> {
  readonly tcUrl: string
  readonly info: AmfObject
}

/** A stream of an app, by its name, word for word, and the query behind it (RTMP URIs, 5). Neither is decoded or trusted: see safeRecordPath. */
export function namedPath(connect: Pick<StreamPath, 'app' | 'query' | 'rawQuery'>, said: string): StreamPath {
  const { bare: name, query, rawQuery } = split(said)
  return {
    app: connect.app,
    name,
    path: joined(home(connect.app), name),
    query: merged(connect.query, query),
    rawQuery: queries(connect.rawQuery, rawQuery)
  }
}

/**
 * The same for a name that a peer sent: encoders that send more or less than a name mean the path of the URL typed into
 * them.
 */
export function streamPath(connect: ConnectPath, said: string): StreamPath {
  // RootEncoder cut rtmp://host/cam?user=a&pass=b behind the question mark (its pull request 2163)
  const isQuery = textOf(connect.info.app).endsWith('?') && /^[^?]*=/.test(said)
  const where = namedPath(connect, isQuery ? `?${said}` : said)
  return { ...where, path: once(joined(home(connect.app), meantBy(connect, where.name))) }
}

/** The app of a connect command, from `app`, or from `tcUrl` where a client leaves it out. */
export function connectPath(info: AmfObject): Omit<ConnectPath, 'info'> {
  const tcUrl = textOf(info.tcUrl)
  const whole = split(tcUrl)
  const sent = split(textOf(info.app))
  const app = isUrl(sent.bare) || sent.bare === '' ? pathOf(sent.bare || whole.bare) : sent.bare
  return {
    app: joined(app),
    tcUrl,
    query: merged(whole.query, sent.query),
    rawQuery: queries(whole.rawQuery, sent.rawQuery)
  }
}

/** The meaning of a name below its app if it is a URL (mediamtx issue 4309), or was part of the URL of the app. */
function meantBy({ app, tcUrl, info }: ConnectPath, name: string): string {
  const base = home(app)
  const sent = bareOf(textOf(info.app))
  if (name === '' || isUrl(name)) {
    const path = pathOf(name || bareOf(tcUrl))
    if (path === base || path.startsWith(`${base}/`)) return path.slice(base.length)
    return name && path
  }
  return (sent === '' || isUrl(sent)) && base.endsWith(`/${joined(name)}`) ? '' : name
}

/**
 * A path whose name does not repeat the app, as some encoders do: `live` and `live/cam` give `live/cam`, and
 * `live/live/cam` gives the same however it is split. Apps have one or two levels.
 */
function once(path: string): string {
  const parts = path.split('/')
  for (const count of [1, 2]) {
    const isAgain = parts.slice(0, count).every((part, i) => part === parts[count + i])
    if (isAgain && parts.length > 2) return parts.slice(count).join('/')
  }
  return path
}

/**
 * Joins queries; if a key appears twice, the last value. A Map, because URLSearchParams searches every key to set one.
 */
const merged = (...queries: readonly URLSearchParams[]): URLSearchParams =>
  new URLSearchParams([...new Map(queries.flatMap(query => [...query]))])

/** FFmpeg sends the same query in app and tcUrl. */
const queries = (one: string, other: string): string => (one === other ? one : [one, other].filter(Boolean).join('&'))

const textOf = (value: AmfValue): string => (typeof value === 'string' ? value : '')

/** Characters that are looked at, of a name and of a query: as many as an AMF0 string has bytes, for a long string may have any number. */
const MAX_TEXT = 65_535

/** The query of an app, a tcUrl or a name. */
function rawQueryOf(text: string): string {
  const at = text.indexOf('?')
  return at < 0 ? '' : partOf(text, at + 1)
}

/** The same as one query: FFmpeg writes `?authmod=` after an existing query too. */
export const queryOf = (text: string): string => rawQueryOf(text).replaceAll('?authmod=', '&authmod=')

/** What is looked at from `start` on. Of a long string it is a copy: a slice would keep all of it for as long as a name lives. */
const partOf = (text: string, start: number): string =>
  text.length <= MAX_TEXT ? text.slice(start) : Buffer.from(text.slice(start, start + MAX_TEXT)).toString()

const bareOf = (text: string): string => partOf(text, 0).replace(/\?.*/s, '')

/** Form fields encode a blank as `+`; no encoder does. */
const split = (text: string): { bare: string; query: URLSearchParams; rawQuery: string } => ({
  bare: bareOf(text),
  query: new URLSearchParams(queryOf(text).replaceAll('+', '%2B')),
  rawQuery: rawQueryOf(text)
})

const isUrl = (text: string): boolean => /^rtmp[a-z]*:\/\//i.test(text)

/** Everything after the authority. Not by URL, which does not know the ports of rtmp and would escape. */
const pathOf = (url: string): string => home(joined(/^[a-z]+:\/\/[^/]*\/(.*)$/is.exec(url)?.[1] ?? ''))

/** The path of an app, without the name of its default instance. */
const home = (app: string): string => app.replace(/\/_definst_(?=\/|$)/, '')

/** Joins paths without double slashes. */
const joined = (...paths: readonly string[]): string =>
  paths
    .flatMap(path => path.split('/'))
    .filter(Boolean)
    .join('/')
