import { isDeepStrictEqual, parseArgs } from 'node:util'
import { createServer, readRtmpUrl } from '../../index.ts'
import { Config, keyOf } from '../config.ts'
import { obsAdvice, readLadder } from '../go-live.ts'
import { MAX_HOOK_MS } from '../hooks.ts'
import { jsonLog, type Log, textLog } from '../log.ts'
import { type ServeOptions, type Serving, serve } from '../serve.ts'
import { ending, say } from '../terminal.ts'
import {
  milliseconds,
  readWords,
  timestampOption,
  timestampWords,
  tlsOption,
  tlsWords,
  UsageError,
  wholeNumber
} from '../words.ts'

export const help = `rtmpipe serve [options]       serve live streams: rtmp, rtmpe, rtmpt and rtmpte on one port
  --config FILE               further options, in JSON; SIGHUP reloads it
  --host HOST                 the address to listen on (127.0.0.1)
  --port PORT                 the port to listen on, 0 for any free port (1935)
  --tls-cert FILE, --tls-key FILE  also serve rtmps and rtmpts; SIGHUP reloads the files
  --tls                       the same with a self-signed certificate, for tests
  --rtws                      also serve rtws, RTMP in WebSockets, on the port, and rtwss with a certificate
  --rtmfp-port PORT           also serve rtmfp on this UDP port, 0 for any free port
  --proxy-protocol-from ADDRESS  connections from this address or range begin with a PROXY header; repeatable
  --record DIR                record every stream to FLV files in this folder
  --record-on-request         record only what the API starts
  --record-all-tracks         record every track of Multitrack, not only the primary ones
  --record-every-ms N, --record-every-bytes N  start a new file at the next keyframe after N
  --publish-key KEY           require ?key=KEY after the stream name to publish
  --on-publish URL, --on-play URL  ask this URL by HTTP whether a peer may: 2xx accepts, 3xx renames, all else refuses
  --on-done URL               tell this URL when a publish or a play has ended
  --hook-timeout-ms N         refuse what a hook does not answer within N ms (10000)
  --refuse-missing            refuse to play a stream that is not published, instead of waiting
  --takeover                  let any new publisher replace the current one, not only one with the same address and key
  --hold-ms N                 keep players for N ms after their publisher disconnected (5000)
  --idle-ms N                 close a connection whose peer sent no byte for N ms (no limit)
  --drain-to URL              at SIGTERM, ask clients that can to reconnect to this server: rtmp://HOST[:PORT]
  --raw-timestamps            do not repair timestamps that jump or go back
  --merge-ms N                collect media for N ms before sending: less CPU, more delay
  --http-port PORT            the port of HTTP: watch at /live/NAME.flv (8080, or any free port if that is taken)
  --http-host HOST            the address of HTTP (127.0.0.1)
  --http-name NAME            a host name at which HTTP is reached, beside localhost and addresses; may be repeated
  --http-origin ORIGIN        an origin whose pages may watch, beside this server's own, or *
  --no-http                   serve no HTTP
  --api-token TOKEN           let clients that send this token change things by the API, and no others read it;
                              also by the environment: RTMPIPE_API_TOKEN
  --go-live FILE              offer the tracks of this JSON to encoders that ask for a go-live configuration, as OBS does
  --demo                      publish a looping clip as live/demo
  --log json                  log one JSON object per line`

/** Options that a reload changes; the others need a restart. */
const RELOADED = new Set([
  ...[
    'tls-cert',
    'tls-key',
    'record',
    'record-on-request',
    'record-all-tracks',
    'record-every-ms',
    'record-every-bytes',
    'publish-key'
  ],
  ...['on-publish', 'on-play', 'on-done', 'hook-timeout-ms', 'refuse-missing', 'takeover', 'idle-ms', 'drain-to']
])

/** The options of a call, and as they were given, by name. */
interface Read {
  readonly options: ServeOptions & { log: Log }
  readonly values: Readonly<Record<string, unknown>>
}

