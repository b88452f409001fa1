import { isDataNamed, unwrapped } from '../message/data.ts'
import type { Message } from '../message/message.ts'
import { inAmf0 } from '../message/metadata.ts'
import { paddedMetadataBody } from './flv-metadata.ts'
import { type FlvFacts, type FlvPatch, FlvSummary, metadataTag } from './flv-summary.ts'
import { flvHeader, flvTag } from './flv-tag.ts'
import { BOTH, isTag, tracksOf } from './flv-writer.ts'

/** Options of FlvRecording. */
export interface FlvRecordingOptions {
  /**
   * The number of keyframes in its index, 18 bytes each: 2048. An integer from 2 to 40,000. If there are more, it holds
   * every second one, every fourth one, and so on.
   */
  maxKeyframes?: number
}

/** A position in a file after a complete tag, and what is known there. */
export interface FlvMark extends FlvFacts {
  /** Bytes of the file up to here. */
  readonly byteLength: number
}

/** An index of this size can be decoded within `limits.amfNodes`. */
export const MAX_KEYFRAMES = 40_000
/**
 * Space for properties that the publisher adds later, in units of nine bytes, so that the rest can be filled with
 * numbers alone.
 */
const ADDITIONS = 9 * 114
/** Messages from a server to its player, with timestamps of their own: FFmpeg makes a track of them. */
const SERVER_WORDS = ['|RtmpSampleAccess', 'onStatus']

/**
 * An FLV file with its own metadata. Its first tag is an onMetaData at 0, with reserved space for values that only a
 * finished file has: `end()` writes the duration (seconds), the size (bytes), the tracks and the index of keyframes
 * (`keyframes: { times, filepositions }`, seconds and bytes), with which FFmpeg, mpv, flv.js and others seek. Until
 * then, and if its writer was killed, the file is playable up to its last tag.
 *
 * File properties in the publisher's metadata are removed. Its last metadata before the first tag counts; later
 * additions are added at the end, if there is space. Timestamps are written unchanged: put
 * `timestampRepair({ rebase: true })` before it.
 *
 * @example
 * ```ts
 * const recording = new FlvRecording()
 * const file = Buffer.concat(messages.flatMap(message => recording.write(message)))
 * // what is known at the end goes into the room at its front
 * for (const { position, bytes } of recording.end()) bytes.copy(file, position)
 * ```
 */
export class FlvRecording {
  readonly #summary: FlvSummary
  readonly #maxKeyframes: number
  #byteLength = 0
  /** Bytes of the body of its metadata, once written. */
  #room: number | undefined

  /** @throws RangeError for a number of keyframes out of range. */
  constructor({ maxKeyframes = 2048 }: FlvRecordingOptions = {}) {
    if (!Number.isInteger(maxKeyframes) || maxKeyframes < 2 || maxKeyframes > MAX_KEYFRAMES)
      throw new RangeError(`maxKeyframes must be an integer from 2 to ${MAX_KEYFRAMES}, not ${maxKeyframes}`)
    this.#maxKeyframes = maxKeyframes
    this.#summary = new FlvSummary(maxKeyframes)
  }

  /** The current position: the file may end there. */
  get mark(): FlvMark {
    return { byteLength: this.#byteLength, ...this.#summary.facts }
  }

  /** The bytes to append for `message`: complete tags; none for a message that does not belong in a file. */
  write(message: Message): Buffer[] {
    if (!isTag(message)) return []
    const tag = inAmf0(unwrapped(message))
    if (this.#summary.describe(tag) || SERVER_WORDS.some(name => isDataNamed(tag, name))) return []
    const head = this.#begin()
    this.#summary.note(tag, this.#byteLength)
    return [...head, this.#counted(flvTag(tag))]
  }

  /**
   * The bytes to write over others at the end of the file, or after them if it has no tags. If the end of the file was
   * cut, `mark` is its new end.
   */
  end(mark?: FlvMark): FlvPatch[] {
    this.#begin()
    const { byteLength, ...facts } = mark ?? this.mark
    return this.#summary.patches(this.#room!, byteLength, facts)!
  }

  /** The header and the metadata, once, with what is known so far. */
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
