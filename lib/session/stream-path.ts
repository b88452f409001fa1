import type { AmfObject, AmfValue } from '../amf/amf-value.ts'

/**
 * Where a stream is, as its peer said it. Programs split a URL differently: of `rtmp://host/a/b/c` FFmpeg makes the app `a/b`
 * and the name `c`, OBS whatever its two fields hold; only the two together, `path`, mean the same for all.
 */
export interface StreamPath {
  /** The app, without its query: `live`, `live/instance`. */
  readonly app: string
  /** The stream's name, without its query: `film`. Empty where the URL has an app alone: `rtmp://host/stream`. */
  readonly name: string
  /**
   * `app/name`, or whichever of them there is; no slash is doubled, and `_definst_`, an app's default instance, is left out. A part
   * of the URL that an encoder says twice stands there once.
   */
  readonly path: string
  /**
   * What stood behind a `?` in the app, the tcUrl or the name, unescaped; of a key that was said twice, the name's. A `+` is a plus
   * and no blank: encoders escape nothing, and base64 has it.
   */
  readonly query: URLSearchParams
  /**
   * The same as it came, for values that hold a `&` or a `%`: `a=1&b=2`, those of tcUrl, app and name behind one another, and a query
   * that is said again once.
   */
  readonly rawQuery: string
}

/** What a connect says of where its streams are. */
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

/** The same of what a peer said: encoders that say more or less than a name mean the path of the URL that was typed into them. */
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

/** What a name means below its app, where it is a URL (mediamtx issue 4309), or was said in the URL of the app. */
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
 * A path whose app was not said again by the name, as some encoders do: `live` and `live/cam` is `live/cam`, and so it is in
 * whichever two parts `live/live/cam` is said. Apps have one level or two.
 */
function once(path: string): string {
  const parts = path.split('/')
  for (const count of [1, 2]) {
    const isAgain = parts.slice(0, count).every((part, i) => part === parts[count + i])
    if (isAgain && parts.length > 2) return parts.slice(count).join('/')
  }
  return path
}

/** One query of several; of a key that was said twice, the last. URLSearchParams would look at every key to set one: a Map. */
const merged = (...queries: readonly URLSearchParams[]): URLSearchParams =>
  new URLSearchParams([...new Map(queries.flatMap(query => [...query]))])

/** FFmpeg says one and the same query in app and tcUrl. */
const queries = (one: string, other: string): string => (one === other ? one : [one, other].filter(Boolean).join('&'))

const textOf = (value: AmfValue): string => (typeof value === 'string' ? value : '')

/** Characters that are looked at, of a name and of a query: as many as an AMF0 string has bytes, for a long string may have any number. */
const MAX_TEXT = 65_535

/** What stands behind the `?` of an app, a tcUrl or a name. */
function rawQueryOf(text: string): string {
  const at = text.indexOf('?')
  return at < 0 ? '' : partOf(text, at + 1)
}

/** The same as one query: FFmpeg puts `?authmod=` behind one too. */
export const queryOf = (text: string): string => rawQueryOf(text).replaceAll('?authmod=', '&authmod=')

/** What is looked at from `start` on. Of a long string it is a copy: a slice would keep all of it for as long as a name lives. */
const partOf = (text: string, start: number): string =>
  text.length <= MAX_TEXT ? text.slice(start) : Buffer.from(text.slice(start, start + MAX_TEXT)).toString()

const bareOf = (text: string): string => partOf(text, 0).replace(/\?.*/s, '')

/** A form's fields have `+` for a blank; no encoder writes them so. */
const split = (text: string): { bare: string; query: URLSearchParams; rawQuery: string } => ({
  bare: bareOf(text),
  query: new URLSearchParams(queryOf(text).replaceAll('+', '%2B')),
  rawQuery: rawQueryOf(text)
})

const isUrl = (text: string): boolean => /^rtmp[a-z]*:\/\//i.test(text)

/** All behind the authority: not by URL, which knows nothing of rtmp's ports and would escape. */
const pathOf = (url: string): string => home(joined(/^[a-z]+:\/\/[^/]*\/(.*)$/is.exec(url)?.[1] ?? ''))

/** The path of an app, without the name of its default instance. */
const home = (app: string): string => app.replace(/\/_definst_(?=\/|$)/, '')

/** One path of several; no slash is doubled. */
const joined = (...paths: readonly string[]): string =>
  paths
    .flatMap(path => path.split('/'))
    .filter(Boolean)
    .join('/')
