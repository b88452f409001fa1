import { vluLength } from '../wire/vlu.ts'
import { checksum } from './checksum.ts'
import { BLOCK_LENGTH, BlockEncrypter } from './packet-blocks.ts'
import { PacketHmac } from './packet-hmac.ts'
import { checkHmacLength, type PacketProtection } from './packet-protection.ts'

/** Bytes of the checksum inside a packet that has no HMAC. */
export const CHECKSUM_LENGTH = 2
const PADDING = 0xff
/** Enough for a packet that fits any path; the buffer grows for longer ones. */
const SCRATCH_LENGTH = 1536

/** Encrypts packets of one direction of a session, or of startup (RFC 7425, 4.7). */
export class PacketSealer {
  readonly #protection: PacketProtection
  readonly #encrypter: BlockEncrypter
  readonly #hmac: PacketHmac | undefined
  /** The buffer in which each plain packet is assembled. */
  #scratch = Buffer.allocUnsafeSlow(SCRATCH_LENGTH)
  /** The session sequence number of the next packet, where packets have one (RFC 7425, 4.7.3.3). */
  sequence = 0

  /** @throws RangeError for an invalid HMAC length. */
  constructor(protection: PacketProtection) {
    checkHmacLength(protection.hmacLength)
    this.#protection = protection
    this.#encrypter = new BlockEncrypter(protection.key)
    if (protection.hmacLength > 0) this.#hmac = new PacketHmac(protection.hmacKey)
  }

  /**
   * The encrypted packet, after `headroom` bytes that the caller fills with the scrambled session id.
   * @throws RangeError if the packet is empty.
   */
  seal(packet: Buffer, headroom = 0): Buffer {
    const { hmacLength } = this.#protection
    const blocks = this.#encrypter.encrypt(this.#plain(packet))
    const sealed = Buffer.allocUnsafe(headroom + blocks.length + hmacLength)
    sealed.set(blocks, headroom)
    this.#hmac?.write(blocks, sealed, headroom + blocks.length, hmacLength)
    return sealed
  }

  #plain(packet: Buffer): Buffer {
    if (packet.length === 0) throw new RangeError('packet must not be empty')
    const { hmacLength, isSequenced } = this.#protection
    const checksumAt = isSequenced ? vluLength(this.sequence) : 0
    const start = hmacLength > 0 ? checksumAt : checksumAt + CHECKSUM_LENGTH
    const end = start + packet.length
    const plain = this.#room(Math.ceil(end / BLOCK_LENGTH) * BLOCK_LENGTH)
    if (isSequenced) writeSequence(this.sequence++, plain, checksumAt)
    plain.set(packet, start)
    plain.fill(PADDING, end)
    if (start > checksumAt) plain.writeUInt16BE(checksum(plain, start), checksumAt)
    return plain
  }

  #room(length: number): Buffer {
    if (length > this.#scratch.length) this.#scratch = Buffer.allocUnsafeSlow(length)
    return this.#scratch.subarray(0, length)
  }
}

/** Writes a VLU from its end; by division, because the numbers of a session may exceed 2^31. */
function writeSequence(sequence: number, bytes: Buffer, end: number): void {
  let rest = sequence
  for (let at = end - 1; at >= 0; at--) {
    bytes[at] = (rest % 0x80) | (at === end - 1 ? 0 : 0x80)
    rest = Math.floor(rest / 0x80)
  }
}
