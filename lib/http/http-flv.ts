import type { IncomingMessage, ServerResponse } from 'node:http'
import { type Clock, systemClock } from '../clock.ts'
import { asError } from '../errors.ts'
import { type Limits, limitsWith } from '../limits.ts'
import { warnOfFailure } from '../listeners.ts'
import { Decisions } from '../session/decisions.ts'
import { namedPath } from '../session/stream-path.ts'
import { HttpPlay } from './http-play.ts'

/** Options of httpFlv(). */
export interface HttpFlvOptions {
  /** Access-Control-Allow-Origin: the origin whose scripts may read the response, or `*`. Not sent by default. */
  origin?: string
  /** Called with an error of `hearPlay`. By default a process warning reports it, once per place. */
  failed?: (error: Error) => void
  /** The limits that differ from the defaults: see Limits. `decisionMs` and `stallMs` are used. */
  limits?: Partial<Limits>
  /** The clock it measures time by: the system's. */
  clock?: Clock
}

/** A request handler of `node:http`, or of Express: other requests are passed to `next`, or answered with 404 without it. */
export type HttpFlvHandler = (request: IncomingMessage, response: ServerResponse, next?: () => void) => void

const SUFFIX = '.flv'

/**
 * HTTP-FLV: `GET /live/film.flv` plays the stream `live/film` as an endless FLV file (FLV 10.1, Annex E). Browsers play it with mpegts.js,
 * FFmpeg and VLC as it is. `hearPlay` decides on each request, as a listener to `'play'` of a session does; both may be one function:
 *
 *     const hearPlay = async (play: Play | HttpPlay) => pipeline(await lives.play(play.path), play.accept(), report)
 *     session.on('play', hearPlay)
 *     http.createServer(httpFlv(hearPlay)).listen(8080)
 *
 * The query is part of the request: `play.query.get('token')`. All viewers of a live stream receive the same buffers. A viewer that reads
 * nothing for `limits.stallMs` is disconnected.
 * @throws RangeError for a limit out of range.
 */
export function httpFlv(
  hearPlay: (play: HttpPlay) => unknown,
  { origin, failed = warnOfFailure, limits, clock = systemClock }: HttpFlvOptions = {}
): HttpFlvHandler {
  const { decisionMs, stallMs } = limitsWith(limits)
  return (request, response, next) => {
    const { method, url = '/' } = request
    const [bare, ...queries] = url.split('?')
    if (!bare!.endsWith(SUFFIX)) {
      if (next) next()
      else answer(response, 404, 'not found')
      return
    }
    if (origin !== undefined) response.setHeader('Access-Control-Allow-Origin', origin)
    if (method === 'OPTIONS' && origin !== undefined) {
      response
        .writeHead(204, { 'Access-Control-Allow-Methods': 'GET, HEAD', 'Access-Control-Allow-Headers': '*' })
        .end()
      return
    }
    if (method !== 'GET' && method !== 'HEAD') {
      response.setHeader('Allow', 'GET, HEAD')
      answer(response, 405, 'method not allowed')
      return
    }
    const path = unescaped(bare!.slice(1, -SUFFIX.length))
    if (path === undefined) {
      answer(response, 400, 'malformed path')
      return
    }
    const slash = path.lastIndexOf('/')
    const app = { app: path.slice(0, Math.max(slash, 0)), query: new URLSearchParams(), rawQuery: '' }
    const where = namedPath(app, [path.slice(slash + 1).replaceAll('?', ''), ...queries].join('?'))
    const play = new HttpPlay(where, request, response, { clock, stallMs })
    const asked = {
      rawListeners: () => [hearPlay],
      tellFailure: failed,
      failedLate(thrown: unknown) {
        failed(asError(thrown))
        response.destroy()
      }
    }
    void new Decisions(asked, clock, decisionMs).ask('play', play)
  }
}

function answer(response: ServerResponse, status: number, text: string): void {
  response.writeHead(status, { 'Content-Type': 'text/plain; charset=utf-8' }).end(`${text}\n`)
}

/** The path without its escapes; undefined if these are malformed. */
function unescaped(path: string): string | undefined {
  try {
    return decodeURIComponent(path)
  } catch {
    return undefined
  }
}
