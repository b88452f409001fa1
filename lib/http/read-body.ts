/** The body of a request or a response; undefined if it is longer than `maxBytes`. The rest of a longer one is not read. */
export async function readBody(parts: AsyncIterable<Uint8Array>, maxBytes: number): Promise<Buffer | undefined> {
  const body: Uint8Array[] = []
  let length = 0
  for await (const part of parts) {
    length += part.length
    if (length > maxBytes) return undefined
    body.push(part)
  }
  return Buffer.concat(body)
}