export async function run(args: readonly string[]): Promise<void> {
  const { options, values } = readServe(args)
  const { log } = options
  // before the line that says it listens: a reader of that line may end the process at once
  const ended = ending()
  const serving = await serve(options, log)
  if (options.goLive && serving.site !== undefined && values.log !== 'json') say(obsAdvice(serving.site, serving.url))
  if (options.demo) hint(serving, options.publishKey === undefined ? '' : '?key=KEY')
  let reloading = Promise.resolve()
  const reload = async () => {
    try {
      const next = readServe(args)
      await serving.reload(next.options)
      for (const name of Object.keys({ ...values, ...next.values }))
        if (!RELOADED.has(name) && !isDeepStrictEqual(values[name], next.values[name]))
          log('config', { message: `${keyOf(`--${name}`)} stays as it is until a restart` })
      if (values.config !== undefined) log('config', { message: 'reloaded' })
    } catch (error) {
      log('config', { message: `not reloaded: ${(error as Error).message}` })
    }
  }
  if (typeof options.tls === 'object' || values.config !== undefined)
    process.on('SIGHUP', () => {
      reloading = reloading.then(reload)
    })
  await ended
  log('closing')
  await serving.stop()
}

/** The options of the command line, and those of the file that it names. */
export function readServe(args: readonly string[]): Read {
  const { config: file } = parseArgs({ args: [...args], options: { config: { type: 'string' } }, strict: false }).values
  if (typeof file !== 'string') return readOptions(args)
  const config = new Config(file, args)
  try {
    const { options, values } = readOptions([...config.words, ...args])
    return { options: { ...options, relays: config.relays, publishKeys: config.publishKeys }, values }
  } catch (error) {
    throw error instanceof UsageError ? config.located(error) : error
  }
}

function readOptions(args: readonly string[]): Read {
  const { values } = readWords(args, {
    config: { type: 'string' },
    host: { type: 'string', default: '127.0.0.1' },
    port: { type: 'string', default: '1935' },
    ...tlsWords,
    rtws: { type: 'boolean', default: false },
    'rtmfp-port': { type: 'string' },
    'proxy-protocol-from': { type: 'string', multiple: true },
    record: { type: 'string' },
    'record-on-request': { type: 'boolean', default: false },
    'record-all-tracks': { type: 'boolean', default: false },
    'record-every-ms': { type: 'string' },
    'record-every-bytes': { type: 'string' },
    'publish-key': { type: 'string' },
    'on-publish': { type: 'string' },
    'on-play': { type: 'string' },
    'on-done': { type: 'string' },
    'hook-timeout-ms': { type: 'string' },
    'refuse-missing': { type: 'boolean', default: false },
    takeover: { type: 'boolean', default: false },
    'hold-ms': { type: 'string' },
    'idle-ms': { type: 'string' },
    'merge-ms': { type: 'string' },
    'drain-to': { type: 'string' },
    ...timestampWords,
    'http-port': { type: 'string' },
    'http-host': { type: 'string', default: '127.0.0.1' },
    'http-name': { type: 'string', multiple: true, default: [] },
    'http-origin': { type: 'string' },
    'no-http': { type: 'boolean', default: false },
    'api-token': { type: 'string' },
    'go-live': { type: 'string' },
    demo: { type: 'boolean', default: false },
    log: { type: 'string', default: 'text' }
  })
  const { host, port, record, demo, takeover, 'publish-key': publishKey } = values
  const { 'merge-ms': mergeMs, 'hold-ms': holdMs, 'idle-ms': idleMs, 'http-port': httpPort } = values
  const { 'hook-timeout-ms': hookTimeoutMs, 'rtmfp-port': rtmfpPort, 'go-live': ladderFile } = values
  const { 'record-every-ms': everyMs, 'record-every-bytes': everyBytes } = values
  const logs: Record<string, (write: (line: string) => void) => Log> = { text: textLog, json: jsonLog }
  const log = logs[values.log]
  if (log === undefined) throw new UsageError(`--log must be text or json, not ${values.log}`)
  if (record === undefined && (everyMs ?? everyBytes) !== undefined)
    throw new UsageError('--record-every-ms and --record-every-bytes require --record')
  if (record === undefined && values['record-on-request']) throw new UsageError('--record-on-request requires --record')
  if (record === undefined && values['record-all-tracks']) throw new UsageError('--record-all-tracks requires --record')
  if (publishKey === '') throw new UsageError('--publish-key must not be empty')
  if (ladderFile !== undefined && values['no-http']) throw new UsageError('--go-live requires HTTP')
  const apiToken = values['api-token'] ?? (process.env.RTMPIPE_API_TOKEN || undefined)
  if (apiToken === '') throw new UsageError('--api-token must not be empty')
  const options = {
    host,
    port: wholeNumber('--port', port, 65535),
    tls: tlsOption(values),
    rtws: values.rtws,
    ...(rtmfpPort !== undefined && { rtmfpPort: wholeNumber('--rtmfp-port', rtmfpPort, 65535) }),
    proxyProtocolFrom: values['proxy-protocol-from']?.map(addresses),
    record,
    recordOnRequest: values['record-on-request'],
    recordAllTracks: values['record-all-tracks'],
    ...(everyMs !== undefined && { recordEveryMs: positive('--record-every-ms', everyMs) }),
    ...(everyBytes !== undefined && { recordEveryBytes: positive('--record-every-bytes', everyBytes) }),
    publishKey,
    onPublish: hookUrl('--on-publish', values['on-publish']),
    onPlay: hookUrl('--on-play', values['on-play']),
    onDone: hookUrl('--on-done', values['on-done']),
    ...(hookTimeoutMs !== undefined && {
      hookTimeoutMs: wholeNumber('--hook-timeout-ms', hookTimeoutMs, MAX_HOOK_MS, 1)
    }),
    refuseMissing: values['refuse-missing'],
    takeover,
    drainTo: serverUrl('--drain-to', values['drain-to']),
    demo,
    ...timestampOption(values),
    http: !values['no-http'],
    ...(httpPort !== undefined && { httpPort: wholeNumber('--http-port', httpPort, 65535) }),
    httpHost: values['http-host'],
    httpNames: values['http-name'],
    httpOrigin: values['http-origin'],
    apiToken,
    ...(ladderFile !== undefined && { goLive: readLadder(ladderFile) }),
    ...(holdMs !== undefined && { holdMs: milliseconds('--hold-ms', holdMs) }),
    ...(idleMs !== undefined && { idleMs: milliseconds('--idle-ms', idleMs, 1) }),
    ...(mergeMs !== undefined && { mergeMs: wholeNumber('--merge-ms', mergeMs, 10_000) }),
    log: log(say)
  }
  return { options, values }
}

