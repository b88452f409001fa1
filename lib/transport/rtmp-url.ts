/** The parts of a URL of the family (RTMP URIs, 4). */
export interface RtmpUrl {
  /** `rtmp`, in lower case. */
  readonly scheme: string
  /** A name or an address; of an IPv6 address without its brackets. */
  readonly host: string
  /** The port; undefined if the URL has none. */
  readonly port: number | undefined
  /** The path and query, which a server takes as its app. Trailing slashes are removed. */
  readonly app: string
  /** The URL sent to the server: without user and password. */
  readonly tcUrl: string
  /** The user name, unescaped; undefined if there is none. */
  readonly user: string | undefined
  /** The password, unescaped; undefined if there is none. */
  readonly password: string | undefined
}

const FORM = /^([a-z]+):\/\/(?:([^/]*)@)?(\[[^\]/]*\]|[^:/?#[\]]*)(?::(\d+))?(\/.*)?$/is

/**
 * Parses the URL of an app, `rtmp://user:password@host:1935/app/instance?query`. Unlike a web URL, only user and
 * password are unescaped. The path is sent to the server unchanged, and a `#` belongs to it. User and password end at
 * the last `@` before the first slash.
 * @throws TypeError for an invalid URL.
 */
export function readRtmpUrl(url: string): RtmpUrl {
  const [, scheme, credentials, address, port, path = ''] = FORM.exec(url) ?? []
  if (scheme === undefined || !address) throw wrong(url, 'is not a URL of the form rtmp://host/app')
  if (Number(port) > 65535 || Number(port) === 0) throw wrong(url, 'has a port outside 1 to 65535')
  const [user, password] = split(credentials ?? '', ':')
  const sent = untrailed(path)
  return {
    scheme: scheme.toLowerCase(),
    host: address.replace(/^\[|\]$/g, ''),
    port: port === undefined ? undefined : Number(port),
    app: sent.slice(1),
    tcUrl: `${scheme}://${address}${port === undefined ? '' : `:${port}`}${sent}`,
    user: user === '' ? undefined : unescaped(user),
    password: password === undefined ? undefined : unescaped(password)
  }
}

/**
 * Splits the URL of a stream into the URL of its app and the stream name, as FFmpeg and rtmpdump do:
 * `rtmp://host/app/name`, or `rtmp://host/app/instance/name`. The name may contain slashes and a query. If it contains
 * a colon (`mp4:folder/film.mp4`) it starts there. A query with a slash belongs to the app if the path before it has
 * one part. `.flv` is removed from names, and names of MP4 files get `mp4:`. `rtmp://host/stream` has only an app: the
 * name is empty, and servers identify the stream by the app.
 * @throws TypeError if there is no path.
 */
export function splitStreamUrl(url: string): { url: string; name: string } {
  const begin = url.indexOf('/', url.indexOf('://') + 3) + 1
  const path = begin === 0 ? '' : url.slice(begin)
  if (/^\/*(\?|$)/.test(path)) throw wrong(url, 'has no stream name; expected rtmp://host/app/name')
  const at = nameAt(path)
  if (at === path.length) return { url: untrailed(url), name: '' }
  return { url: url.slice(0, begin + Math.max(0, at - 1)), name: fileName(path.slice(at)) }
}

/**
 * A URL that can be logged: the scheme, and the host unless it may contain a user and a password. The rest, which may
 * be a key, is an ellipsis.
 *
 * @example
 * ```ts
 * console.log(redactedUrl('rtmp://ada:secret@host.example/live/key')) // rtmp://…
 * ```
 */
export function redactedUrl(url: string): string {
  const [shown] = /^([a-z]+:\/{0,2})?[^:/?#@]*/i.exec(url)!
  if (url.includes('@')) return `${/^[a-z]+:\/\//i.exec(url)?.[0] ?? ''}…`
  return shown.length === url.length ? url : `${shown}…`
}

/** The index at which the name starts in a path. */
function nameAt(path: string): number {
  const query = path.indexOf('?')
  const bare = query < 0 ? path : path.slice(0, query)
  const first = bare.indexOf('/') + 1
  // rtmp://host/app?auth=abc/name
  if (first === 0) return query < 0 ? path.length : path.lastIndexOf('/') + 1 || path.length
  const second = bare.indexOf('/', first) + 1
  const colon = bare.indexOf(':', first)
  return second === 0 || (colon >= 0 && colon < second) ? first : second
}

/** Without trailing slashes; those of a query belong to a key. */
const untrailed = (path: string): string => (path.includes('?') ? path : path.replace(/\/+$/, ''))

/** An `@` after a slash suggests a password that ends there, or a key that contains one. */
const wrong = (url: string, why: string): TypeError =>
  new TypeError(`${redactedUrl(url)} ${why}${/\/\/[^/]*\/.*@/s.test(url) ? `; ${ESCAPES}` : ''}`)

/** The advice for a password that is parsed as part of the address or the path. */
export const ESCAPES = 'in a user or password, write / as %2F and @ as %40'

/** The file names that servers of Adobe use. */
function fileName(name: string): string {
  const [bare, query] = split(name, '?')
  const rest = query === undefined ? '' : `?${query}`
  if (/\.(mp4|f4v)$/i.test(bare) && !bare.includes(':')) return `mp4:${bare}${rest}`
  return `${bare.replace(/\.flv$/, '')}${rest}`
}

function split(text: string, at: string): [string, string | undefined] {
  const place = text.indexOf(at)
  return place < 0 ? [text, undefined] : [text.slice(0, place), text.slice(place + 1)]
}

/** Unescapes it, if possible: a password may contain a lone percent sign. */
function unescaped(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}
