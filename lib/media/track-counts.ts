import type { AmfObject, AmfValue } from '../amf/amf-value.ts'
import { type Message, MessageTypeId } from '../message/message.ts'
import { describedBy } from '../message/metadata.ts'
import { aacFormat } from './audio-config.ts'
import { isAudio } from './audio-tag.ts'
import { audioCodec, videoCodec } from './codec.ts'
import { isMetadata } from './media-state.ts'
import { isVideo } from './video-tag.ts'

/** What `live.stats()` says of video. */
export interface VideoStats {
  /** The codec: see videoCodec. */
  readonly codec: string
  /** Pixels, by the publisher's metadata; null if it sent none. */
  readonly width: number | null
  /** Pixels, by the publisher's metadata; null if it sent none. */
  readonly height: number | null
  /** Frames, keyframes included, of all publishers so far. */
  readonly frames: number
  /** Keyframes, of all publishers so far. */
  readonly keyframes: number
  /** Milliseconds, by timestamps, between the last two keyframes of the publisher; null before the second. */
  readonly keyframeIntervalMs: number | null
}

/** What `live.stats()` says of audio. */
export interface AudioStats {
  /** The codec: see audioCodec. */
  readonly codec: string
  /** Hertz, by the sequence header of AAC or the publisher's metadata; null if neither tells. */
  readonly sampleRate: number | null
  /** Channels, by the sequence header of AAC or the publisher's metadata; null if neither tells. */
  readonly channels: number | null
  /** Messages without sequence headers, of all publishers so far. */
  readonly messages: number
}

/** The numbers of a stream's audio and video. It counts by batches, and reads what the state says when it is asked. */
export class TrackCounts {
  #frames = 0
  #keyframes = 0
  #keyframeAt: number | undefined
  #keyframeIntervalMs: number | null = null
  #audioMessages = 0
  /** The codecs of the first messages: some have no sequence header. */
  #video: string | undefined
  #audio: string | undefined
  /** The metadata that was read last, and what it says. */
  #metadata: Message | undefined
  #described: AmfObject = {}

  /** Another publisher: its tracks are new, and the totals go on. */
  renew(): void {
    this.#video = undefined
    this.#audio = undefined
    this.#keyframeAt = undefined
    this.#keyframeIntervalMs = null
  }

  /** A keyframe, at this position of the stream. */
  noteKeyframe(timestamp: number): void {
    this.#keyframes++
    if (this.#keyframeAt !== undefined) this.#keyframeIntervalMs = (timestamp - this.#keyframeAt) | 0
    this.#keyframeAt = timestamp
  }

  /** Counts the messages of a batch; those of `tells` are state, and no frames. */
  note(messages: readonly Message[], tells: readonly Message[] | undefined): void {
    for (const { type, payload } of messages) {
      if (type === MessageTypeId.Video) {
        this.#frames++
        this.#video ??= videoCodec(payload)
      } else if (type === MessageTypeId.Audio) {
        this.#audioMessages++
        this.#audio ??= audioCodec(payload)
      }
    }
    if (tells === undefined) return
    for (const { type } of tells) {
      if (type === MessageTypeId.Video) this.#frames--
      else if (type === MessageTypeId.Audio) this.#audioMessages--
    }
  }

  /** Null while the publisher has sent none. `state` is that of the stream. */
  video(state: readonly Message[]): VideoStats | null {
    if (this.#video === undefined) return null
    const header = state.find(isVideo)
    const { width, height } = this.#properties(state)
    return {
      codec: (header && videoCodec(header.payload)) ?? this.#video,
      width: positive(width),
      height: positive(height),
      frames: this.#frames,
      keyframes: this.#keyframes,
      keyframeIntervalMs: this.#keyframeIntervalMs
    }
  }

  /** Null while the publisher has sent none. `state` is that of the stream. */
  audio(state: readonly Message[]): AudioStats | null {
    if (this.#audio === undefined) return null
    const header = state.find(isAudio)
    const format = header && aacFormat(header.payload)
    const { audiosamplerate, audiochannels, stereo } = this.#properties(state)
    const said = positive(audiochannels) ?? (typeof stereo === 'boolean' ? Number(stereo) + 1 : null)
    return {
      codec: (header && audioCodec(header.payload)) ?? this.#audio,
      sampleRate: format?.sampleRate ?? positive(audiosamplerate),
      channels: format?.channels ?? said,
      messages: this.#audioMessages
    }
  }

  #properties(state: readonly Message[]): AmfObject {
    const metadata = state.find(isMetadata)
    if (metadata !== this.#metadata) this.#described = (metadata && describedBy(metadata)) ?? {}
    this.#metadata = metadata
    return this.#described
  }
}

/** A number of a peer; null for anything else. */
const positive = (value: AmfValue): number | null =>
  typeof value === 'number' && value > 0 && value < Number.POSITIVE_INFINITY ? value : null
