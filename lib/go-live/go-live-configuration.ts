import {
  amount,
  anyObject,
  type Check,
  type Fields,
  filledText,
  isObject,
  listOf,
  objectOf,
  oneOf,
  optional,
  text,
  whole,
  wrongField
} from './fields.ts'
import { GoLiveError } from './go-live-error.ts'
import { frameRate, type GoLiveFrameRate, pixels } from './go-live-request.ts'

/** A status that the encoder shows to its user. */
export interface GoLiveStatus {
  /** `error` ends the attempt. With `warning` the user is asked whether to continue; without a video track, that is without multitrack video. */
  readonly result: 'success' | 'warning' | 'error'
  /** The text, in HTML. */
  readonly html_en_us?: string | null
}

/** Where to publish. */
export interface GoLiveEndpoint {
  /** `RTMP` or `RTMPS`; encoders ignore others. */
  readonly protocol: string
  /** `rtmp://host/app/{stream_key}?query`. OBS appends the query to the stream key. */
  readonly url_template: string
  /** The stream key to publish with, in place of the user's. OBS replaces its query by that of the user's key. */
  readonly authentication?: string | null
}

/** A video track: an encoder and its settings. */
export interface GoLiveVideo {
  /** The encoder, by its id in OBS: `obs_x264`, `obs_nvenc_h264_tex`, `obs_qsv11_v2`, `h264_texture_amf`, ... */
  readonly type: string
  /** Pixels. */
  readonly width: number
  /** Pixels. */
  readonly height: number
  /** The frame rate. OBS uses the nearest whole fraction of the frame rate of the canvas; that of the canvas unless given. */
  readonly framerate?: GoLiveFrameRate | null
  /** How to scale: `OBS_SCALE_BICUBIC` unless given. */
  readonly gpu_scale_type?:
    | 'OBS_SCALE_DISABLE'
    | 'OBS_SCALE_POINT'
    | 'OBS_SCALE_BICUBIC'
    | 'OBS_SCALE_BILINEAR'
    | 'OBS_SCALE_LANCZOS'
    | 'OBS_SCALE_AREA'
    | null
  /** The colour space: `VIDEO_CS_709` unless given. */
  readonly colorspace?:
    | 'VIDEO_CS_DEFAULT'
    | 'VIDEO_CS_601'
    | 'VIDEO_CS_709'
    | 'VIDEO_CS_SRGB'
    | 'VIDEO_CS_2100_PQ'
    | 'VIDEO_CS_2100_HLG'
    | null
  /** The range of values: `VIDEO_RANGE_PARTIAL` unless given. */
  readonly range?: 'VIDEO_RANGE_DEFAULT' | 'VIDEO_RANGE_PARTIAL' | 'VIDEO_RANGE_FULL' | null
  /** The pixel format: `VIDEO_FORMAT_NV12` unless given. */
  readonly format?:
    | 'VIDEO_FORMAT_NONE'
    | 'VIDEO_FORMAT_I420'
    | 'VIDEO_FORMAT_NV12'
    | 'VIDEO_FORMAT_BGRA'
    | 'VIDEO_FORMAT_I444'
    | 'VIDEO_FORMAT_I010'
    | 'VIDEO_FORMAT_P010'
    | 'VIDEO_FORMAT_P216'
    | 'VIDEO_FORMAT_P416'
    | null
  /** Settings of the encoder, as OBS names them; `bitrate` is in kilobits per second. */
  readonly settings: Readonly<Record<string, unknown>>
  /** The index of its canvas: 0 unless given. */
  readonly canvas_index?: number | null
}

/** An audio track. */
export interface GoLiveAudio {
  /** `aac`. */
  readonly codec: string
  /** The id of the track. */
  readonly track_id: number
  /** Channels, at most 8. OBS refuses to start if its own setting differs. */
  readonly channels: number
  /** Settings of the encoder; `bitrate` is in kilobits per second. */
  readonly settings: Readonly<Record<string, unknown>>
}

/** The audio tracks of a configuration. */
export interface GoLiveAudioTracks {
  /** For viewers. */
  readonly live: readonly GoLiveAudio[]
  /** For recordings. OBS requires them if the request has `vod_track_audio`. */
  readonly vod?: readonly GoLiveAudio[] | null
}

/** What is offered to encoders: where to publish, and tracks, the best first. */
export interface GoLiveLadder {
  /** Where to publish; OBS uses the first that fits its setting. */
  readonly ingest_endpoints: readonly GoLiveEndpoint[]
  /** The video tracks, in the order of their track ids. */
  readonly encoder_configurations: readonly GoLiveVideo[]
  /** The audio tracks. */
  readonly audio_configurations: GoLiveAudioTracks
}

/** The answer to a GoLiveRequest. Names are those of its JSON. */
export interface GoLiveConfiguration extends GoLiveLadder {
  /** Identifies the answer. OBS publishes `config_id` as the field `clientConfigId` in the query of its stream key. */
  readonly meta: GoLiveMeta
  /** Absent if there is nothing to show. */
  readonly status?: GoLiveStatus | null
}

/** Identifies a GoLiveConfiguration. */
export interface GoLiveMeta {
  /** The service that answers. */
  readonly service: string
  /** The version of this JSON. */
  readonly schema_version: string
  /** The id of this answer. */
  readonly config_id: string
}

const MAX_TRACKS = 64
const MAX_ENDPOINTS = 64

