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
   * Keyframes that its index holds at most, 18 bytes for each: 2048. An integer from 2 to 40,000. Where there are more, it
   * holds every second one, every fourth one, and so on.
   */
  maxKeyframes?: number
}

/** A place in a file behind a whole tag, and what is known there. */
export interface FlvMark extends FlvFacts {
  /** Bytes of the file up to here. */
  readonly byteLength: number
}

/** The values of so large an index are read again within `limits.amfNodes`. */
export const MAX_KEYFRAMES = 40_000
/** Bytes for properties that the publisher adds later; of nine each, so that the room which is left is filled with numbers alone. */
const ADDITIONS = 9 * 114
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

  /** What is written so far: a place at which the file may be ended. */
  get mark(): FlvMark {
    return { byteLength: this.#byteLength, ...this.#summary.facts }
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
   * What is to be written over other bytes now that the file ends, or behind them where it has no tags. Where its end was cut off,
   * `mark` is the place.
   */
  end(mark?: FlvMark): FlvPatch[] {
    this.#begin()
    const { byteLength, ...facts } = mark ?? this.mark
    return this.#summary.patches(this.#room!, byteLength, facts)!
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
