import type { Message } from '../message/message.ts'
import { isState } from './media-state.ts'
import { between, isBefore, sum } from './serial.ts'
import { type TrackName, trackKey, trackOf } from './track.ts'
import { isWrap, TrackClock } from './track-clock.ts'

/** A discontinuity of the timestamps of a track. */
export interface Repair {
  /**
   * `'wrap'`: the source's clock of 31 or 24 bits restarted at 0; `'jump'`: too long a step ahead; `'backward'`: any
   * other step back; `'source'`: another source continues, such as the next publisher of a LiveStream.
   */
  readonly kind: 'wrap' | 'jump' | 'backward' | 'source'
  /** The track: `'audio'`, `'video'` or `'data'`. */
  readonly track: TrackName
  /** The timestamp before it, as received; for a track or a source that starts, the position of the stream. */
  readonly from: number
  /** The timestamp after it, as received. */
  readonly to: number
  /** Milliseconds between the two, by serial number arithmetic: 0 to 2^31. */
  readonly ms: number
}

/** How far behind the stream data may start: half of the range of serial number arithmetic. */
const MAX_BEHIND_MS = 2 ** 30

/**
 * Repairs timestamps. Each track has a shift from input to output; a jump changes it. A message that is not continuous
 * is tried with the known shifts: that of a track that has jumped already, which keeps tracks in sync, and the one
 * before the jump, for a late message. Only if none fits is there a new one.
 */
export class TimestampMender {
  readonly #maxJumpMs: number
  readonly #tell: (repair: Repair) => void
  /** By trackKey: one of several audio or video tracks may be behind the others. */
  readonly #tracks = new Map<number, TrackClock>()
  /** The last output timestamp of each track, state included: later output of the track is not below it. */
  readonly #floors = new Map<number, number>()
  /** The track, audio or video, of the last frame. */
  #last: TrackClock | undefined
  /** Milliseconds that audio and video have advanced. */
  #elapsed = 0
  /** The timestamp at which the next source continues. */
  #resumeAt: number | undefined
  /** Milliseconds without a message, by a clock of this side. */
  #waitedMs = 0

  constructor(maxJumpMs: number, tell: (repair: Repair) => void) {
    this.#maxJumpMs = maxJumpMs
    this.#tell = tell
  }

