import type { Message } from '../message/message.ts'
import { isState } from './media-state.ts'
import { between, isBefore, sum } from './serial.ts'
import { trackOf } from './track.ts'

/**
 * Shifts a stream so that its first audio or video has timestamp 0, and with it the messages shortly before, and its
 * state.
 */
export class Rebase {
  readonly #littleMs: number
  #first: number | undefined
  /** Whether the first message is audio or video, not the data that servers send before them. */
  #isKnown = false
  /** Until the output reaches 2^31: from then on 0 lies ahead. */
  #isYoung = true

  constructor(littleMs: number) {
    this.#littleMs = littleMs
  }

  place(message: Message): Message {
    const track = trackOf(message)
    if (track === undefined) return message
    const isMoment = !isState(message)
    if (isMoment && !this.#isKnown) {
      this.#isKnown = track !== 'data'
      if (this.#isKnown) this.#first = message.timestamp
      else this.#first ??= message.timestamp
    }
    const timestamp = this.#moved(message.timestamp, isMoment && track !== 'data')
    if (isBefore(timestamp, 0)) this.#isYoung = false
    return timestamp === message.timestamp ? message : { ...message, timestamp }
  }

  #moved(timestamp: number, isFrame: boolean): number {
    if (this.#first === undefined) return 0
    const moved = sum(timestamp, -this.#first)
    const early = this.#isYoung ? between(moved, 0) : 0
    return early > 0 && (!isFrame || early <= this.#littleMs) ? 0 : moved
  }
}
