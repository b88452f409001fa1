import type { Message } from '../message/message.ts'
import { isState } from './media-state.ts'
import { between, isBefore, sum } from './serial.ts'
import { type TrackName, trackOf } from './track.ts'
import { isWrap, TrackClock } from './track-clock.ts'

/** A place where the timestamps of a track do not go on. */
export interface Repair {
  /**
   * `'wrap'`: the source's own clock of 31 or 24 bits began again at 0; `'jump'`: a step too far ahead; `'backward'`: any other
   * step back; `'source'`: another source goes on, as of a LiveStream another publisher.
   */
  readonly kind: 'wrap' | 'jump' | 'backward' | 'source'
  /** The track: `'audio'`, `'video'` or `'data'`. */
  readonly track: TrackName
  /** The timestamp ahead of it, as it came in; for a track or a source that begins, where the stream was. */
  readonly from: number
  /** The timestamp behind it, as it came in. */
  readonly to: number
  /** Milliseconds from one to the other, whichever is first, by serial number arithmetic: 0 to 2^31. */
  readonly ms: number
}

/** Data may begin so far behind the stream: half of what serial number arithmetic can tell. */
const MAX_BEHIND_MS = 2 ** 30

/**
 * Mends timestamps. Each track has a shift from its source to its output, and a jump is a change of it. A message that does not
 * go on is tried with the shifts there are: that of a track that has jumped already, which keeps them in sync, and that of
 * before the jump, for a message that comes late. Only if none fits is there a new one.
 */
export class TimestampMender {
  readonly #maxJumpMs: number
  readonly #tell: (repair: Repair) => void
  readonly #tracks = new Map<TrackName, TrackClock>()
  /** What came out last of each track, be it state or a moment: nothing of it comes out earlier. */
  readonly #floors = new Map<TrackName, number>()
  /** The track, audio or video, that the last moment was of. */
  #last: TrackClock | undefined
  /** Milliseconds that audio and video have gone on. */
  #elapsed = 0
  /** Where the next source goes on. */
  #resumeAt: number | undefined
  /** Milliseconds for which no message has come, by a clock of ours. */
  #waitedMs = 0

  constructor(maxJumpMs: number, tell: (repair: Repair) => void) {
    this.#maxJumpMs = maxJumpMs
    this.#tell = tell
  }

  /** The source is over. The next one goes on a usual frame behind the last moment, all its tracks by one shift. */
  interrupt(): void {
    const last = this.#last ?? this.#tracks.get('data')
    if (last === undefined) return
    const { frameMs } = this.#tracks.get('video') ?? last
    let newest = sum(last.out, this.#elapsed - last.elapsed)
    for (const floor of this.#floors.values()) if (isBefore(newest, floor)) newest = floor
    this.#resumeAt = sum(newest, Math.min(frameMs, this.#maxJumpMs))
    this.#tracks.clear()
    this.#last = undefined
    this.#elapsed = 0
  }

  /** @param waitedMs for which no message has come: where a jump is closed, the stream goes on by as much, `maxJumpMs` at most. */
  place(message: Message, waitedMs = 0): Message {
    const name = trackOf(message)
    if (name === undefined) return message
    this.#waitedMs = waitedMs
    const timestamp = isState(message)
      ? this.#placeState(name, message.timestamp)
      : this.#placeMoment(name, message.timestamp)
    return timestamp === message.timestamp ? message : { ...message, timestamp }
  }

  /** State tells no time: many encoders send it with 0 in mid-stream. */
  #placeState(name: TrackName, timestamp: number): number {
    if (this.#last === undefined) return this.#resumeAt ?? timestamp
    const { out, shift } = (name === 'data' ? undefined : this.#tracks.get(name)) ?? this.#last
    const ahead = between(out, sum(timestamp, shift))
    // 0 that lies ahead, where a clock is about to wrap, would hold up the moments that follow
    const fits = Math.abs(ahead) <= this.#maxJumpMs && (ahead <= 0 || timestamp !== 0)
    return this.#put(name, fits ? sum(timestamp, shift) : out)
  }

  #placeMoment(name: TrackName, timestamp: number): number {
    const track = this.#tracks.get(name) ?? this.#begin(name, timestamp)
    const step = between(track.source, timestamp)
    const goesOn = !this.#isFar(step) && !isBefore(sum(timestamp, track.shift), track.out)
    if (!goesOn) this.#turn(track, timestamp, step)
    track.advance(timestamp, this.#put(name, sum(timestamp, track.shift)))
    if (name !== 'data') {
      this.#elapsed = Math.max(this.#elapsed, track.elapsed)
      this.#last = track
    }
    track.heardAt = this.#elapsed
    return track.out
  }

  #begin(name: TrackName, timestamp: number): TrackClock {
    const track = this.#last === undefined ? this.#beginAll(name, timestamp) : this.#join(name, timestamp, this.#last)
    this.#tracks.set(name, track)
    return track
  }

  #beginAll(name: TrackName, timestamp: number): TrackClock {
    // data that servers send ahead of audio and video, such as |RtmpSampleAccess, has 0 whatever the time is
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

  /** A track that begins far from where the stream is begins there; but data such as onPlayStatus has 0 at any time. */
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

  /** From half of a jump on: where one track's step is a jump, the other's may be a little shorter. */
  #isFar(step: number): boolean {
    return step < -this.#maxJumpMs || step > this.#maxJumpMs / 2
  }

  /** The track may not go on with its shift: finds the one it goes on with, and tells. */
  #turn(track: TrackClock, timestamp: number, step: number): void {
    const shift = this.#shiftFor(track, timestamp, this.#isFar(step) ? this.#elapsed - track.heardAt : 0)
    const isLate = shift === track.shiftBefore(this.#maxJumpMs)
    if (!isLate && (step < 0 || (this.#isFar(step) && shift !== track.shift))) {
      const kind = isWrap(track.shift, shift) ? 'wrap' : step < 0 ? 'backward' : 'jump'
      this.#tell({ kind, track: track.name, from: track.source, to: timestamp, ms: Math.abs(step) })
    }
    track.turn(shift)
  }

  /** @param pausedMs how far the others have gone on since the track was heard: there it should be. */
  #shiftFor(track: TrackClock, timestamp: number, pausedMs: number): number {
    const max = this.#maxJumpMs
    const behind = Math.max(0, this.#elapsed - track.elapsed)
    const floor = between(track.out, this.#floors.get(track.name) ?? track.out)
    return (
      track.fitting(timestamp, [track.shift, ...this.#shifts()], pausedMs, -max, behind + max) ??
      // half of it, so that the other track, whose frames are others, still fits
      track.fitting(timestamp, track.wrapped(timestamp), 0, -max / 2, max / 2) ??
      track.closing(timestamp, Math.max(pausedMs, floor, Math.min(this.#waitedMs, max)), max)
    )
  }

  /** The shifts there are, and those of before a turn that messages may still come from. */
  #shifts(): number[] {
    return [...this.#tracks.values()].flatMap(track => [track.shift, track.shiftBefore(this.#maxJumpMs) ?? track.shift])
  }

  /** Of the shifts there are, the one that takes the timestamp nearest to another. */
  #nearestShift(timestamp: number, other: number): number {
    const off = (shift: number) => Math.abs(between(other, sum(timestamp, shift)))
    return this.#shifts().reduce((one, two) => (off(two) < off(one) ? two : one))
  }

  #put(name: TrackName, timestamp: number): number {
    const floor = this.#floors.get(name)
    const out = floor !== undefined && isBefore(timestamp, floor) ? floor : timestamp
    this.#floors.set(name, out)
    return out
  }
}
