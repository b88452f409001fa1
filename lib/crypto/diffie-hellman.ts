import { type DiffieHellman as Calculator, createDiffieHellman, getDiffieHellman, randomBytes } from 'node:crypto'

/** Bytes of a key, and of the secret, in group 2: the prime has 1024 bits. */
export const KEY_LENGTH = 128

/** A MODP group by its number in IKE: 2 is the Second Oakley Group (RFC 2409, 6.2), the others are of RFC 3526. */
export type DiffieHellmanGroup = 2 | 5 | 14 | 16

/**
 * One side of a Diffie-Hellman exchange. The 1024 bits of group 2 are within the reach of whoever has the means; and an exchange that
 * nobody signs says nothing of whom it was made with.
 */
export class DiffieHellman {
  readonly group: DiffieHellmanGroup
  readonly #exchange: Exchange
  /** As long as the prime, the most significant byte first. */
  readonly publicKey: Buffer

  constructor(group: DiffieHellmanGroup = 2) {
    this.group = group
    this.#exchange = group === 2 ? new Group2Exchange() : getDiffieHellman(`modp${group}`)
    this.publicKey = padded(this.#exchange.generateKeys(), primeOf(group).length)
  }

  /** The secret shared with the owner of this public key, as long as the prime; undefined if that is no key of the group. */
  secret(publicKey: Buffer): Buffer | undefined {
    return isPublicKey(publicKey, numberOf(primeOf(this.group))) ? this.#exchange.computeSecret(publicKey) : undefined
  }
}

/**
 * A key pair in Node. An object of the groups that OpenSSL knows costs nothing, and chooses a private key of twice the bits of the
 * group's strength: for group 16 that takes a tenth of the time of one as long as the prime.
 */
interface Exchange {
  generateKeys(): Buffer
  computeSecret(publicKey: Buffer): Buffer
}

/** OpenSSL does not know group 2: Node tests its prime whenever it is asked for, 34 ms long, so one calculator serves every exchange. */
class Group2Exchange implements Exchange {
  readonly #privateKey = randomBytes(KEY_LENGTH)

  generateKeys(): Buffer {
    return calculatorOf(this.#privateKey).generateKeys()
  }

  computeSecret(publicKey: Buffer): Buffer {
    return calculatorOf(this.#privateKey).computeSecret(publicKey)
  }
}

let group2: Calculator | undefined

function calculatorOf(privateKey: Buffer): Calculator {
  group2 ??= createDiffieHellman(primeOf(2), 2)
  group2.setPrivateKey(privateKey)
  return group2
}

const primes = new Map<DiffieHellmanGroup, Buffer>()

/** The prime of a group, as it is written. */
export function primeOf(group: DiffieHellmanGroup): Buffer {
  const known = primes.get(group)
  if (known !== undefined) return known
  const prime = getDiffieHellman(`modp${group}`).getPrime()
  primes.set(group, prime)
  return prime
}

const padded = (number: Buffer, length: number): Buffer => Buffer.concat([Buffer.alloc(length - number.length), number])

/** An unsigned number, the most significant byte first. */
export const numberOf = (bytes: Buffer): bigint => BigInt(`0x0${bytes.toString('hex')}`)

/**
 * Whether 2 <= y <= p - 2 and y^q mod p = 1, where p = 2q + 1: only then y is of the subgroup in which 2 has its powers, and the secret
 * depends on our private key.
 */
function isPublicKey(key: Buffer, prime: bigint): boolean {
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
