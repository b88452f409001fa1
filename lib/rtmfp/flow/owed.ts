/**
 * What a session owes its peer: the fragments of all its flows that are neither acknowledged nor given up, and since when the peer has
 * acknowledged none of them. Times are in ms.
 */
export class Owed {
  #bytes = 0
  #fragments = 0
  #since: number | undefined

  get bytes(): number {
    return this.#bytes
  }

  /** Undefined if nothing is owed. */
  get since(): number | undefined {
    return this.#since
  }

  add(fragments: number, bytes: number): void {
    this.#fragments += fragments
    this.#bytes += bytes
    if (this.#fragments === 0) this.#since = undefined
  }

  /** If something is owed, it is from now on, unless it was before. */
  began(now: number): void {
    if (this.#fragments > 0) this.#since ??= now
  }

  /** The peer has acknowledged something new. */
  progressed(now: number): void {
    if (this.#fragments > 0) this.#since = now
  }
}
