/**
 * The fragments of all flows of a session that are neither acknowledged nor abandoned, counted, and since when the peer has acknowledged
 * none of them. Times are in ms.
 */
export class Owed {
  #bytes = 0
  #fragments = 0
  #since: number | undefined

  get bytes(): number {
    return this.#bytes
  }

  /** Since when there is no progress; undefined if nothing waits. */
  get since(): number | undefined {
    return this.#since
  }

  add(fragments: number, bytes: number): void {
    this.#fragments += fragments
    this.#bytes += bytes
    if (this.#fragments === 0) this.#since = undefined
  }

  /** Something may have been queued: starts the time if nothing waited before. */
  began(now: number): void {
    if (this.#fragments > 0) this.#since ??= now
  }

  /** The peer has acknowledged something new. */
  progressed(now: number): void {
    if (this.#fragments > 0) this.#since = now
  }
}
