import type { Message } from '../message/message.ts'
import { isState } from './media-state.ts'
import { between } from './serial.ts'
import { isKeyframeTag, isVideo, readVideoTag } from './video-tag.ts'

/** Milliseconds without a message of the first track of video, after which another one is the first. */
const SILENT_MS = 10_000

/**
 * The law of where the tracks of one stream begin, for all who begin or go on in one. Audio and data begin at any message and wait
 * for nothing. Video begins at a random access point: a keyframe. Until a stream has had a keyframe, its audio and data are its
 * random access points, whatever a sequence header has promised.
 *
 * Of several tracks of video (Enhanced RTMP v2, "Multitrack") the keyframes of the first count, which players show unless told.
 * FFmpeg 8 sends the keyframes of all tracks one behind the other (captures/ffmpeg8-publish-two-tracks): a reader that began at
 * the last of them would lack those of all others until the next.
 */
export class RandomAccess {
  /** The first track of video: that with the lowest id. */
  #first: number | undefined
  #heardAt = 0
  #hasVideo = false
  #isOpen: boolean

  /** @param isOpen whether video passes from the start on, or only from its first random access point. */
  constructor(isOpen = false) {
    this.#isOpen = isOpen
  }

  /** Whether a keyframe has come. */
  get hasVideo(): boolean {
    return this.#hasVideo
  }

  /** Whether video passes. */
  get isOpen(): boolean {
    return this.#isOpen
  }

  /** Video has lost something, or is not wanted: it waits for its next random access point. */
  close(): void {
    this.#isOpen = false
  }

  /** Looks at each message of the stream, in order; true for a random access point. */
  note(message: Message): boolean {
    if (!isVideo(message)) return !this.#hasVideo && !isState(message)
    const tag = readVideoTag(message.payload)
    const trackId = tag?.trackId ?? 0
    const isSilent = Math.abs(between(this.#heardAt, message.timestamp)) > SILENT_MS
    if (this.#first === undefined || trackId < this.#first || isSilent) this.#first = trackId
    if (trackId !== this.#first) return false
    this.#heardAt = message.timestamp
    if (tag === undefined || !isKeyframeTag(tag)) return false
    this.#hasVideo = true
    this.#isOpen = true
    return true
  }

  /** Whether video has paused where the message is: nothing of the first track for 10 s, as of a camera that is switched off. */
  isPausedAt({ timestamp }: Message): boolean {
    return this.#hasVideo && between(this.#heardAt, timestamp) > SILENT_MS
  }

  /** Whether a reader is given the message, which has been noted: all but video that waits. State passes at all times. */
  passes(message: Message): boolean {
    return this.#isOpen || !isVideo(message) || isState(message)
  }
}
