const ROUNDS = 16
const SUBKEYS = ROUNDS + 2
const BOX = 256
const BOXES = 4

/** Blowfish (Schneier, 1993), by blocks of two words. */
export class Blowfish {
  readonly #subkeys: Uint32Array
  /** The four S-boxes, one after the other. */
  readonly #boxes: Uint32Array

  constructor(key: Uint8Array) {
    const digits = digitsOfPi()
    this.#subkeys = digits.slice(0, SUBKEYS)
    this.#boxes = digits.slice(SUBKEYS)
    for (let i = 0; i < SUBKEYS; i++) {
      let word = 0
      for (let k = 4 * i; k < 4 * i + 4; k++) word = (word << 8) | key[k % key.length]!
      this.#subkeys[i]! ^= word
    }
    let block: [number, number] = [0, 0]
    for (const table of [this.#subkeys, this.#boxes]) {
      for (let i = 0; i < table.length; i += 2) {
        block = this.encipher(block)
        table.set(block, i)
      }
    }
  }

  encipher([left, right]: readonly [number, number]): [number, number] {
    const subkeys = this.#subkeys
    for (let round = 0; round < ROUNDS; round += 2) {
      left ^= subkeys[round]!
      right ^= this.#mixed(left) ^ subkeys[round + 1]!
      left ^= this.#mixed(right)
    }
    return [(right ^ subkeys[ROUNDS + 1]!) >>> 0, (left ^ subkeys[ROUNDS]!) >>> 0]
  }

  #mixed(word: number): number {
    const boxes = this.#boxes
    const sum = boxes[word >>> 24]! + boxes[BOX + ((word >>> 16) & 0xff)]!
    return (sum ^ boxes[2 * BOX + ((word >>> 8) & 0xff)]!) + boxes[3 * BOX + (word & 0xff)]!
  }
}

let known: Uint32Array | undefined

/** The initial state of Blowfish: the first 33,344 bits of the fraction of pi, as words. They are computed at first use, in some 40 ms. */
function digitsOfPi(): Uint32Array {
  if (known !== undefined) return known
  const length = SUBKEYS + BOXES * BOX
  const guard = 64n
  const one = 1n << (BigInt(32 * length) + guard)
  // Machin's formula
  const pi = 4n * (4n * arctangent(5n, one) - arctangent(239n, one))
  const hex = ((pi % one) >> guard).toString(16).padStart(8 * length, '0')
  known = Uint32Array.from({ length }, (_, i) => Number.parseInt(hex.slice(8 * i, 8 * i + 8), 16))
  return known
}

/** The arctangent of 1/x, in units of 1/one. */
function arctangent(x: bigint, one: bigint): bigint {
  let power = one / x
  let sum = power
  for (let n = 3n, sign = -1n; power !== 0n; n += 2n, sign = -sign) {
    power /= x * x
    sum += (sign * power) / n
  }
  return sum
}
