/** What a URL of the family says (RTMP URIs, 4). */
export interface RtmpUrl {
  /** `rtmp`, in lower case. */
  readonly scheme: string
  /** A name or an address; of an IPv6 address without its brackets. */
  readonly host: string
  /** Undefined where the URL leaves it to the scheme. */
  readonly port: number | undefined
  /** All of the path, as a server takes it for its app, with the query behind it. */
  readonly app: string
  /** The URL as it is told to the server: without user and password. */
  readonly tcUrl: string
  readonly user: string | undefined
  readonly password: string | undefined
}

const FORM = /^([a-z]+):\/\/(?:([^/]*)@)?(\[[^\]/]*\]|[^:/?#[\]]*)(?::(\d+))?(\/[^#]*)?$/i

/**
 * Reads the URL of an app, `rtmp://user:password@host:1935/app/instance?query`. It is not read as a web page's would be: nothing but
 * user and password is unescaped, and the path goes to the server as it stands.
 * @throws TypeError for what is none.
 */
export function readRtmpUrl(url: string): RtmpUrl {
  const [, scheme, credentials, address, port, path = ''] = FORM.exec(url) ?? []
  if (scheme === undefined || !address) throw new TypeError(`${hidden(url)} is no URL such as rtmp://host/app`)
  if (Number(port) > 65535 || Number(port) === 0) throw new TypeError(`${port} is no port, in ${hidden(url)}`)
  const [user, password] = split(credentials ?? '', ':')
  return {
    scheme: scheme.toLowerCase(),
    host: address.replace(/^\[|\]$/g, ''),
    port: port === undefined ? undefined : Number(port),
    app: path.slice(1).replace(/\/+$/, ''),
    tcUrl: url.replace(`${credentials}@`, '').replace(/\/+$/, ''),
    user: user === '' ? undefined : unescaped(user),
    password: password === undefined ? undefined : unescaped(password)
  }
}

/**
 * Splits the URL of a stream into that of its app and the stream's name, as FFmpeg and rtmpdump do: `rtmp://host/app/name`, or
 * `rtmp://host/app/instance/name`, whose name may have slashes of its own and a query behind it. Where the name has a colon
 * (`mp4:folder/film.mp4`) it begins there, and a `#` says at any rate where it begins (RTMP URIs, 6). A query that has a slash in it
 * belongs to the app if the path ahead of it is only one. Of names `.flv` is left out, and those of MP4 files get their `mp4:`.
 * @throws TypeError where there is no name.
 */
export function splitStreamUrl(url: string): { url: string; name: string } {
  const hash = url.indexOf('#')
  if (hash >= 0) return named(url.slice(0, hash), url.slice(hash + 1), url)
  const begin = url.indexOf('/', url.indexOf('://') + 3) + 1
  if (begin === 0) return named(url, '', url)
  const path = url.slice(begin)
  const at = nameAt(path)
  return named(url.slice(0, begin + Math.max(0, at - 1)), path.slice(at), url)
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

function named(url: string, name: string, whole: string): { url: string; name: string } {
  if (name === '') throw new TypeError(`${hidden(whole)} names no stream, as rtmp://host/app/name does`)
  return { url, name: fileName(name) }
}

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

/** A URL as it may be shown. */
const hidden = (url: string): string => url.replace(/\/\/[^/]*@/, '//')