/** `bitrate` is the only setting that is read here. */
const settings: Check<Readonly<Record<string, unknown>>> = (value, field) => {
  anyObject(value, field)
  optional(amount)((value as { bitrate?: unknown }).bitrate, `${field}.bitrate`)
}

const video = objectOf<GoLiveVideo>({
  type: filledText,
  width: pixels,
  height: pixels,
  framerate: optional(frameRate),
  gpu_scale_type: optional(
    oneOf(
      'OBS_SCALE_DISABLE',
      'OBS_SCALE_POINT',
      'OBS_SCALE_BICUBIC',
      'OBS_SCALE_BILINEAR',
      'OBS_SCALE_LANCZOS',
      'OBS_SCALE_AREA'
    )
  ),
  colorspace: optional(
    oneOf('VIDEO_CS_DEFAULT', 'VIDEO_CS_601', 'VIDEO_CS_709', 'VIDEO_CS_SRGB', 'VIDEO_CS_2100_PQ', 'VIDEO_CS_2100_HLG')
  ),
  range: optional(oneOf('VIDEO_RANGE_DEFAULT', 'VIDEO_RANGE_PARTIAL', 'VIDEO_RANGE_FULL')),
  format: optional(
    oneOf(
      'VIDEO_FORMAT_NONE',
      'VIDEO_FORMAT_I420',
      'VIDEO_FORMAT_NV12',
      'VIDEO_FORMAT_BGRA',
      'VIDEO_FORMAT_I444',
      'VIDEO_FORMAT_I010',
      'VIDEO_FORMAT_P010',
      'VIDEO_FORMAT_P216',
      'VIDEO_FORMAT_P416'
    )
  ),
  settings,
  canvas_index: optional(whole())
})

const audio = objectOf<GoLiveAudio>({ codec: filledText, track_id: whole(0, 255), channels: whole(1, 8), settings })

const endpoint: Fields<GoLiveEndpoint> = {
  protocol: filledText,
  url_template: filledText,
  authentication: optional(text)
}

const status = objectOf<GoLiveStatus>({
  result: oneOf('success', 'warning', 'error'),
  html_en_us: optional(text)
})

const tracks: Omit<Fields<GoLiveLadder>, 'ingest_endpoints'> = {
  encoder_configurations: listOf(video, 1, MAX_TRACKS),
  audio_configurations: objectOf<GoLiveAudioTracks>({
    live: listOf(audio, 1, MAX_TRACKS),
    vod: optional(listOf(audio, 1, MAX_TRACKS))
  })
}

const configuration = objectOf<GoLiveConfiguration>({
  meta: objectOf<GoLiveMeta>({ service: text, schema_version: text, config_id: text }),
  status: optional(status),
  ingest_endpoints: listOf(objectOf<GoLiveEndpoint>(endpoint), 1, MAX_ENDPOINTS),
  ...tracks
})

const TEMPLATE = /^rtmps?:\/\/[^/?#]+\/[^?#{}]+\/\{stream_key\}(\?.*)?$/

/** An endpoint of your own must have the form in which OBS finds the app and the key. */
const ownEndpoint = objectOf<GoLiveEndpoint>({
  protocol: oneOf('RTMP', 'RTMPS'),
  url_template(value, field) {
    text(value, field)
    if (!TEMPLATE.test(value as string)) throw wrongField(field, 'must be of the form rtmp://host/app/{stream_key}')
  },
  authentication: optional((value, field) => {
    text(value, field)
    if ((value as string).includes('?'))
      throw wrongField(field, 'must have no query, which OBS replaces: put it into url_template')
  })
})

const ladder = objectOf<GoLiveLadder>({ ingest_endpoints: listOf(ownEndpoint, 1, MAX_ENDPOINTS), ...tracks })

/**
 * Checks a ladder of your own, such as one from a file.
 * @throws GoLiveError, `ERR_RTMP_GO_LIVE_FIELD`.
 *
 * @example
 * ```ts
 * const ladder = readGoLiveLadder(JSON.parse(readFileSync('ladder.json', 'utf8')))
 * ```
 */
export function readGoLiveLadder(json: unknown): GoLiveLadder {
  ladder(json, '')
  return json as GoLiveLadder
}

/**
 * Reads the JSON of an answer, as `JSON.parse` gives it.
 * @throws GoLiveError: `ERR_RTMP_GO_LIVE_REFUSED` for one with the status `error`, or `warning` and no video track;
 * `ERR_RTMP_GO_LIVE_FIELD` for a field that is missing or invalid.
 *
 * @example
 * ```ts
 * const { encoder_configurations } = readGoLiveConfiguration(JSON.parse(readFileSync('answer.json', 'utf8')))
 * ```
 */
export function readGoLiveConfiguration(json: unknown): GoLiveConfiguration {
  const given = isObject(json) ? json : {}
  optional(status)(given.status, 'status')
  const { result, html_en_us: html } = (given.status ?? {}) as Partial<GoLiveStatus>
  // OBS too treats a warning without a track as a refusal
  const isRefused = result === 'error' || (result === 'warning' && isBare(given.encoder_configurations))
  if (isRefused) throw new GoLiveError('ERR_RTMP_GO_LIVE_REFUSED', { detail: html || 'without a reason' })
  configuration(json, '')
  return json as GoLiveConfiguration
}

const isBare = (tracks: unknown): boolean => !Array.isArray(tracks) || tracks.length === 0
