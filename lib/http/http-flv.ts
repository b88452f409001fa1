import type { IncomingMessage, ServerResponse } from 'node:http'
import { type FlvRequestOptions, FlvRequests } from './flv-requests.ts'
import type { HttpPlay } from './http-play.ts'
import { ResponseAnswer, sendText } from './response-answer.ts'

/** Options of httpFlv(). */
export interface HttpFlvOptions extends FlvRequestOptions {
  /** Access-Control-Allow-Origin: the origin whose scripts may read the response, or `*`. Not sent by default. */
  origin?: string
}

/** A request handler of `node:http`, or of Express: other requests are passed to `next`, or answered with 404 without it. */
export type HttpFlvHandler = (request: IncomingMessage, response: ServerResponse, next?: () => void) => void

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
export function httpFlv(hearPlay: (play: HttpPlay) => unknown, options: HttpFlvOptions = {}): HttpFlvHandler {
  const { origin } = options
  const requests = new FlvRequests(hearPlay, options)
  return (request, response, next) => {
    const { method } = request
    if (!FlvRequests.isFor(request)) {
      if (next) next()
      else sendText(response, 404, 'not found')
      return
    }
    if (origin !== undefined) response.setHeader('Access-Control-Allow-Origin', origin)
    if (method === 'OPTIONS' && origin !== undefined) {
      response
        .writeHead(204, { 'Access-Control-Allow-Methods': 'GET, HEAD', 'Access-Control-Allow-Headers': '*' })
        .end()
    } else if (method !== 'GET' && method !== 'HEAD') {
      response.setHeader('Allow', 'GET, HEAD')
      sendText(response, 405, 'method not allowed')
    } else requests.hear(request, 'http-flv', new ResponseAnswer(request, response))
  }
}
