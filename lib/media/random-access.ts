import type { Message } from '../message/message.ts'
import { isState } from './media-state.ts'
import { between } from './serial.ts'
import { isKeyframePayload, isVideo, videoTrackId } from './video-tag.ts'

/** Milliseconds without a message of the first video track, after which another track becomes the first. */
const SILENT_MS = 10_000

/**
 * Where the tracks of a stream can be started or resumed. Audio and data start at any message. Video starts at a random
 * access point: a keyframe. Until a stream has had a keyframe, its audio and data are random access points, even after
 * a video sequence header.
 *
 * With several video tracks (Enhanced RTMP v2, "Multitrack") the keyframes of the first one count, which players show
 * by default. FFmpeg 8 sends the keyframes of all tracks one after another (captures/ffmpeg8-publish-two-tracks): a
 * reader that started at the last of them would lack those of all others until the next.
 */
export class RandomAccess {
  /** The first video track: the one with the lowest id. */
  #first: number | undefined
  #heardAt = 0
  #hasVideo = false
  #isOpen: boolean

  /** @param isOpen whether video passes from the start, or only from its first random access point on */
  constructor(isOpen = false) {
    this.#isOpen = isOpen
  }

  /** Whether there has been a keyframe. */
  get hasVideo(): boolean {
    return this.#hasVideo
  }

  /** Whether video passes. */
  get isOpen(): boolean {
    return this.#isOpen
  }

  /** Closes video: it waits for its next random access point. */
  close(): void {
    this.#isOpen = false
  }

  /** Observes each message of the stream, in order; true for a random access point. */
  note(message: Message): boolean {
    if (!isVideo(message)) return !this.#hasVideo && !isState(message)
    const trackId = videoTrackId(message.payload)
    const isSilent = Math.abs(between(this.#heardAt, message.timestamp)) > SILENT_MS
    if (this.#first === undefined || trackId < this.#first || isSilent) this.#first = trackId
    if (trackId !== this.#first) return false
    this.#heardAt = message.timestamp
    if (!isKeyframePayload(message.payload)) return false
    this.#hasVideo = true
    this.#isOpen = true
    return true
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
    return this.#isOpen || !isVideo(message) || isState(message)
  }
}
