/** Limits how often something is done per second. Times are in ms. */
export class PerSecond {
  readonly #most: number
  #second = -1
  #count = 0

  constructor(most: number) {
    this.#most = most
  }

  /** Whether it may be done once more; if so, this is counted. */
  allows(now: number): boolean {
    const second = Math.floor(now / 1000)
    if (second !== this.#second) this.#count = 0
    this.#second = second
    return ++this.#count <= this.#most
  }
}
