import { getDiffieHellman } from 'node:crypto'
import fc from 'fast-check'
import t from 'tap'
import { DiffieHellman, primeOf } from '../../lib/crypto/diffie-hellman.ts'
import { buffers, holds } from '../support/property.ts'

const prime = BigInt(`0x${getDiffieHellman('modp2').getPrime('hex')}`)
const order = (prime - 1n) / 2n
const bytes = (number: bigint) => Buffer.from(number.toString(16).padStart(256, '0'), 'hex')
const number = (bytes: Buffer) => BigInt(`0x${bytes.toString('hex')}`)

function power(base: bigint, exponent: bigint): bigint {
  let result = 1n
  for (const bit of exponent.toString(2)) {
    result = (result * result) % prime
    if (bit === '1') result = (result * base) % prime
  }
  return result
}

t.test('both sides come to the same secret, and Node to the same as they', async t => {
  const [near, far] = [new DiffieHellman(), new DiffieHellman()]
  const secret = near.secret(far.publicKey)
  t.equal(secret?.length, 128)
  t.same(far.secret(near.publicKey), secret)
  const other = getDiffieHellman('modp2')
  other.generateKeys()
  t.same(near.secret(bytes(number(other.getPublicKey()))), other.computeSecret(near.publicKey))
})

t.test('a key and a secret that begin with a zero keep it, as those of librtmp do', async t => {
  const near = new DiffieHellman()
  const found = { key: false, secret: false }
  while (!found.key || !found.secret) {
    const { publicKey } = new DiffieHellman()
    const secret = near.secret(publicKey)!
    if (publicKey.length !== 128 || secret.length !== 128) return t.fail('they have 128 bytes')
    found.key ||= publicKey[0] === 0
    found.secret ||= secret[0] === 0
  }
})

t.test('every group is Node’s, and refuses what is not of it', async t => {
  for (const group of [2, 5, 14, 16] as const) {
    const [near, far] = [new DiffieHellman(group), new DiffieHellman(group)]
    const other = getDiffieHellman(`modp${group}`)
    const publicKey = other.generateKeys()
    const { length } = primeOf(group)
    const p = BigInt(`0x${primeOf(group).toString('hex')}`)
    const key = (y: bigint) => Buffer.from(y.toString(16).padStart(length * 2, '0'), 'hex')
    t.equal(near.publicKey.length, length)
    t.same(near.secret(far.publicKey), far.secret(near.publicKey))
    t.same(near.secret(publicKey), other.computeSecret(near.publicKey), 'also of a key without its zeros')
    t.equal(near.secret(publicKey)?.length, length)
    for (const y of [0n, 1n, p - 1n, p, p + 4n, p - number(near.publicKey)]) t.equal(near.secret(key(y)), undefined)
    t.equal(near.secret(Buffer.alloc(0)), undefined)
    t.equal(near.secret(Buffer.alloc(length + 1, 0xff)), undefined)
    t.same(near.secret(Buffer.concat([Buffer.alloc(3), publicKey])), near.secret(publicKey), 'zeros lead it')
    t.not(number(near.publicKey), number(new DiffieHellman(group).publicKey), 'each has a key of its own')
  }
})

t.test('a key that is none of the group, or weak, leads to no secret', async t => {
  const own = new DiffieHellman()
  const ours = number(own.publicKey)
  const weak = {
    0: 0n,
    1: 1n,
    'p - 2': prime - 2n,
    'p - 1': prime - 1n,
    p: prime,
    'p + 4': prime + 4n,
    most: 2n ** 1024n - 1n
  }
  for (const [name, key] of Object.entries(weak)) t.equal(own.secret(bytes(key)), undefined, name)
  t.equal(own.secret(bytes(prime - ours)), undefined, 'outside the subgroup')
  t.ok(own.secret(bytes(2n)), '2 is the generator')
  t.ok(own.secret(bytes(4n)))
})

t.test('what is of the subgroup is what Euler says', async t => {
  const own = new DiffieHellman()
  holds(
    t,
    'any key',
    fc.property(buffers(128), key => {
      const y = number(Buffer.concat([Buffer.alloc(129 - key.length), key]))
      const isOf = y >= 2n && y <= prime - 2n && power(y % prime, order) === 1n
      return (own.secret(bytes(y)) !== undefined) === isOf
    }),
    { numRuns: 60 }
  )
})
