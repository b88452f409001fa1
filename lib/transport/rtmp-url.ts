/** What a URL of the family says (RTMP URIs, 4). */
export interface RtmpUrl {
  /** `rtmp`, in lower case. */
  readonly scheme: string
  /** A name or an address; of an IPv6 address without its brackets. */
  readonly host: string
  /** Undefined where the URL leaves it to the scheme. */
  readonly port: number | undefined
  /** All of the path, as a server takes it for its app, with the query behind it. Slashes at its end are left out. */
  readonly app: string
  /** The URL as it is told to the server: without user and password. */
  readonly tcUrl: string
  /** The user's name, unescaped; undefined where there is none. */
  readonly user: string | undefined
  /** The password, unescaped; undefined where there is none. */
  readonly password: string | undefined
}

const FORM = /^([a-z]+):\/\/(?:([^/]*)@)?(\[[^\]/]*\]|[^:/?#[\]]*)(?::(\d+))?(\/.*)?$/is

/**
 * Reads the URL of an app, `rtmp://user:password@host:1935/app/instance?query`. It is not read as a web page's would be: nothing but
 * user and password is unescaped, the path goes to the server as it stands, and a `#` is part of it. User and password end at the
 * last `@` ahead of the first slash.
 * @throws TypeError for what is none.
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
 * Splits the URL of a stream into that of its app and the stream's name, as FFmpeg and rtmpdump do: `rtmp://host/app/name`, or
 * `rtmp://host/app/instance/name`, whose name may have slashes of its own and a query behind it. Where the name has a colon
 * (`mp4:folder/film.mp4`) it begins there. A query that has a slash in it belongs to the app if the path ahead of it is only one. Of
 * names `.flv` is left out, and those of MP4 files get their `mp4:`. `rtmp://host/stream` has an app and no more: the name is
 * empty, and servers know the stream by the app.
 * @throws TypeError where there is no path.
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
 * A URL as it may be logged: its scheme, and its host if there is nothing in it that may be a user and a password. The rest, which may
 * be a key, is an ellipsis.
 */
export function redactedUrl(url: string): string {
  const [shown] = /^([a-z]+:\/{0,2})?[^:/?#@]*/i.exec(url)!
  if (url.includes('@')) return `${/^[a-z]+:\/\//i.exec(url)?.[0] ?? ''}…`
  return shown.length === url.length ? url : `${shown}…`
}

/** Where the name begins in a path. */
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

/** Without slashes at its end; that of a query is part of a key. */
const untrailed = (path: string): string => (path.includes('?') ? path : path.replace(/\/+$/, ''))

/** An `@` behind a slash tells of a password that ends there, or of a key that holds one. */
const wrong = (url: string, why: string): TypeError =>
  new TypeError(`${redactedUrl(url)} ${why}${/\/\/[^/]*\/.*@/s.test(url) ? `; ${ESCAPES}` : ''}`)

/** What to do about a password that is taken for a part of the address or the path. */
export const ESCAPES = 'in a user or password, write / as %2F and @ as %40'

/** Servers of Adobe's kind know files by these names. */
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

/** A password with a lone percent sign is one too. */
function unescaped(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}
