import type { IncomingMessage } from 'node:http'

/** The body of a request, undefined if it is longer than `maxBytes`. The rest of a longer one is not read. */
export async function readBody(request: IncomingMessage, maxBytes: number): Promise<Buffer | undefined> {
  const parts: Buffer[] = []
  let length = 0
  // a request that is destroyed at the end of an iteration takes its response with it
  for await (const part of request.iterator({ destroyOnReturn: false })) {
    length += part.length
    if (length > maxBytes) return undefined
    parts.push(part)
  }
  return Buffer.concat(parts)
}
