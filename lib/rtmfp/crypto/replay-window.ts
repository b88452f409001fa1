const WORD_BITS = 32
const WORDS = 33

/** Sequence numbers that may arrive behind the highest one: RFC 7425, 4.7.3.3 asks for 32 at least. */
export const REPLAY_WINDOW: number = (WORDS - 1) * WORD_BITS

/**
 * The session sequence numbers of received packets (RFC 7425, 4.7.3.3): a bitmap of those behind the highest, in a ring of words, one of
 * which is spare so that the window need not end where a word does.
 */
export class ReplayWindow {
  readonly #seen = new Uint32Array(WORDS)
  #highest = -1

  /** Whether this number is new; from now on it is not. Ask for verified packets only: any other would move the window. */
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
