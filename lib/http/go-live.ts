import type { IncomingMessage, ServerResponse } from 'node:http'
import { asError, Refused } from '../errors.ts'
import { goLiveAnswer, goLiveRefusal } from '../go-live/go-live-answer.ts'
import { type GoLiveConfiguration, type GoLiveLadder, readGoLiveLadder } from '../go-live/go-live-configuration.ts'
import { GoLiveError } from '../go-live/go-live-error.ts'
import { type GoLiveRequest, readGoLiveRequest } from '../go-live/go-live-request.ts'
import { warnOfFailure } from '../listeners.ts'
import { readBody } from './read-body.ts'
import { sendText } from './response-answer.ts'

/** Options of goLive(). */
export interface GoLiveOptions {
  /** The path that it answers: `/go-live`. */
  path?: string
  /** Called with an error of `ladder`. By default a process warning reports it, once per place. */
  failed?: (error: Error) => void
}

/** A request handler of `node:http`, or of Express: requests for other paths are passed to `next`, or answered with 404 without it. */
export type GoLiveHandler = (request: IncomingMessage, response: ServerResponse, next?: () => void) => void

/** What an encoder is offered: a ladder, or a function that chooses one for each request. */
export type GoLiveLadders =
  | GoLiveLadder
  | ((request: GoLiveRequest, from: IncomingMessage) => GoLiveLadder | Promise<GoLiveLadder>)

const MAX_BYTES = 64 * 1024
const JSON_TYPE = /^application\/json *(;|$)/i

interface Answer {
  readonly status: number
  readonly body: GoLiveConfiguration
  readonly headers?: Readonly<Record<string, string>>
}

/**
 * The server of a go-live configuration (GetClientConfiguration of Amazon IVS): it answers the POST by which OBS asks, before it goes live
 * with multitrack video, which tracks to encode and where to publish them. `goLiveAnswer` chooses the tracks from the ladder.
 *
 * A function decides on each request: it returns a ladder, or throws a Refused, whose description OBS shows to its user. An invalid field
 * and a refusal are answered with HTTP status 200 and a `status` of `error`, because OBS shows the body of no other HTTP status. If no track
 * fits, the `status` is `warning`. A wrong method, type or length and a body that is not JSON are answered with 405, 415, 413 or 400, and an
 * exception of the function with 500. A body may have 64 KiB.
 * @throws RangeError for a ladder with an invalid field.
 */
export function goLive(
  ladder: GoLiveLadders,
  { path = '/go-live', failed = warnOfFailure }: GoLiveOptions = {}
): GoLiveHandler {
  if (typeof ladder !== 'function') checkLadder(ladder)
  const choose = typeof ladder === 'function' ? ladder : () => ladder

  async function answer(request: IncomingMessage): Promise<Answer> {
    const asked = await readJson(request)
    if (!('json' in asked)) return asked
    try {
      const read = readGoLiveRequest(asked.json)
      try {
        const chosen = checkLadder(await choose(read, request))
        return { status: 200, body: goLiveAnswer(chosen, read) }
      } catch (thrown) {
        if (thrown instanceof Refused)
          return { status: 200, body: goLiveRefusal(thrown.description || 'refused', read) }
        failed(asError(thrown))
        return { status: 500, body: goLiveRefusal('the server has failed', read) }
      }
    } catch (error) {
      if (!(error instanceof GoLiveError)) throw error
      return { status: 200, body: goLiveRefusal(error.message) }
    }
  }

  return (request, response, next) => {
    if ((request.url ?? '/').split('?', 1)[0] !== path) {
      if (next) next()
      else sendText(response, 404, 'not found')
      return
    }
    answer(request).then(
      ({ status, body, headers }) => {
        const bytes = Buffer.from(`${JSON.stringify(body)}\n`)
        const content = { 'Content-Type': 'application/json; charset=utf-8', 'Content-Length': bytes.length }
        response.writeHead(status, { ...content, 'Cache-Control': 'no-store', ...headers }).end(bytes)
      },
      // the encoder has disconnected
      () => response.destroy()
    )
  }
}

function checkLadder(ladder: GoLiveLadder): GoLiveLadder {
  try {
    return readGoLiveLadder(ladder)
  } catch (error) {
    throw new RangeError((error as Error).message, { cause: error })
  }
}

/** The JSON of a body, which Express may have parsed already; or the answer to an invalid one. */
async function readJson(request: IncomingMessage & { readonly body?: unknown }): Promise<{ json: unknown } | Answer> {
  const refuse = (status: number, reason: string, headers?: Answer['headers']): Answer => ({
    status,
    body: goLiveRefusal(reason),
    ...(headers && { headers })
  })
  if (request.method !== 'POST') return refuse(405, 'POST is required', { Allow: 'POST' })
  if (!JSON_TYPE.test(request.headers['content-type'] ?? ''))
    return refuse(415, 'Content-Type must be application/json')
  if (request.body !== undefined) return { json: request.body }
  const body = await readBody(request, MAX_BYTES)
  // the rest of the body is not read, so the connection cannot be used again
  if (body === undefined) return refuse(413, `the body must have at most ${MAX_BYTES} bytes`, { Connection: 'close' })
  try {
    return { json: JSON.parse(body.toString()) }
  } catch {
    return refuse(400, 'the body must be JSON')
  }
}
