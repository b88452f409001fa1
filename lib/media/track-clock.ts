import { between, sum } from './serial.ts'
import type { TrackName } from './track.ts'

/** What a frame takes until two of them have shown it: 25 a second. */
const USUAL_FRAME_MS = 40
/** Longer than this from one frame to the next is a pause, and nothing to measure by. */
const LONG_FRAME_MS = 1000
/** FFmpeg writes 31 bits of its clock, old devices 24: both begin again at 0. */
const WRAPS = [2 ** 31, 2 ** 24]

/** Whether a change of the shift is what a source's own wrap makes of it. */
export const isWrap = (one: number, other: number): boolean => WRAPS.includes(sum(other, -one))

/** One track of a source: where its clock is, and where that comes out, which is the sum of it and the shift. */
export class TrackClock {
  readonly name: TrackName
  /** The timestamp of its last moment, as it came in and as it came out. */
  source: number
  out: number
  shift: number
  /** Milliseconds that it has gone on. */
  elapsed: number
  /** How far the whole stream had gone on when it was heard last. */
  heardAt: number
  #shiftBefore: number | undefined
  #turnedAt = 0
  #frameMs = USUAL_FRAME_MS

  constructor(name: TrackName, source: number, out: number, shift: number, elapsed: number) {
    this.name = name
    this.source = source
    this.out = out
    this.shift = shift
    this.elapsed = elapsed
    this.heardAt = elapsed
  }

  /** Milliseconds that a frame takes. */
  get frameMs(): number {
    return this.#frameMs
  }

  advance(source: number, out: number): void {
    const ms = between(this.source, source)
    if (ms > 0 && ms < LONG_FRAME_MS) this.#frameMs = ms
    this.elapsed += between(this.out, out)
    this.source = source
    this.out = out
  }

  turn(shift: number): void {
    if (shift === this.shift) return
    this.#shiftBefore = this.shift
    this.shift = shift
    this.#turnedAt = this.elapsed
  }

  /** The shift before the last turn, until it has gone on for `ms` since. */
  shiftBefore(ms: number): number | undefined {
    return this.elapsed - this.#turnedAt <= ms ? this.#shiftBefore : undefined
  }

  /** The shifts it would have if the timestamp were behind a wrap of its source's clock. */
  wrapped(timestamp: number): number[] {
    return timestamp < this.source ? WRAPS.map(wrap => sum(this.shift, wrap)) : []
  }

  /**
   * Of the shifts that take the timestamp at least `from` and at most `to` milliseconds behind its last moment, the one that
   * takes it nearest to `ms` behind it.
   */
  fitting(timestamp: number, shifts: readonly number[], ms: number, from: number, to: number): number | undefined {
    let nearest: number | undefined
    let least = Number.POSITIVE_INFINITY
    for (const shift of shifts) {
      const ahead = between(this.out, sum(timestamp, shift))
      const off = Math.abs(ahead - ms)
      if (ahead < from || ahead > to || off >= least) continue
      nearest = shift
      least = off
    }
    return nearest
  }

  /** The shift that takes the timestamp a usual frame behind its last moment, or `ms` if that is longer. */
  closing(timestamp: number, ms: number, maxMs: number): number {
    return sum(this.out + Math.max(Math.min(this.#frameMs, maxMs), ms), -timestamp)
  }
}
