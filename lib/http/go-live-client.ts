import { type Clock, systemClock } from '../clock.ts'
import { RtmpError } from '../errors.ts'
import { type GoLiveConfiguration, readGoLiveConfiguration } from '../go-live/go-live-configuration.ts'
import { GoLiveError } from '../go-live/go-live-error.ts'
import { type GoLiveRequest, readGoLiveRequest } from '../go-live/go-live-request.ts'
import { readBody } from './read-body.ts'

/** Options of goLiveConfiguration(). */
export interface GoLiveConfigurationOptions {
  /** Milliseconds for the whole answer: 5000, as OBS waits. */
  timeoutMs?: number
  /** Aborts the request. */
  signal?: AbortSignal
  /** The function that sends the request: the global `fetch`. */
  fetch?: typeof fetch
  /** The clock it measures time by: the system's. */
  clock?: Clock
}

const TIMEOUT_MS = 5000
const MAX_BYTES = 1024 * 1024
/** The most characters of an invalid body that an error quotes. */
const SHOWN = 200

/**
 * Asks a platform for a configuration, as OBS does before it goes live. Redirects are not followed, because the request has a stream key.
 * A status of `warning` is part of the answer: ask the user whether to continue. `goLiveStreamUrl` returns the URL to publish to.
 *
 * Rejects with a GoLiveError: `ERR_RTMP_GO_LIVE_REFUSED` if the platform refuses, with its text in HTML; `ERR_RTMP_GO_LIVE_FIELD` for an
 * invalid answer; `ERR_RTMP_GO_LIVE_HTTP` for another HTTP status, and for a body that is not JSON or is longer than 1 MiB. With an RtmpError,
 * `ERR_RTMP_ANSWER_TIMEOUT`, after `timeoutMs`; with the reason of the signal; with the error of `fetch` if the platform cannot be reached.
 * @throws TypeError for an invalid URL or field of the request, RangeError for a time that is not a positive number.
 */
export function goLiveConfiguration(
  url: string | URL,
  request: GoLiveRequest,
  options: GoLiveConfigurationOptions = {}
): Promise<GoLiveConfiguration> {
  const { timeoutMs = TIMEOUT_MS } = options
  const { protocol } = new URL(url)
  if (!/^https?:$/.test(protocol)) throw new TypeError(`url must be http or https, not ${protocol}`)
  if (!(timeoutMs > 0)) throw new RangeError(`timeoutMs must be a positive number, not ${timeoutMs}`)
  try {
    readGoLiveRequest(request)
  } catch (error) {
    throw new TypeError((error as Error).message, { cause: error })
  }
  return ask(url, request, timeoutMs, options)
}

async function ask(
  url: string | URL,
  request: GoLiveRequest,
  timeoutMs: number,
  { signal, fetch: send = fetch, clock = systemClock }: GoLiveConfigurationOptions
): Promise<GoLiveConfiguration> {
  const timeout = new AbortController()
  const stop = clock.after(timeoutMs, () => timeout.abort(new RtmpError('ERR_RTMP_ANSWER_TIMEOUT')))
  try {
    const response = await send(url, {
      method: 'POST',
      headers: { 'Content-Type': 'application/json' },
      body: JSON.stringify(request),
      redirect: 'manual',
      signal: signal === undefined ? timeout.signal : AbortSignal.any([timeout.signal, signal])
    })
    const json = await readJson(response)
    if (response.status !== 200) throw refusedBy(response, json)
    if (json.value === undefined) throw noAnswer(response, 'a body that is not JSON')
    return readGoLiveConfiguration(json.value)
  } finally {
    stop()
  }
}

/** The JSON of a body, undefined if it is not JSON, and its text. */
async function readJson(response: Response): Promise<{ value: unknown; text: string }> {
  const body = response.body === null ? Buffer.alloc(0) : await readBody(response.body, MAX_BYTES)
  if (body === undefined) throw noAnswer(response, `a body of more than ${MAX_BYTES} bytes`)
  const text = body.toString()
  try {
    return { value: JSON.parse(text), text }
  } catch {
    return { value: undefined, text }
  }
}

/** The error for a status other than 200, with the reason in its body if there is one. */
function refusedBy(response: Response, { value, text }: { value: unknown; text: string }): GoLiveError {
  try {
    readGoLiveConfiguration(value)
  } catch (error) {
    if ((error as GoLiveError).code === 'ERR_RTMP_GO_LIVE_REFUSED') return error as GoLiveError
  }
  return noAnswer(response, text.slice(0, SHOWN) || 'no body')
}

const noAnswer = ({ status }: Response, detail: string): GoLiveError =>
  new GoLiveError('ERR_RTMP_GO_LIVE_HTTP', { status, detail: `status ${status}, ${detail}` })
