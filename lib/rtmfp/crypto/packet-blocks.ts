import { type Cipher, createCipheriv, createDecipheriv, type Decipher } from 'node:crypto'

/** Bytes of a cipher block. */
export const BLOCK_LENGTH = 16
/** Bytes of a packet encryption key that AES-128 uses. */
const KEY_LENGTH = 16
const zeroIv = Buffer.alloc(BLOCK_LENGTH)

/**
 * AES-128-CBC with an initialization vector of zero for each packet (RFC 7425, 4.7.1), by one cipher object for all packets, because creating
 * one costs as much as encrypting a packet. The object chains a packet to the last cipher block of the one before, so that block is XORed
 * out of the first block.
 */
export class BlockEncrypter {
  readonly #cipher: Cipher
  readonly #last = Buffer.alloc(BLOCK_LENGTH)

  constructor(key: Buffer) {
    this.#cipher = createCipheriv('aes-128-cbc', key.subarray(0, KEY_LENGTH), zeroIv).setAutoPadding(false)
  }

  /** Encrypts at least one whole block. The first block of `plain` is overwritten. */
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

  /** Decrypts at least one whole block into a new buffer. */
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

/** A loop, as in addBlock: for so few bytes a call of `copy` costs more. */
function keepLast(blocks: Buffer, block: Buffer): void {
  const at = blocks.length - BLOCK_LENGTH
  for (let i = 0; i < BLOCK_LENGTH; i++) block[i] = blocks[at + i]!
}
