import { type Message, PINNED } from '../message/message.ts'

/** Bytes that views may pin beyond twice their own size. */
const MAX_IDLE = 1024 * 1024

/**
 * Keeps retained payloads from pinning much other memory. A payload may be a view of a read eight times as long
 * (`PINNED`), whose other bytes need not be kept: a publisher whose frames are an eighth of what it sends would hold
 * eight times what a ring counts. Once views pin a mebibyte beyond twice their own bytes, payloads are copied, until as
 * much has been kept that pins nothing.
 */
export class PinnedBytes {
  /** The memory of the last view. */
  #last: ArrayBufferLike | undefined
  #idle = 0

  /** The message to keep: the same one, or one with a copied payload. */
  keep(message: Message): Message {
    const { payload } = message
    const { buffer } = payload
    // not a view: it was copied into a block of Node's pool, shared with many others
    if (buffer.byteLength > PINNED * payload.length) return message
    if (this.#idle > MAX_IDLE) {
      this.#idle -= payload.length
      const copy = Buffer.allocUnsafeSlow(payload.length)
      payload.copy(copy)
      return { ...message, payload: copy }
    }
    if (this.#last !== buffer) this.#idle += buffer.byteLength
    this.#last = buffer
    this.#idle = Math.max(0, this.#idle - 2 * payload.length)
    return message
  }
}
