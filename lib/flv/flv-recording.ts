import { isDataNamed, unwrapped } from '../message/data.ts'
import type { Message } from '../message/message.ts'
import { inAmf0 } from '../message/metadata.ts'
import { paddedMetadataBody } from './flv-metadata.ts'
import { type FlvPatch, FlvSummary, metadataTag } from './flv-summary.ts'
import { flvHeader, flvTag } from './flv-tag.ts'
import { BOTH, isTag, tracksOf } from './flv-writer.ts'

export interface FlvRecordingOptions {
  /**
   * Keyframes that its index holds at most, 18 bytes for each: 2048. An integer from 2 to 300,000. Where there are more, it
   * holds every second one, every fourth one, and so on.
   */
  maxKeyframes?: number
}

/** With as many, and metadata of `limits.messageBytes`, the tag is just below the 16 MiB that it can say. */
const MAX_KEYFRAMES = 300_000
/** Bytes for properties that the publisher adds later. */
const ADDITIONS = 1024
/** Words of a server to its player, at a time of their own: FFmpeg makes a track of them. */
const SERVER_WORDS = ['|RtmpSampleAccess', 'onStatus']

/**
 * An FLV file with metadata of its own. Its first tag is an onMetaData at 0, with room for what only a finished file knows: `end()`
 * fills it in place with the duration (seconds), the size (bytes), the tracks there are and the index of keyframes
 * (`keyframes: { times, filepositions }`, seconds and bytes), by which FFmpeg, mpv, flv.js and others seek. Until then, and for
 * ever where its writer was killed, it is a file that plays up to its last tag.
 *
 * What the publisher's metadata says of a file is left out. Its last metadata ahead of the first tag counts; what it adds later is
 * added at the end, where there is room. Timestamps are written as they are: let `timestampRepair({ rebase: true })` come first.
 */
export class FlvRecording {
  readonly #summary: FlvSummary
  readonly #maxKeyframes: number
  #byteLength = 0
  /** Bytes of the body of its metadata, once that is written. */
  #room: number | undefined

  /** @throws RangeError for a number of keyframes out of range. */
  constructor({ maxKeyframes = 2048 }: FlvRecordingOptions = {}) {
    if (!Number.isInteger(maxKeyframes) || maxKeyframes < 2 || maxKeyframes > MAX_KEYFRAMES)
      throw new RangeError(`maxKeyframes must be an integer from 2 to ${MAX_KEYFRAMES}, not ${maxKeyframes}`)
    this.#maxKeyframes = maxKeyframes
    this.#summary = new FlvSummary(maxKeyframes)
  }

  /** Bytes written so far. */
  get byteLength(): number {
    return this.#byteLength
  }

  /** Milliseconds: the highest timestamp of audio and video. */
  get durationMs(): number {
    return this.#summary.durationMs
  }

  /** Whether there was any audio or video, and not only sequence headers. */
  get hasFrames(): boolean {
    return this.#summary.hasFrames
  }

  /** The bytes to append for `message`: whole tags, none for what has no place in a file. */
  write(message: Message): Buffer[] {
    if (!isTag(message)) return []
    const tag = inAmf0(unwrapped(message))
    if (this.#summary.describe(tag) || SERVER_WORDS.some(name => isDataNamed(tag, name))) return []
    const head = this.#begin()
    this.#summary.note(tag, this.#byteLength)
    return [...head, this.#counted(flvTag(tag))]
  }

  /**
   * What is to be written over other bytes, or behind them in a file without tags, now that the file ends: at byte `byteLength`, where its
   * end was cut off.
   */
  end(byteLength?: number): FlvPatch[] {
    this.#begin()
    return this.#summary.patches(this.#room!, byteLength ?? this.#byteLength)!
  }

  /** The header and the metadata, once, with what is known by now. */
  #begin(): Buffer[] {
    if (this.#room !== undefined) return []
    const { described } = this.#summary
    this.#room = this.#summary.room(this.#maxKeyframes) + ADDITIONS
    const body = paddedMetadataBody(described, this.#room)!
    return [flvHeader(tracksOf(described) ?? BOTH), metadataTag(body)].map(bytes => this.#counted(bytes))
  }

  #counted(bytes: Buffer): Buffer {
    this.#byteLength += bytes.length
    return bytes
  }
}