/** An address or range of a proxy. */
function addresses(from: string): string {
  try {
    createServer({ proxyProtocol: { from: [from] } })
  } catch {
    throw new UsageError(`--proxy-protocol-from must be an IP address or range, not ${from}`)
  }
  return from
}

/** Its message leaves the URL out, which may contain a secret. */
function hookUrl(name: string, url: string | undefined): string | undefined {
  if (url === undefined) return undefined
  if (!URL.canParse(url) || !/^https?:\/\/[^/?#@]+([/?#]|$)/.test(url))
    throw new UsageError(`${name} must be an http or https URL without a user`)
  return url
}

/** The URL of a server, without an app: each client keeps its own. */
function serverUrl(name: string, url: string | undefined): string | undefined {
  if (url === undefined) return undefined
  try {
    const { scheme, app, user, tcUrl } = readRtmpUrl(url)
    if (/^rtm(p|pe|ps|pt|pte|pts|fp)$/.test(scheme) && app === '' && user === undefined) return tcUrl
  } catch {}
  throw new UsageError(`${name} must be a URL of the form rtmp://HOST[:PORT]`)
}

function positive(name: string, text: string): number {
  const number = wholeNumber(name, text, Number.MAX_SAFE_INTEGER)
  if (number === 0) throw new UsageError(`${name} must be greater than 0`)
  return number
}

/** Quotes a URL with `?`, which a shell would expand. */
function hint({ url, site }: Serving, key: string): void {
  const to = key === '' ? `${url}/live/film` : `'${url}/live/film${key}'`
  say(`${site === undefined ? '' : `\n  open              ${site}`}
  watch the demo    ffplay ${url}/live/demo
  publish           ffmpeg -re -i FILE -c copy -f flv ${to}
  from OBS          Server ${url}/live   Stream Key film${key}
  watch it          ffplay ${url}/live/film

  Ctrl-C stops it.
`)
}
