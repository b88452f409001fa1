const WORD_BITS = 32
const WORDS = 33

/** How far a sequence number may be below the highest one: RFC 7425, 4.7.3.3 requires at least 32. */
export const REPLAY_WINDOW: number = (WORDS - 1) * WORD_BITS

/**
 * The session sequence numbers of received packets (RFC 7425, 4.7.3.3): a bitmap of those below the highest, in a ring of words. One word is
 * spare, so that the window need not end at the boundary of a word.
 */
export class ReplayWindow {
  readonly #seen = new Uint32Array(WORDS)
  #highest = -1

  /** Whether this number is new; it is recorded. Call it for verified packets only: any other would move the window. */
  accepts(sequence: number): boolean {
    if (sequence <= this.#highest - REPLAY_WINDOW) return false
    const word = Math.floor(sequence / WORD_BITS)
    if (sequence > this.#highest) this.#moveTo(sequence, word)
    const [slot, bit] = [word % WORDS, 1 << (sequence % WORD_BITS)]
    if ((this.#seen[slot]! & bit) !== 0) return false
    this.#seen[slot]! |= bit
    return true
  }

  #moveTo(sequence: number, word: number): void {
    const from = Math.floor(this.#highest / WORD_BITS)
    const passed = Math.min(word - from, WORDS)
    for (let i = 0; i < passed; i++) this.#seen[(word - i) % WORDS] = 0
    this.#highest = sequence
  }
}
