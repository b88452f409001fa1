import type { AmfObject, AmfValue } from '../amf/amf-value.ts'
import { type Message, MessageTypeId } from '../message/message.ts'
import { describedBy } from '../message/metadata.ts'
import { type AudioConfig, type CodecConfig, hdrOf, readCodecConfig, type VideoConfig } from './config/codec-config.ts'
import { isMetadata, isSequenceHeader } from './media-state.ts'
import { isAudio } from './tags/audio-tag.ts'
import { audioCodec, videoCodec } from './tags/codec.ts'
import { readColorInfo } from './tags/color-info.ts'
import { isKeyframePayload, isVideo } from './tags/video-tag.ts'

/** What `live.stats()` says of video. */
export interface VideoStats {
  /** The codec: see videoCodec. */
  readonly codec: string
  /** Pixels, by the stream itself (see readCodecConfig) or else the publisher's metadata; null if neither tells. */
  readonly width: number | null
  /** Pixels, as `width`. */
  readonly height: number | null
  /**
   * Frames a second, by the publisher's metadata or else the stream itself, which may tell the resolution of a clock;
   * null if neither tells.
   */
  readonly frameRate: number | null
  /** The profile by its name, such as `High`; null if the stream does not tell. */
  readonly profile: string | null
  /** The level, such as `4.1`; null if the stream does not tell. */
  readonly level: string | null
  /** `'PQ'` or `'HLG'` for HDR, by the stream itself or its colour metadata; null for others. */
  readonly hdr: 'PQ' | 'HLG' | null
  /** Frames, keyframes included, of all video tracks and all publishers so far. */
  readonly frames: number
  /** Keyframes of the first video track, of all publishers so far. */
  readonly keyframes: number
  /** Milliseconds, by timestamps, between the last two keyframes of the publisher; null before the second. */
  readonly keyframeIntervalMs: number | null
}

/** What `live.stats()` says of audio. */
export interface AudioStats {
  /** The codec: see audioCodec. */
  readonly codec: string
  /** Hertz, by the stream itself (see readCodecConfig) or else the publisher's metadata; null if neither tells. */
  readonly sampleRate: number | null
  /** Channels, by the stream itself or else the publisher's metadata; null if neither tells. */
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
  /** What frames say where sequence headers do not: the last keyframe, and the first sound; null for nothing. */
  #isToldByKeyframes = false
  #keyframe: VideoConfig | undefined
  #sound: AudioConfig | null | undefined
  /** What state says: it is read once. */
  readonly #configs = new WeakMap<Message, CodecConfig[]>()
  /** The metadata that was read last, and what it says. */
  #metadata: Message | undefined
  #described: AmfObject = {}

  /** Another publisher: its tracks are new, and the totals go on. */
  renew(): void {
    this.#video = undefined
    this.#audio = undefined
    this.#isToldByKeyframes = false
    this.#keyframe = undefined
    this.#sound = undefined
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
    for (const message of messages) {
      const { type, payload } = message
      if (type === MessageTypeId.Video) {
        this.#frames++
        if (this.#video === undefined) {
          this.#video = videoCodec(payload)
          this.#isToldByKeyframes = WITHOUT_SIZE.includes(this.#video)
        }
        if (this.#isToldByKeyframes && isKeyframePayload(payload)) this.#noteSize(message)
      } else if (type === MessageTypeId.Audio) {
        this.#audioMessages++
        this.#audio ??= audioCodec(payload)
        if (this.#sound === undefined && !isSequenceHeader(message))
          this.#sound = readCodecConfig(message).find(isAudioConfig) ?? null
      }
    }
    if (tells === undefined) return
    for (const { type } of tells) {
      if (type === MessageTypeId.Video) this.#frames--
      else if (type === MessageTypeId.Audio) this.#audioMessages--
    }
  }

  /** Of several tracks, the first. */
  #noteSize(message: Message): void {
    for (const config of readCodecConfig(message)) {
      if (config.kind === 'video' && config.trackId <= (this.#keyframe?.trackId ?? config.trackId))
        this.#keyframe = config
    }
  }

  /** Null while the publisher has sent none. `state` is that of the stream. */
  video(state: readonly Message[]): VideoStats | null {
    if (this.#video === undefined) return null
    const header = state.find(isVideo)
    const config = this.#first(state.filter(isVideo), isVideoConfig)
    const says: Partial<VideoConfig> = { ...this.#keyframe, ...defined(config) }
    const { width, height, framerate } = this.#properties(state)
    return {
      codec: config?.codec ?? (header && videoCodec(header.payload)) ?? this.#video,
      width: says.width ?? positive(width),
      height: says.height ?? positive(height),
      frameRate: positive(framerate) ?? says.frameRate ?? null,
      profile: says.profile ?? null,
      level: says.level ?? null,
      hdr: says.hdr ?? hdrBy(state) ?? null,
      frames: this.#frames,
      keyframes: this.#keyframes,
      keyframeIntervalMs: this.#keyframeIntervalMs
    }
  }

  /** Null while the publisher has sent none. `state` is that of the stream. */
  audio(state: readonly Message[]): AudioStats | null {
    if (this.#audio === undefined) return null
    const header = state.find(isAudio)
    const config = this.#first(state.filter(isAudio), isAudioConfig)
    const says = config ?? this.#sound
    const { audiosamplerate, audiochannels, stereo } = this.#properties(state)
    const said = positive(audiochannels) ?? (typeof stereo === 'boolean' ? Number(stereo) + 1 : null)
    return {
      codec: config?.codec ?? (header && audioCodec(header.payload)) ?? this.#audio,
      sampleRate: says?.sampleRate ?? positive(audiosamplerate),
      channels: says?.channels ?? said,
      messages: this.#audioMessages
    }
  }

  /** What the sequence headers say of the track with the lowest id. */
  #first<Config extends CodecConfig>(
    headers: readonly Message[],
    isWanted: (config: CodecConfig) => config is Config
  ): Config | undefined {
    let first: Config | undefined
    for (const header of headers) {
      const configs = this.#configs.get(header) ?? readCodecConfig(header)
      this.#configs.set(header, configs)
      for (const config of configs) if (isWanted(config) && !((first?.trackId ?? 256) <= config.trackId)) first = config
    }
    return first
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

/** The codecs whose sequence headers may lack the size. */
const WITHOUT_SIZE: readonly (string | undefined)[] = ['AV1', 'VP8', 'VP9']

/** By colorInfo of the first track that has it: some encoders send colours there, and none in the sequence header. */
function hdrBy(state: readonly Message[]): VideoConfig['hdr'] {
  const colors = state.filter(isVideo).flatMap(({ payload }) => readColorInfo(payload))
  const described = colors.find(({ colorInfo }) => colorInfo.colorConfig !== undefined)
  return hdrOf(described?.colorInfo.colorConfig?.transferCharacteristics)
}

const isVideoConfig = (config: CodecConfig): config is VideoConfig => config.kind === 'video'
const isAudioConfig = (config: CodecConfig): config is AudioConfig => config.kind === 'audio'

/** Without what is undefined. */
const defined = <Fields extends object>(fields: Fields | undefined): Partial<Fields> =>
  Object.fromEntries(Object.entries(fields ?? {}).filter(([, value]) => value !== undefined)) as Partial<Fields>
