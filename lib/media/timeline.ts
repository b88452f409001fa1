import type { Message } from '../message/message.ts'
import { isBefore } from './serial.ts'
import { isVideo } from './video-tag.ts'

/** What a frame takes until two of them have shown it: 25 a second. */
const USUAL_FRAME_MS = 40

/**
 * One clock for all publishers of a stream. One that comes after another goes on a frame behind where that one ended, whatever
 * its own timestamps say, and nothing of it comes out earlier.
 */
export class Timeline {
  #shift: number | undefined = 0
  /** Nothing comes out earlier than this. */
  #floor: number | undefined
  #last: number | undefined
  #lastVideo: number | undefined
  #frameMs = USUAL_FRAME_MS

  /** The publisher has gone. */
  interrupt(): void {
    if (this.#last === undefined) return
    this.#shift = undefined
    this.#lastVideo = undefined
    this.#floor = (this.#last + this.#frameMs) >>> 0
  }

  place(message: Message): Message {
    this.#shift ??= (this.#floor! - message.timestamp) >>> 0
    let timestamp = (message.timestamp + this.#shift) >>> 0
    if (this.#floor !== undefined && isBefore(timestamp, this.#floor)) timestamp = this.#floor
    if (this.#last === undefined || isBefore(this.#last, timestamp)) this.#last = timestamp
    if (isVideo(message)) this.#measure(timestamp)
    return timestamp === message.timestamp ? message : { ...message, timestamp }
  }

  #measure(timestamp: number): void {
    const ms = this.#lastVideo === undefined ? 0 : (timestamp - this.#lastVideo) | 0
    if (ms > 0 && ms < 1000) this.#frameMs = ms
    this.#lastVideo = timestamp
  }
}
