import { type Message, PINNED } from '../message/message.ts'

/** Bytes that views may pin beyond twice their own. */
const MAX_IDLE = 1024 * 1024

/**
 * Sees to it that what is kept pins little else. A payload may be a view of a read eight times as long (`PINNED`), and what
 * else came in that read need not be kept: so a publisher whose frames are an eighth of what it sends would hold eight times
 * what a ring counts. Once views pin a mebibyte beyond twice their own bytes payloads are copied, until as much has been kept that
 * pins nothing.
 */
export class PinnedBytes {
  /** The memory that the last view lies in. */
  #last: ArrayBufferLike | undefined
  #idle = 0

  /** The message to keep: this one, or one with a copy of its payload. */
  keep(message: Message): Message {
    const { payload } = message
    const { buffer } = payload
    // no view: it was copied, into a block of Node's pool that it shares with many others
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
