import type { SequenceRange } from '../wire/acknowledgement.ts'

/**
 * Sequence numbers from 0 on, as ordered ranges (RFC 7016, 3.6.3, SEQUENCE_SET): what was received of a flow, or will not be sent again.
 * Its size is bounded by the number of gaps, not by their length.
 */
export class SequenceSet {
  readonly #maxGaps: number
  /** The first and the last number of each range. There is a gap before each but the first, which begins at 0. */
  readonly #firsts: number[] = [0]
  readonly #lasts: number[] = [0]

  constructor(maxGaps: number) {
    this.#maxGaps = maxGaps
  }

  /** All numbers up to this one are in the set. */
  get cumulative(): number {
    return this.#lasts[0]!
  }

  get highest(): number {
    return this.#lasts.at(-1)!
  }

  get gaps(): number {
    return this.#firsts.length - 1
  }

  /** The ranges beyond the cumulative number, in order, as in acknowledgements. */
  ranges(): SequenceRange[] {
    const ranges: SequenceRange[] = []
    for (let i = 1; i < this.#firsts.length; i++) ranges.push([this.#firsts[i]!, this.#lasts[i]!])
    return ranges
  }

  has(number: number): boolean {
    return number <= this.#lasts[this.#indexOf(number)]!
  }

  /** Adds a number; false if that would make too many gaps, so that it is not added. */
  add(number: number): boolean {
    const at = this.#indexOf(number)
    const last = this.#lasts[at]!
    if (number <= last) return true
    const extendsThis = number === last + 1
    const extendsNext = this.#firsts[at + 1] === number + 1
    if (extendsThis && extendsNext) {
      this.#lasts[at] = this.#lasts[at + 1]!
      this.#remove(at + 1, 1)
    } else if (extendsThis) this.#lasts[at] = number
    else if (extendsNext) this.#firsts[at + 1] = number
    else {
      if (this.gaps >= this.#maxGaps) return false
      this.#firsts.splice(at + 1, 0, number)
      this.#lasts.splice(at + 1, 0, number)
    }
    return true
  }

  /** Adds all numbers up to this one. */
  addUpTo(number: number): void {
    if (number <= this.cumulative) return
    // the following range is adjacent if it begins at the next number
    const at = this.#indexOf(number + 1)
    this.#lasts[0] = Math.max(number, this.#lasts[at]!)
    this.#remove(1, at)
  }

  /** The index of the last range that begins at or before `number`. */
  #indexOf(number: number): number {
    let low = 0
    let high = this.#firsts.length - 1
    while (low < high) {
      const middle = (low + high + 1) >>> 1
      if (this.#firsts[middle]! <= number) low = middle
      else high = middle - 1
    }
    return low
  }

  #remove(at: number, count: number): void {
    this.#firsts.splice(at, count)
    this.#lasts.splice(at, count)
  }
}
