import { createHmac } from 'node:crypto'

/** HMAC-SHA256 of the parts, one after another. */
export function hmacSha256(key: Uint8Array, ...parts: Uint8Array[]): Buffer {
  const hmac = createHmac('sha256', key)
  for (const part of parts) hmac.update(part)
  return hmac.digest()
}
