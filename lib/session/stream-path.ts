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
  const query = new URLSearchParams(connect.query)
  for (const [key, value] of named.query) query.set(key, value)
  const path = [connect.app.replace(/\/_definst_$/, ''), trimmed(named.bare)].filter(Boolean).join('/')
  return { app: connect.app, name: named.bare, path, query }
}

/** The app of a connect command, from `app`, or from `tcUrl` where a client leaves it out. */
export function connectPath(info: AmfObject | undefined): { app: string; query: URLSearchParams; tcUrl: string } {
  const tcUrl = textOf(info?.tcUrl)
  const app = split(textOf(info?.app) || pathOf(tcUrl))
  const query = split(tcUrl).query
  for (const [key, value] of app.query) query.set(key, value)
  return { app: trimmed(app.bare), query, tcUrl }
}

const textOf = (value: AmfValue): string => (typeof value === 'string' ? value : '')

function split(text: string): { bare: string; query: URLSearchParams } {
  const at = text.indexOf('?')
  return at < 0
    ? { bare: text, query: new URLSearchParams() }
    : { bare: text.slice(0, at), query: new URLSearchParams(text.slice(at + 1)) }
}

/** All behind the authority: not by URL, which knows nothing of rtmp's ports and would escape. */
const pathOf = (tcUrl: string): string => /^[a-z]+:\/\/[^/]*\/(.*)$/i.exec(tcUrl)?.[1] ?? ''

const trimmed = (path: string): string => path.split('/').filter(Boolean).join('/')
