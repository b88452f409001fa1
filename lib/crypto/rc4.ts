/** RC4, which Node's OpenSSL no longer has (test vectors: RFC 6229). Each call continues the key stream, which encrypts and decrypts alike. */
export class Rc4 {
  readonly #state = Uint8Array.from({ length: 256 }, (_, i) => i)
  #i = 0
  #j = 0

  /** @param skipped Bytes of keystream that are thrown away first. */
  constructor(key: Uint8Array, skipped = 0) {
    const state = this.#state
    for (let i = 0, j = 0; i < 256; i++) {
      const swapped = state[i]!
      j = (j + swapped + key[i % key.length]!) & 0xff
      state[i] = state[j]!
      state[j] = swapped
    }
    this.turn(new Uint8Array(skipped))
  }

  /** The next bytes, in a buffer of their own: those given may be in other hands. */
  turn(bytes: Uint8Array): Buffer {
    const turned = Buffer.allocUnsafe(bytes.length)
    const state = this.#state
    let i = this.#i
    let j = this.#j
    for (let at = 0; at < bytes.length; at++) {
      i = (i + 1) & 0xff
      const first = state[i]!
      j = (j + first) & 0xff
      const second = state[j]!
      state[i] = second
      state[j] = first
      turned[at] = bytes[at]! ^ state[(first + second) & 0xff]!
    }
    this.#i = i
    this.#j = j
    return turned
  }
}
