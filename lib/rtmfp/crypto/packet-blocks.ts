import { type Cipher, createCipheriv, createDecipheriv, type Decipher } from 'node:crypto'

/** Bytes of a cipher block. */
export const BLOCK_LENGTH = 16
/** AES-128 takes this much of a packet encryption key. */
const KEY_LENGTH = 16
const zeroIv = Buffer.alloc(BLOCK_LENGTH)

/**
 * AES-128-CBC with an initialization vector of zero for each packet (RFC 7425, 4.7.1), by one cipher object for all of them. To make
 * one costs as much as to encrypt a packet. CBC chains packets by their last cipher block, so that is taken out of the first block.
 */
export class BlockEncrypter {
  readonly #cipher: Cipher
  readonly #last = Buffer.alloc(BLOCK_LENGTH)

  constructor(key: Buffer) {
    this.#cipher = createCipheriv('aes-128-cbc', key.subarray(0, KEY_LENGTH), zeroIv).setAutoPadding(false)
  }

  /** The cipher blocks of at least one whole block, whose first is overwritten. */
  encrypt(plain: Buffer): Buffer {
    addBlock(plain, this.#last)
    const blocks = this.#cipher.update(plain)
    keepLast(blocks, this.#last)
    return blocks
  }
}

/** The inverse of BlockEncrypter. */
export class BlockDecrypter {
  readonly #decipher: Decipher
  readonly #last = Buffer.alloc(BLOCK_LENGTH)

  constructor(key: Buffer) {
    this.#decipher = createDecipheriv('aes-128-cbc', key.subarray(0, KEY_LENGTH), zeroIv).setAutoPadding(false)
  }

  /** The plain bytes of at least one whole block, in a buffer of their own. */
  decrypt(blocks: Buffer): Buffer {
    const plain = this.#decipher.update(blocks)
    addBlock(plain, this.#last)
    keepLast(blocks, this.#last)
    return plain
  }
}

function addBlock(bytes: Buffer, block: Buffer): void {
  for (let i = 0; i < BLOCK_LENGTH; i++) bytes[i]! ^= block[i]!
}

/** By hand, as addBlock: for so few bytes a call costs more. */
function keepLast(blocks: Buffer, block: Buffer): void {
  const at = blocks.length - BLOCK_LENGTH
  for (let i = 0; i < BLOCK_LENGTH; i++) block[i] = blocks[at + i]!
}
