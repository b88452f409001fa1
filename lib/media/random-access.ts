import type { Message } from '../message/message.ts'
import { isState } from './media-state.ts'
import { between } from './serial.ts'
import { isKeyframePayload, isVideo, videoTrackId, videoTrackIds } from './tags/video-tag.ts'

/** Milliseconds without a message of the first video track, after which another track becomes the first. */
const SILENT_MS = 10_000

/**
 * Where the tracks of a stream can be started or resumed. Audio and data start at any message. Video starts at a random
 * access point: a keyframe. Until a stream has had a keyframe, its audio and data are random access points, even after
 * a video sequence header.
 *
 * With several video tracks (Enhanced RTMP v2, "Multitrack") the keyframes of the first one count, which players show
 * by default. FFmpeg 8 sends the keyframes of all tracks one after another (captures/ffmpeg8-publish-two-tracks): a
 * reader that started at the last of them would lack those of all others until the next. Another track passes from its
 * own next keyframe on. A stream may begin with that of another track, before any frame of the first: FFmpeg 8 sends
 * H.264 with B frames before AV1, and a reader that waited for AV1 would lack a group of pictures.
 */
export class RandomAccess {
  /** The first video track: the one with the lowest id. */
  #first: number | undefined
  #heardAt = 0
  /** Whether there has been a frame of it. */
  #hasFirst = false
  #hasVideo = false
  #isOpen: boolean
  #hasTracks = false
  /** The video tracks that have had a keyframe since video was opened; undefined for all. */
  #begun: Set<number> | undefined

  /** @param isOpen whether video passes from the start, or only from its first random access point on */
  constructor(isOpen = false) {
    this.#isOpen = isOpen
    this.#begun = isOpen ? undefined : new Set()
  }

  /** Whether there has been a keyframe. */
  get hasVideo(): boolean {
    return this.#hasVideo
  }

  /** Whether there have been several video tracks. */
  get hasTracks(): boolean {
    return this.#hasTracks
  }

  /** Whether all video passes, so that nothing of it needs to be asked about. */
  get isWhole(): boolean {
    return this.#isOpen && (this.#begun === undefined || !this.#hasTracks)
  }

  /** Whether video passes. */
  get isOpen(): boolean {
    return this.#isOpen
  }

  /** Closes video: it waits for its next random access point. */
  close(): void {
    this.#isOpen = false
    if (this.#begun === undefined) this.#begun = new Set()
    else this.#begun.clear()
  }

  /** Observes each message of the stream, in order; true for a random access point. */
  note(message: Message): boolean {
    if (!isVideo(message)) return !this.#hasVideo && !isState(message)
    const trackId = videoTrackId(message.payload)
    const isSilent = Math.abs(between(this.#heardAt, message.timestamp)) > SILENT_MS
    if (this.#first !== undefined && trackId !== this.#first) this.#hasTracks = true
    if (this.#first === undefined || trackId < this.#first || isSilent) this.#first = trackId
    const isFirst = trackId === this.#first
    if (isFirst) this.#heardAt = message.timestamp
    const begins = isFirst || !this.#hasFirst
    if (isFirst && !this.#hasFirst) this.#hasFirst = !isState(message)
    if (!isKeyframePayload(message.payload)) return false
    if (begins) {
      this.#hasVideo = true
      this.#isOpen = true
    }
    if (this.#isOpen && this.#begun !== undefined) {
      for (const id of videoTrackIds(message.payload)) this.#begun.add(id)
    }
    return begins
  }

  /**
   * Whether video is paused at this message: nothing of the first track for 10 s, as from a camera that is switched
   * off.
   */
  isPausedAt({ timestamp }: Message): boolean {
    return this.#hasVideo && between(this.#heardAt, timestamp) > SILENT_MS
  }

  /** Whether a reader receives the message, after `note`: everything but video that waits. State always passes. */
  passes(message: Message): boolean {
    if (!isVideo(message)) return true
    const isBegun = this.#begun === undefined || this.#begun.has(videoTrackId(message.payload))
    return (this.#isOpen && isBegun) || isState(message)
  }
}
