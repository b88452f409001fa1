import type { Message } from '../message/message.ts'
import { isAudio } from './audio-tag.ts'
import { between } from './serial.ts'
import { isKeyframeTag, isVideo, readVideoTag } from './video-tag.ts'

/** Milliseconds without a message of the first track, after which another one is the first. */
const SILENT_MS = 10_000

/**
 * Knows the places to begin of one stream: its keyframes, or without video all its audio. Of several tracks of video (Enhanced RTMP
 * v2, "Multitrack") those of the first, which players show unless told. FFmpeg 8 sends the keyframes of all tracks one behind
 * the other (captures/ffmpeg8-publish-two-tracks): who began at the last of them would lack those of all others until the next.
 */
export class Entrances {
  /** The first track of video: that with the lowest id. */
  #first: number | undefined
  #heardAt = 0

  get hasVideo(): boolean {
    return this.#first !== undefined
  }

  /** Looks at each message of the stream, in turn; whether it is a place to begin, unless it is state. */
  note(message: Message): boolean {
    if (!isVideo(message)) return !this.hasVideo && isAudio(message)
    const tag = readVideoTag(message.payload)
    const trackId = tag?.trackId ?? 0
    const isSilent = Math.abs(between(this.#heardAt, message.timestamp)) > SILENT_MS
    if (this.#first === undefined || trackId < this.#first || isSilent) this.#first = trackId
    if (trackId !== this.#first) return false
    this.#heardAt = message.timestamp
    return tag !== undefined && isKeyframeTag(tag)
  }
}
