import { bodyLength, FLV_TAG_HEADER_LENGTH, isTagType, looksLikeTag, PREVIOUS_TAG_SIZE_LENGTH } from './flv-tag.ts'

export const NO_TAG = -1

/**
 * Finds out whether a tag lies at a place of some bytes: whether what follows it confirms its end. That is the
 * PreviousTagSize; or, as some programs write wrong sizes, the headers of the next two tags, or of the next one where
 * the last size was wrong already; or the end of the file.
 */
export class FlvTagCheck {
  readonly #maxLength: number
  /** Bytes that the last call lacked; 0 if it lacked none. */
  wanted = 0
  /** Whether no more bytes will come. */
  isLast = false
  /** Whether a tag may lie anywhere: then it must look like one, and the end of the file confirms nothing. */
  isSearching = false
  /** Whether the last PreviousTagSize was wrong. */
  areSizesWrong = false

  /** @param maxLength bytes of a body at most */
  constructor(maxLength: number) {
    this.#maxLength = maxLength
  }

  /** Bytes of the body of the tag at `at`; NO_TAG if there is none, undefined if that depends on bytes to come. */
  lengthAt(bytes: Buffer, at: number): number | undefined {
    if (!this.has(bytes, at + FLV_TAG_HEADER_LENGTH)) return undefined
    const isTag = this.isSearching ? this.#isPlausible(bytes, at) : isTagType(bytes[at]!)
    const length = bodyLength(bytes, at)
    if (!isTag || length > this.#maxLength) return NO_TAG
    const end = at + FLV_TAG_HEADER_LENGTH + length
    if (!this.has(bytes, end)) return undefined
    const isConfirmed = this.endsAt(bytes, end, FLV_TAG_HEADER_LENGTH + length)
    return isConfirmed === false ? NO_TAG : isConfirmed && length
  }

  /** Whether a tag of `size` bytes ends at `end`; undefined if that depends on bytes to come. */
  endsAt(bytes: Buffer, end: number, size: number): boolean | undefined {
    const next = end + PREVIOUS_TAG_SIZE_LENGTH
    if (!this.has(bytes, next))
      return this.#endConfirms(isCutSize(bytes, end, size) && !this.#hasWithin(bytes, end, size))
    if (bytes.readUInt32BE(end) === size) return true
    if (this.#hasWithin(bytes, next, size)) return false
    if (!this.has(bytes, next + FLV_TAG_HEADER_LENGTH))
      return this.#endConfirms(this.areSizesWrong || bytes.length === next)
    if (!this.#isPlausible(bytes, next)) return false
    return this.areSizesWrong || this.#isFollowed(bytes, next)
  }

  /** Whether `bytes` has this many; else they are what is wanted. */
  has({ length }: Buffer, wanted: number): boolean {
    this.wanted = length < wanted ? wanted : 0
    return length >= wanted
  }

  /** Whether the size after the tag at `at` is right, or another tag follows. */
  #isFollowed(bytes: Buffer, at: number): boolean | undefined {
    const end = at + FLV_TAG_HEADER_LENGTH + bodyLength(bytes, at)
    const next = end + PREVIOUS_TAG_SIZE_LENGTH
    if (!this.has(bytes, next)) return this.#endConfirms(false)
    if (bytes.readUInt32BE(end) === end - at) return true
    if (!this.has(bytes, next + FLV_TAG_HEADER_LENGTH)) return this.#endConfirms(bytes.length === next)
    return this.#isPlausible(bytes, next)
  }

  #endConfirms(isThere: boolean): boolean | undefined {
    return this.isLast ? isThere && !this.isSearching : undefined
  }

  /** Whether another tag ends at `end`: a damaged tag may reach over whole ones, to the end of the last of them. */
  #hasWithin(bytes: Buffer, end: number, size: number): boolean {
    if (size < FLV_TAG_HEADER_LENGTH + PREVIOUS_TAG_SIZE_LENGTH) return false
    const found = bytes.readUInt32BE(end - PREVIOUS_TAG_SIZE_LENGTH)
    const at = end - PREVIOUS_TAG_SIZE_LENGTH - found
    if (found < FLV_TAG_HEADER_LENGTH || found >= size || !this.#isPlausible(bytes, at)) return false
    return bodyLength(bytes, at) === found - FLV_TAG_HEADER_LENGTH
  }

  #isPlausible(bytes: Buffer, at: number): boolean {
    return looksLikeTag(bytes, at, this.#maxLength)
  }
}

/** Whether the bytes from `end` on, three at most, are the first ones of a PreviousTagSize. */
function isCutSize(bytes: Buffer, end: number, size: number): boolean {
  const there = bytes.length - end
  return there === 0 || bytes.readUIntBE(end, there) === size >>> (8 * (PREVIOUS_TAG_SIZE_LENGTH - there))
}
