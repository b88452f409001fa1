/** The bytes FMS sends: the next longer interval after every ten empty replies. */
const INTERVALS = [0x01, 0x03, 0x05, 0x09, 0x11, 0x21] as const
const EMPTY_REPLIES = 10

/** No document names the unit; with this one 0x21 is the half second that FMS is known for. */
const UNIT_MS = 16
const LEAST_MS = 10
const MOST_MS = 500

/** The first byte of each reply, by which a server says when to poll again: soon after data, later after none. */
export class PollingInterval {
  #empty = 0

  /** The byte for a reply with or without data. */
  next(isEmpty: boolean): number {
    this.#empty = isEmpty ? this.#empty + 1 : 0
    return INTERVALS[Math.min(Math.floor(this.#empty / EMPTY_REPLIES), INTERVALS.length - 1)]!
  }
}

/** Milliseconds until the next poll, from a server's byte, within bounds. */
export const pollingMs = (interval: number): number => Math.min(Math.max(interval * UNIT_MS, LEAST_MS), MOST_MS)
