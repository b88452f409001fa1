import { type DiffieHellman as Calculator, createDiffieHellman, getDiffieHellman, randomBytes } from 'node:crypto'

/** Bytes of a key, and of the secret: the group's prime has 1024 bits. */
export const KEY_LENGTH = 128

/**
 * One side of a Diffie-Hellman exchange in the Second Oakley Group (RFC 2409, 6.2). 1024 bits are within the reach of whoever
 * has the means; and an exchange that nobody signs says nothing of whom it was made with.
 */
export class DiffieHellman {
  readonly #privateKey = randomBytes(KEY_LENGTH)
  /** 128 bytes, the most significant first. */
  readonly publicKey: Buffer

  constructor() {
    const calculator = group()
    calculator.setPrivateKey(this.#privateKey)
    this.publicKey = padded(calculator.generateKeys())
  }

  /** The secret shared with the owner of this public key; undefined if that is no key of the group. */
  secret(publicKey: Buffer): Buffer | undefined {
    if (!isPublicKey(publicKey)) return undefined
    const calculator = group()
    calculator.setPrivateKey(this.#privateKey)
    return calculator.computeSecret(publicKey)
  }
}

/** Node tests the prime whenever it is asked for the group, 34 ms long, so one calculator serves every exchange. */
let calculator: Calculator | undefined

function group(): Calculator {
  calculator ??= createDiffieHellman(getDiffieHellman('modp2').getPrime(), 2)
  return calculator
}

const padded = (number: Buffer): Buffer => Buffer.concat([Buffer.alloc(KEY_LENGTH - number.length), number])
const numberOf = (bytes: Buffer): bigint => BigInt(`0x${bytes.toString('hex')}`)

/**
 * Whether 2 <= y <= p - 2 and y^q mod p = 1, where p = 2q + 1: only then y is of the subgroup in which 2 has its powers, and the secret
 * depends on our private key.
 */
function isPublicKey(key: Buffer): boolean {
  const prime = numberOf(group().getPrime())
  const number = numberOf(key)
  return number >= 2n && number <= prime - 2n && isSquare(number, prime)
}

/**
 * Whether a number is a square modulo a prime, which Euler's criterion, y^q mod p = 1, tells too. The Jacobi symbol tells the same in a
 * twentieth of the time.
 */
function isSquare(number: bigint, prime: bigint): boolean {
  let [upper, lower, isPlus] = [number, prime, true]
  while (upper !== 0n) {
    while ((upper & 1n) === 0n) {
      upper >>= 1n
      const rest = lower & 7n
      if (rest === 3n || rest === 5n) isPlus = !isPlus
    }
    if ((upper & 3n) === 3n && (lower & 3n) === 3n) isPlus = !isPlus
    ;[upper, lower] = [lower % upper, upper]
  }
  return lower === 1n && isPlus
}
