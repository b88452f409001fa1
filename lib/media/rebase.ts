import type { Message } from '../message/message.ts'
import { isState } from './media-state.ts'
import { between, isBefore, sum } from './serial.ts'
import { trackOf } from './track.ts'

/** Moves a stream so that its first audio or video comes out at 0, and what lies a little ahead of it, and its state, too. */
export class Rebase {
  readonly #littleMs: number
  #first: number | undefined
  /** Whether the first is audio or video, and not the data that servers send ahead of them. */
  #isKnown = false
  /** Until 2^31 has come out: from then on 0 lies ahead. */
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
