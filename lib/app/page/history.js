// The last five minutes of a stream: its totals, second by second, as rates.

/** @import { ReaderReport, StreamReport } from '../../api/types.ts' */

/** Samples that are kept: one a second. */
export const LENGTH = 300
/** Milliseconds that a number in text is an average of: longer than the interval of most keyframes. */
const AVERAGE_MS = 4000
/** Milliseconds between two reports that make a rate. */
const LEAST_MS = 250
/** Milliseconds without a message after which a stream that is published counts as stalled. */
const STALL_MS = 2500

/** @typedef {'live' | 'stalled' | 'waiting' | 'ended'} State */

/**
 * @typedef {object} Sample
 * @property {number} time seconds since 1970, as charts count
 * @property {number | null} bitsIn a second
 * @property {number | null} frames a second
 * @property {number | null} drops a second, of all causes
 * @property {number} lagMs of the slowest reader
 * @property {number | null} bufferMs what this page's own player holds ahead; null if it does not play
 */

/** @param {StreamReport['drops']} drops */
export const dropsOf = ({ input, lag, overflow, keyframe }) => input + lag + overflow + keyframe

/** @param {ReaderReport} reader */
export const lostBy = ({ drops: { lag, overflow, keyframe } }) => lag + overflow + keyframe

export class History {
  /** @type {Sample[]} */
  samples = []
  /** @type {StreamReport} */
  report
  /** Reports of the last seconds, to average over. @type {StreamReport[]} */
  #recent
  #movedAt
  #endedAt = 0
  /** When each reader has last missed something, by its id, on the clock of the stream. @type {Map<string, number>} */
  #missedAt = new Map()

  /** @param {StreamReport} report */
  constructor(report) {
    this.report = report
    this.#recent = [report]
    this.#movedAt = report.uptimeMs
  }

  /**
   * @param {StreamReport} report
   * @param {number | null} bufferMs
   */
  add(report, bufferMs) {
    const last = this.report
    const ms = report.uptimeMs - last.uptimeMs
    this.#endedAt = 0
    // another stream of this name: its totals begin anew
    if (ms < 0 || report.bytesIn < last.bytesIn) {
      this.#recent = []
      this.#movedAt = report.uptimeMs
      this.#missedAt.clear()
    }
    if (report.messagesIn !== last.messagesIn || !last.isPublished) this.#movedAt = report.uptimeMs
    this.#noteReaders(report)
    this.report = report
    if (ms >= 0 && report.uptimeMs - (this.#recent.at(-1)?.uptimeMs ?? 0) < LEAST_MS) return
    const rate = between(this.#recent.at(-1), report)
    const lagMs = Math.max(0, ...report.readers.map(reader => reader.lagMs))
    this.samples.push({ time: Date.now() / 1000, ...rate, lagMs, bufferMs })
    if (this.samples.length > LENGTH) this.samples.shift()
    this.#recent.push(report)
    while (report.uptimeMs - (this.#recent[0]?.uptimeMs ?? 0) > AVERAGE_MS && this.#recent.length > 2)
      this.#recent.shift()
  }

  /** @param {StreamReport} report */
  #noteReaders(report) {
    const before = new Map(this.report.readers.map(reader => [reader.id, lostBy(reader)]))
    for (const reader of report.readers)
      if (lostBy(reader) > (before.get(reader.id) ?? lostBy(reader))) this.#missedAt.set(reader.id, report.uptimeMs)
  }

  /** It is no longer there. */
  end() {
    if (this.#endedAt !== 0) return
    this.#endedAt = Date.now()
    const { ring } = this.report
    const none = { readers: [], readerCount: 0, ring: { ...ring, bytes: 0, messages: 0, ms: 0 } }
    this.report = { ...this.report, isPublished: false, ...none }
  }

  get endedMs() {
    return this.#endedAt === 0 ? 0 : Date.now() - this.#endedAt
  }

  /** Milliseconds since its last message. */
  get silentMs() {
    return this.report.uptimeMs - this.#movedAt
  }

  /** @returns {State} */
  get state() {
    // one that was asked for and never was there waits
    if (this.#endedAt !== 0 && this.report.uptimeMs > 0) return 'ended'
    if (!this.report.isPublished) return 'waiting'
    return this.silentMs > STALL_MS ? 'stalled' : 'live'
  }

  /** Averages of the last seconds. */
  get rate() {
    return between(this.#recent[0], this.report)
  }

  /**
   * Bits a second that a reader was sent in the last seconds.
   * @param {ReaderReport} reader
   */
  sentTo(reader) {
    for (const report of this.#recent) {
      const before = report.readers.find(({ id }) => id === reader.id)
      if (before && before !== reader) {
        const ms = this.report.uptimeMs - report.uptimeMs
        if (ms > 0) return ((reader.bytesOut - before.bytesOut) * 8000) / ms
      }
    }
    return null
  }

  /**
   * Whether a reader is behind by much of what it may be, or has missed something within ten seconds.
   * @param {ReaderReport} reader
   */
  isSlow({ id, lagMs, maxLagMs }) {
    return (
      lagMs > (maxLagMs ?? Number.POSITIVE_INFINITY) / 3 ||
      this.report.uptimeMs - (this.#missedAt.get(id) ?? Number.NEGATIVE_INFINITY) < 10_000
    )
  }
}

/**
 * @param {StreamReport | undefined} from
 * @param {StreamReport} to
 * @returns {Pick<Sample, 'bitsIn' | 'frames' | 'drops'> & { bitsOut: number | null }}
 */
function between(from, to) {
  const ms = from === undefined ? 0 : to.uptimeMs - from.uptimeMs
  if (from === undefined || ms <= 0) return { bitsIn: null, bitsOut: null, frames: null, drops: null }
  const grown = (/** @type {number} */ after, /** @type {number} */ before) => (Math.max(0, after - before) * 1000) / ms
  return {
    bitsIn: grown(to.bytesIn, from.bytesIn) * 8,
    bitsOut: grown(to.bytesOut, from.bytesOut) * 8,
    frames: to.video === null ? null : grown(to.video.frames, from.video?.frames ?? 0),
    drops: grown(dropsOf(to.drops), dropsOf(from.drops))
  }
}
