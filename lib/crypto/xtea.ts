const ROUNDS = 32
const DELTA = 0x9e3779b9

/** One block of two words, enciphered by XTEA under a key of four (Needham and Wheeler, 1997). */
export function xtea(key: readonly number[], block: readonly [number, number]): [number, number] {
  let [left, right] = block
  let sum = 0
  for (let round = 0; round < ROUNDS; round++) {
    left = (left + (mixed(right) ^ (sum + key[sum & 3]!))) >>> 0
    sum = (sum + DELTA) >>> 0
    right = (right + (mixed(left) ^ (sum + key[(sum >>> 11) & 3]!))) >>> 0
  }
  return [left, right]
}

const mixed = (word: number): number => ((word << 4) ^ (word >>> 5)) + word
