import { MAX_VLU_LENGTH } from '../wire/vlu.ts'
import { checksum } from './checksum.ts'
import { BLOCK_LENGTH, BlockDecrypter } from './packet-blocks.ts'
import { PacketHmac } from './packet-hmac.ts'
import { checkHmacLength, type PacketProtection } from './packet-protection.ts'
import { CHECKSUM_LENGTH } from './packet-sealer.ts'

/** The inverse of PacketSealer. A packet that does not verify has no effect. */
export class PacketOpener {
  readonly #protection: PacketProtection
  readonly #decrypter: BlockDecrypter
  readonly #hmac: PacketHmac | undefined
  /** The session sequence number of the packet opened last, which shows replays; 0 where packets have none. */
  sequence = 0

  /** @throws RangeError for an invalid HMAC length. */
  constructor(protection: PacketProtection) {
    checkHmacLength(protection.hmacLength)
    this.#protection = protection
    this.#decrypter = new BlockDecrypter(protection.key)
    if (protection.hmacLength > 0) this.#hmac = new PacketHmac(protection.hmacKey)
  }

  /** The packet, with its padding, in a new buffer; undefined if the encrypted packet does not verify. */
  open(encrypted: Buffer): Buffer | undefined {
    const { hmacLength, isSequenced } = this.#protection
    const length = encrypted.length - hmacLength
    if (length <= 0 || length % BLOCK_LENGTH !== 0) return undefined
    const blocks = encrypted.subarray(0, length)
    if (this.#hmac?.verifies(blocks, encrypted.subarray(length)) === false) return undefined
    const plain = this.#decrypter.decrypt(blocks)
    let start = isSequenced ? sequenceLength(plain) : 0
    if (hmacLength === 0) {
      start += CHECKSUM_LENGTH
      if (start > length || plain.readUInt16BE(start - CHECKSUM_LENGTH) !== checksum(plain, start)) return undefined
    }
    if (start >= length) return undefined
    const sequence = isSequenced ? readSequence(plain) : 0
    if (!Number.isSafeInteger(sequence)) return undefined
    this.sequence = sequence
    return plain.subarray(start)
  }
}

/** Bytes of the VLU at the start; more than the packet has if the VLU does not end in it. */
function sequenceLength(plain: Buffer): number {
  for (let i = 0; i < MAX_VLU_LENGTH; i++) if (plain[i]! < 0x80) return i + 1
  return Number.POSITIVE_INFINITY
}

/** By multiplication, because the numbers of a session may exceed 2^31. */
function readSequence(plain: Buffer): number {
  let sequence = 0
  for (let i = 0; ; i++) {
    sequence = sequence * 0x80 + (plain[i]! & 0x7f)
    if (plain[i]! < 0x80) return sequence
  }
}
