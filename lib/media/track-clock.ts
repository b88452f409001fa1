import { between, sum } from './serial.ts'
import type { TrackName } from './track.ts'

/** The assumed frame duration until two frames have shown it: 25 per second. */
const USUAL_FRAME_MS = 40
/** A longer distance between frames is a pause, and is not measured. */
const LONG_FRAME_MS = 1000
/** FFmpeg writes 31 bits of its clock, old devices 24: both restart at 0. */
const WRAPS = [2 ** 31, 2 ** 24]

/** Whether a change of the shift is the wrap of a source's clock. */
export const isWrap = (one: number, other: number): boolean => WRAPS.includes(sum(other, -one))

/** One track of a source: its clock, and the output, which is the clock plus the shift. */
export class TrackClock {
  readonly name: TrackName
  /** The timestamp of its last frame, as received and as output. */
  source: number
  out: number
  shift: number
  /** Milliseconds that it has advanced. */
  elapsed: number
  /** How far the whole stream had advanced at its last message. */
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

  /** The frame duration in milliseconds. */
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

  /** The shift before the last change, until it has advanced by `ms` since. */
  shiftBefore(ms: number): number | undefined {
    return this.elapsed - this.#turnedAt <= ms ? this.#shiftBefore : undefined
  }

  /** Its shifts if the timestamp were after a wrap of its source's clock. */
  wrapped(timestamp: number): number[] {
    return timestamp < this.source ? WRAPS.map(wrap => sum(this.shift, wrap)) : []
  }

  /**
   * Of the shifts that map the timestamp between `from` and `to` milliseconds after its last frame, the one that maps
   * it closest to `ms` after it.
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

  /** The shift that maps the timestamp a usual frame after its last one, or `ms` if that is longer. */
  closing(timestamp: number, ms: number, maxMs: number): number {
    return sum(this.out + Math.max(Math.min(this.#frameMs, maxMs), ms), -timestamp)
  }
}
