/** The same bytes, each alone. */
export function* bytewise(bytes: Buffer): Generator<Buffer> {
  for (let i = 0; i < bytes.length; i++) yield bytes.subarray(i, i + 1)
}

/** The same bytes in pieces of 1 to `most`, by a generator of its own: a seed names one way to cut. */
export function* cut(bytes: Buffer, seed: number, most = 3000): Generator<Buffer> {
  let state = seed >>> 0 || 1
  for (let at = 0; at < bytes.length; ) {
    // xorshift32
    state ^= state << 13
    state ^= state >>> 17
    state = (state ^ (state << 5)) >>> 0
    const length = 1 + (state % most)
    yield bytes.subarray(at, at + length)
    at += length
  }
}

/** The same bytes cut at the given places, which may stand in any order. */
export function* cutAt(bytes: Buffer, places: readonly number[]): Generator<Buffer> {
  let start = 0
  for (const place of [...places].sort((a, b) => a - b)) {
    const end = Math.min(place, bytes.length)
    if (end > start) yield bytes.subarray(start, end)
    start = Math.max(start, end)
  }
  if (start < bytes.length) yield bytes.subarray(start)
}
