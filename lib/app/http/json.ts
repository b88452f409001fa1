import type { IncomingMessage, ServerResponse } from 'node:http'
import type { ApiErrorCode, ErrorReport } from '../../api/index.ts'

/** The HTTP status of each code. */
const statuses: Readonly<Record<ApiErrorCode, number>> = {
  bad_request: 400,
  unauthorized: 401,
  forbidden: 403,
  not_found: 404,
  method_not_allowed: 405,
  conflict: 409,
  too_large: 413,
  unsupported_media_type: 415,
  internal: 500,
  too_many: 503
}

/** A request that is answered with an error. */
export class ApiRefusal extends Error {
  readonly code: ApiErrorCode
  readonly headers: Readonly<Record<string, string>>

  constructor(code: ApiErrorCode, message: string, headers: Readonly<Record<string, string>> = {}) {
    super(message)
    this.code = code
    this.headers = headers
  }
}

/** Of every answer: it is not cached, and browsers do not guess its type. */
export const HEADERS = { 'Cache-Control': 'no-store', 'X-Content-Type-Options': 'nosniff' } as const

/** Sends JSON; undefined is no body. Node leaves the body out for a HEAD. */
export function answerJson(response: ServerResponse, status: number, body?: unknown): void {
  const bytes = body === undefined ? undefined : Buffer.from(`${JSON.stringify(body)}\n`)
  const content = bytes && { 'Content-Type': 'application/json; charset=utf-8', 'Content-Length': bytes.length }
  response.writeHead(status, { ...HEADERS, ...content })
  response.end(bytes)
}

export function answerRefusal(response: ServerResponse, { code, message, headers }: ApiRefusal): void {
  for (const [name, value] of Object.entries(headers)) response.setHeader(name, value)
  answerJson(response, statuses[code], { error: { code, message } } satisfies ErrorReport)
}

const MAX_BYTES = 16 * 1024
/** A form of another site can send any other type without asking. */
const JSON_TYPE = /^application\/json *(;|$)/i

/**
 * The strings of a JSON object: all of `names`, and no other.
 * @throws ApiRefusal for anything else, and for more than 16 KiB.
 */
export async function readStrings<Name extends string>(
  request: IncomingMessage,
  names: readonly Name[]
): Promise<Record<Name, string>> {
  if (!JSON_TYPE.test(request.headers['content-type'] ?? ''))
    throw new ApiRefusal('unsupported_media_type', 'Content-Type must be application/json')
  const text = (await readBody(request)).toString()
  const wanted = `a JSON object of strings: ${names.join(', ')}`
  let body: unknown
  try {
    body = JSON.parse(text)
  } catch {
    throw new ApiRefusal('bad_request', `body must be ${wanted}`)
  }
  const found = typeof body === 'object' && body !== null && !Array.isArray(body) ? Object.entries(body) : []
  const isRight = found.every(([name, value]) => names.includes(name as Name) && typeof value === 'string')
  if (found.length !== names.length || !isRight) throw new ApiRefusal('bad_request', `body must be ${wanted}`)
  return Object.fromEntries(found) as Record<Name, string>
}

async function readBody(request: IncomingMessage): Promise<Buffer> {
  // the rest of the body is not read, so the connection cannot be used again
  const tooLarge = new ApiRefusal('too_large', `body must have at most ${MAX_BYTES} bytes`, { Connection: 'close' })
  if (Number(request.headers['content-length'] ?? 0) > MAX_BYTES) throw tooLarge
  const parts: Buffer[] = []
  let length = 0
  for await (const part of request) {
    length += part.length
    if (length > MAX_BYTES) throw tooLarge
    parts.push(part)
  }
  return Buffer.concat(parts)
}
