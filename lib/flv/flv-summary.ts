import type { AmfObject } from '../amf/amf-value.ts'
import { isSequenceHeader } from '../media/media-state.ts'
import { RandomAccess } from '../media/random-access.ts'
import { type Message, MessageTypeId } from '../message/message.ts'
import { describedBy } from '../message/metadata.ts'
import { FlvIndex, indexRoom } from './flv-index.ts'
import { paddedMetadataBody, roomFor } from './flv-metadata.ts'
import { FLV_HEADER_LENGTH, type FlvTracks, flvHeader, flvTag, PREVIOUS_TAG_SIZE_LENGTH } from './flv-tag.ts'

/** Bytes that replace others. */
export interface FlvPatch {
  /** Bytes from the beginning of the file. */
  readonly position: number
  /** The replacement. */
  readonly bytes: Buffer
}

/** The properties of a file that ends at a position. */
export interface FlvFacts {
  /** Milliseconds: the highest timestamp of audio and video. */
  readonly durationMs: number
  /** The tracks in its header. */
  readonly tracks: FlvTracks
  /** Whether it contains audio or video, not only sequence headers. */
  readonly hasFrames: boolean
}

/** The position of the first tag, which in a recording of this library is its metadata. */
export const METADATA_POSITION: number = FLV_HEADER_LENGTH + PREVIOUS_TAG_SIZE_LENGTH

/**
 * The self-description of a file from its tags: tracks, duration, size and keyframes; and the metadata of its
 * publisher.
 */
export class FlvSummary {
  readonly #index: FlvIndex
  readonly #tracks = { audio: false, video: false }
  /** Of several video tracks the keyframes of the first are indexed: players show it. */
  readonly #access = new RandomAccess()
  #durationMs = 0
  #hasFrames = false
  #hasTags = false
  /** The metadata before the first tag, and what later metadata adds. */
  #described: AmfObject = {}
  #added: AmfObject = {}

  constructor(maxKeyframes: number) {
    this.#index = new FlvIndex(maxKeyframes)
  }

  /** The properties so far. */
  get facts(): FlvFacts {
    return { durationMs: this.#durationMs, tracks: { ...this.#tracks }, hasFrames: this.#hasFrames }
  }

  get keyframes(): number {
    return this.#index.length
  }

  /** The publisher's metadata before the first tag. */
  get described(): AmfObject {
    return this.#described
  }

  /** Records metadata; false for any other message. */
  describe(message: Message): boolean {
    const described = describedBy(message)
    if (described === undefined) return false
    if (this.#hasTags) this.#added = { ...this.#added, ...described }
    else this.#described = described
    return true
  }

  /** Records a tag at byte `position`. */
  note(message: Message, position: number): void {
    const { type, timestamp } = message
    this.#hasTags = true
    if (type === MessageTypeId.Audio) this.#tracks.audio = true
    else if (type === MessageTypeId.Video) this.#tracks.video = true
    else return
    this.#hasFrames ||= isFrame(message)
    this.#durationMs = Math.max(this.#durationMs, timestamp)
    if (this.#access.note(message) && type === MessageTypeId.Video) this.#index.note(timestamp, position)
  }

  /**
   * The bytes to write over the header, and over metadata with a body of `room` bytes, in a file that ends at
   * `byteLength` with these facts. If the index does not fit, every second keyframe is dropped; undefined if nothing
   * fits.
   */
  patches(room: number, byteLength: number, facts: FlvFacts = this.facts): FlvPatch[] | undefined {
    for (let index = this.#index.before(byteLength); ; index = index.thinned()) {
      for (const described of [{ ...this.#added, ...this.#described }, this.#described]) {
        const own = properties(byteLength, facts, index)
        // its own properties come first, and count
        const body = paddedMetadataBody({ ...own, ...described, ...own }, room)
        if (body === undefined) continue
        return [
          { position: 0, bytes: flvHeader(facts.tracks) },
          { position: METADATA_POSITION, bytes: metadataTag(body) }
        ]
      }
      if (index.length < 2) return undefined
    }
  }

  /** Bytes of the metadata body with an index of this many keyframes. */
  room(keyframes: number): number {
    const own = properties(0, this.facts, new FlvIndex(0))
    return roomFor({ ...this.#added, ...this.#described, ...own }) + indexRoom(keyframes)
  }
}

/** Whether the message is audio or video, not a sequence header. */
export const isFrame = (message: Message): boolean =>
  (message.type === MessageTypeId.Audio || message.type === MessageTypeId.Video) && !isSequenceHeader(message)

/** FFmpeg warns of an index of less than two keyframes. */
function properties(byteLength: number, { durationMs, tracks }: FlvFacts, index: FlvIndex): AmfObject {
  return {
    duration: durationMs / 1000,
    filesize: byteLength,
    hasAudio: tracks.audio,
    hasVideo: tracks.video,
    hasKeyframes: index.length > 1,
    ...(index.length > 1 && { keyframes: index.properties() })
  }
}

/** A tag of metadata, at 0. */
export const metadataTag = (payload: Buffer): Buffer =>
  flvTag({ type: MessageTypeId.DataAmf0, messageStreamId: 0, timestamp: 0, payload })
