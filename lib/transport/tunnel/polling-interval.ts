/** What FMS asks for: the next longer one after each ten replies with nothing in them. */
const INTERVALS = [0x01, 0x03, 0x05, 0x09, 0x11, 0x21] as const
const EMPTY_REPLIES = 10

/** Of a unit no document tells; with this one 0x21 is the half second that FMS is known for. */
const UNIT_MS = 16
const LEAST_MS = 10
const MOST_MS = 500

/** The first byte of each reply, in which a server says how soon to poll again: soon behind data, later while there is none. */
export class PollingInterval {
  #empty = 0

  /** The byte for a reply that has something in it, or nothing. */
  next(isEmpty: boolean): number {
    this.#empty = isEmpty ? this.#empty + 1 : 0
    return INTERVALS[Math.min(Math.floor(this.#empty / EMPTY_REPLIES), INTERVALS.length - 1)]!
  }
}

/** Milliseconds until the next poll that a server's byte asks for, within reason. */
export const pollingMs = (interval: number): number => Math.min(Math.max(interval * UNIT_MS, LEAST_MS), MOST_MS)
