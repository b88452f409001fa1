import { createHash, timingSafeEqual } from 'node:crypto'
import type { IncomingMessage } from 'node:http'
import { isIPv4 } from 'node:net'
import type { HttpHandler } from './http-server.ts'
import { ApiRefusal, answerRefusal } from './json.ts'

export interface AccessOptions {
  /** What clients must send as `Authorization: Bearer TOKEN`. Without a token only this machine is served, and may change nothing. */
  apiToken?: string | undefined
  /** The address that HTTP listens on. */
  httpHost?: string
}

/** Passes on requests that bring the token, or without a token all if only this machine can send any; answers others with JSON. */
export function tokenGuard({ apiToken, httpHost = '127.0.0.1' }: AccessOptions): (handler: HttpHandler) => HttpHandler {
  const refusal = refusing(apiToken, httpHost)
  return handler => (request, response, next) => {
    const refused = refusal(request)
    if (refused === undefined) handler(request, response, next)
    else answerRefusal(response, refused)
  }
}

function refusing(token: string | undefined, host: string): (request: IncomingMessage) => ApiRefusal | undefined {
  if (token === undefined) {
    const advice =
      'HTTP listens on an address that other machines reach: set --api-token TOKEN, or --http-host 127.0.0.1'
    const refused = isLoopback(host) ? undefined : new ApiRefusal('forbidden', advice)
    return () => refused
  }
  const wanted = digest(`Bearer ${token}`)
  const refused = new ApiRefusal('unauthorized', 'Authorization: Bearer TOKEN is required', {
    'WWW-Authenticate': 'Bearer'
  })
  return ({ headers }) => {
    // the name of the scheme in any case (RFC 9110, 11.1)
    const given = (headers.authorization ?? '').replace(/^bearer +/i, 'Bearer ')
    return timingSafeEqual(digest(given), wanted) ? undefined : refused
  }
}

const isLoopback = (host: string): boolean =>
  host === 'localhost' || host === '::1' || (isIPv4(host) && host.startsWith('127.'))

const digest = (text: string): Buffer => createHash('sha256').update(text).digest()