  /** The source has ended. The next one continues a usual frame after the last one, all its tracks by one shift. */
  interrupt(): void {
    const tracks = [...this.#tracks.values()]
    const last = this.#last ?? tracks.at(-1)
    if (last === undefined) return
    const { frameMs } = tracks.find(({ name }) => name === 'video') ?? last
    let newest = sum(last.out, this.#elapsed - last.elapsed)
    for (const floor of this.#floors.values()) if (isBefore(newest, floor)) newest = floor
    this.#resumeAt = sum(newest, Math.min(frameMs, this.#maxJumpMs))
    this.#tracks.clear()
    this.#last = undefined
    this.#elapsed = 0
  }

  /**
   * @param waitedMs milliseconds without a message: where a jump is closed, the stream advances by them, `maxJumpMs` at
   *   most
   */
  place(message: Message, waitedMs = 0): Message {
    const name = trackOf(message)
    if (name === undefined) return message
    this.#waitedMs = waitedMs
    const key = trackKey(message)
    const timestamp = isState(message)
      ? this.#placeState(name, key, message.timestamp)
      : this.#placeMoment(name, key, message.timestamp)
    return timestamp === message.timestamp ? message : { ...message, timestamp }
  }

  /** The timestamp of state has no meaning: many encoders send 0 in mid-stream. */
  #placeState(name: TrackName, key: number, timestamp: number): number {
    if (this.#last === undefined) return this.#resumeAt ?? timestamp
    const { out, shift } = (name === 'data' ? undefined : this.#tracks.get(key)) ?? this.#last
    const ahead = between(out, sum(timestamp, shift))
    // a 0 that lies ahead, shortly before a wrap, would hold back the frames that follow
    const fits = Math.abs(ahead) <= this.#maxJumpMs && (ahead <= 0 || timestamp !== 0)
    return this.#put(key, fits ? sum(timestamp, shift) : out)
  }

  #placeMoment(name: TrackName, key: number, timestamp: number): number {
    const track = this.#tracks.get(key) ?? this.#begin(name, key, timestamp)
    const step = between(track.source, timestamp)
    const goesOn = !this.#isFar(step) && !isBefore(sum(timestamp, track.shift), track.out)
    if (!goesOn) this.#turn(track, key, timestamp, step)
    track.advance(timestamp, this.#put(key, sum(timestamp, track.shift)))
    if (name !== 'data') {
      this.#elapsed = Math.max(this.#elapsed, track.elapsed)
      this.#last = track
    }
    track.heardAt = this.#elapsed
    return track.out
  }

  #begin(name: TrackName, key: number, timestamp: number): TrackClock {
    const track = this.#last === undefined ? this.#beginAll(name, timestamp) : this.#join(name, timestamp, this.#last)
    this.#tracks.set(key, track)
    return track
  }

  #beginAll(name: TrackName, timestamp: number): TrackClock {
    // data that servers send before audio and video, such as |RtmpSampleAccess, always has timestamp 0
    this.#tracks.clear()
    const out = this.#resumeAt
    if (out === undefined) {
      this.#floors.clear()
      return new TrackClock(name, timestamp, timestamp, 0, 0)
    }
    if (name !== 'data') {
      this.#resumeAt = undefined
      this.#tell({ kind: 'source', track: name, from: out, to: timestamp, ms: Math.abs(between(out, timestamp)) })
    }
    return new TrackClock(name, timestamp, out, sum(out, -timestamp), 0)
  }

  /**
   * A track that starts far from the position of the stream is moved there; but data such as onPlayStatus has 0 at any
   * time.
   */
  #join(name: TrackName, timestamp: number, last: TrackClock): TrackClock {
    const newest = sum(last.out, this.#elapsed - last.elapsed)
    const shift = this.#nearestShift(timestamp, newest)
    const placed = sum(timestamp, shift)
    const ahead = between(newest, placed)
    const isFar = ahead > this.#maxJumpMs || ahead < (name === 'data' ? -MAX_BEHIND_MS : -this.#maxJumpMs)
    const moved = isFar ? -ahead : 0
    if (isFar) {
      const kind = ahead > 0 ? 'jump' : 'backward'
      this.#tell({ kind, track: name, from: sum(timestamp, moved), to: timestamp, ms: Math.abs(ahead) })
    }
    const out = sum(placed, moved)
    return new TrackClock(name, timestamp, out, sum(shift, moved), last.elapsed + between(last.out, out))
  }

  /** From half a jump on: if one track's step is a jump, the other's may be slightly shorter. */
  #isFar(step: number): boolean {
    return step < -this.#maxJumpMs || step > this.#maxJumpMs / 2
  }

  /** The track cannot continue with its shift: finds another, and reports it. */
  #turn(track: TrackClock, key: number, timestamp: number, step: number): void {
    const shift = this.#shiftFor(track, key, timestamp, this.#isFar(step) ? this.#elapsed - track.heardAt : 0)
    const isLate = shift === track.shiftBefore(this.#maxJumpMs)
    if (!isLate && (step < 0 || (this.#isFar(step) && shift !== track.shift))) {
      const kind = isWrap(track.shift, shift) ? 'wrap' : step < 0 ? 'backward' : 'jump'
      this.#tell({ kind, track: track.name, from: track.source, to: timestamp, ms: Math.abs(step) })
    }
    track.turn(shift)
  }

  /** @param pausedMs how far the other tracks have advanced since this one: its expected position */
  #shiftFor(track: TrackClock, key: number, timestamp: number, pausedMs: number): number {
    const max = this.#maxJumpMs
    const behind = Math.max(0, this.#elapsed - track.elapsed)
    const floor = between(track.out, this.#floors.get(key) ?? track.out)
    return (
      track.fitting(timestamp, [track.shift, ...this.#shifts()], pausedMs, -max, behind + max) ??
      // half of it, so that the other track, whose frames have other times, still fits
      track.fitting(timestamp, track.wrapped(timestamp), 0, -max / 2, max / 2) ??
      track.closing(timestamp, Math.max(pausedMs, floor, Math.min(this.#waitedMs, max)), max)
    )
  }

  /** The current shifts, and those before a jump that late messages may still need. */
  #shifts(): number[] {
    return [...this.#tracks.values()].flatMap(track => [track.shift, track.shiftBefore(this.#maxJumpMs) ?? track.shift])
  }

  /** The current shift that maps the timestamp closest to another. */
  #nearestShift(timestamp: number, other: number): number {
    const off = (shift: number) => Math.abs(between(other, sum(timestamp, shift)))
    return this.#shifts().reduce((one, two) => (off(two) < off(one) ? two : one))
  }

  #put(key: number, timestamp: number): number {
    const floor = this.#floors.get(key)
    const out = floor !== undefined && isBefore(timestamp, floor) ? floor : timestamp
    this.#floors.set(key, out)
    return out
  }
}
