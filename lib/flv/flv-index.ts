import type { AmfObject } from '../amf/amf-value.ts'

interface Entry {
  readonly timestamp: number
  readonly position: number
}

/**
 * The keyframes of a file: their timestamps and the positions of their tags. It holds at most `max`: when it is full it
 * drops every second one, and from then on adds half as many. The first one stays.
 */
export class FlvIndex {
  readonly #max: number
  #entries: Entry[]
  #every = 1
  #seen = 0

  constructor(max: number, entries: Entry[] = []) {
    this.#max = max
    this.#entries = entries
  }

  get length(): number {
    return this.#entries.length
  }

  /** Adds the next keyframe. Of several at one time only the first is added. */
  note(timestamp: number, position: number): void {
    if (timestamp === this.#entries.at(-1)?.timestamp) return
    const number = this.#seen++
    if (number % this.#every !== 0) return
    if (this.#entries.length >= this.#max) {
      this.#entries = everySecond(this.#entries)
      this.#every *= 2
      if (number % this.#every !== 0) return
    }
    this.#entries.push({ timestamp, position })
  }

  /** The same with every second keyframe left out. */
  thinned(): FlvIndex {
    return new FlvIndex(this.#max, everySecond(this.#entries))
  }

  /** The same for a file that ends at this byte. */
  before(byteLength: number): FlvIndex {
    return new FlvIndex(
      this.#max,
      this.#entries.filter(({ position }) => position < byteLength)
    )
  }

  /** In the form of metadata: seconds, and bytes from the beginning of the file. */
  properties(): AmfObject {
    return {
      times: this.#entries.map(({ timestamp }) => timestamp / 1000),
      filepositions: this.#entries.map(({ position }) => position)
    }
  }
}

/** Bytes that an index of so many keyframes takes in metadata: a key, two arrays in an object, and two numbers for each. */
export const indexRoom = (keyframes: number): number => 47 + 18 * keyframes

const everySecond = (entries: readonly Entry[]): Entry[] => entries.filter((_, at) => at % 2 === 0)
