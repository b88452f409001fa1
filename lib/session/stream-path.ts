import type { AmfObject, AmfValue } from '../amf/amf-value.ts'

/**
 * Where a stream is, as its peer said it. Programs split a URL differently: of `rtmp://host/a/b/c` FFmpeg makes the app `a/b`
 * and the name `c`, OBS whatever its two fields hold; only the two together, `path`, mean the same for all.
 */
export interface StreamPath {
  readonly app: string
  readonly name: string
  /** `app/name`, or whichever of them there is; no slash is doubled, and `_definst_`, an app's default instance, is left out. */
  readonly path: string
  /** What stood behind a `?` in the app, the tcUrl or the name; of a key that was said twice, the name's. */
  readonly query: URLSearchParams
}

/** Splits an app and a stream name from their queries (RTMP URIs, 5). Neither is decoded or trusted: see safeRecordPath. */
export function streamPath(connect: { app: string; query: URLSearchParams }, name: string): StreamPath {
  const named = split(name)
  const query = merged(connect.query, named.query)
  const path = [connect.app.replace(/\/_definst_$/, ''), trimmed(named.bare)].filter(Boolean).join('/')
  return { app: connect.app, name: named.bare, path, query }
}

/** The app of a connect command, from `app`, or from `tcUrl` where a client leaves it out. */
export function connectPath(info: AmfObject | undefined): { app: string; query: URLSearchParams; tcUrl: string } {
  const tcUrl = textOf(info?.tcUrl)
  const app = split(textOf(info?.app) || pathOf(tcUrl))
  return { app: trimmed(app.bare), query: merged(split(tcUrl).query, app.query), tcUrl }
}

/** One query of several; of a key that was said twice, the last. URLSearchParams would look at every key to set one: a Map. */
const merged = (...queries: readonly URLSearchParams[]): URLSearchParams =>
  new URLSearchParams([...new Map(queries.flatMap(query => [...query]))])

const textOf = (value: AmfValue): string => (typeof value === 'string' ? value : '')

/** Characters that are looked at, of a name and of a query: as many as an AMF0 string has bytes, for a long string may have any number. */
const MAX_TEXT = 65_535

/** What stands behind the `?` of an app, a tcUrl or a name; FFmpeg puts `?authmod=` behind a query too. */
export function queryOf(text: string): string {
  const at = text.indexOf('?')
  return at < 0 ? '' : partOf(text, at + 1).replaceAll('?authmod=', '&authmod=')
}

/** What is looked at from `start` on. Of a long string it is a copy: a slice would keep all of it for as long as a name lives. */
const partOf = (text: string, start: number): string =>
  text.length <= MAX_TEXT ? text.slice(start) : Buffer.from(text.slice(start, start + MAX_TEXT)).toString()

const split = (text: string): { bare: string; query: URLSearchParams } => ({
  bare: partOf(text, 0).replace(/\?.*/s, ''),
  query: new URLSearchParams(queryOf(text))
})

/** All behind the authority: not by URL, which knows nothing of rtmp's ports and would escape. */
const pathOf = (tcUrl: string): string => /^[a-z]+:\/\/[^/]*\/(.*)$/i.exec(tcUrl)?.[1] ?? ''

const trimmed = (path: string): string => path.split('/').filter(Boolean).join('/')
