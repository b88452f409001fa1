import {
  amount,
  type Check,
  type Fields,
  filledText,
  flag,
  isObject,
  listOf,
  objectOf,
  optional,
  text,
  whole
} from './fields.ts'

/** Frames per second, as a fraction: 30000/1001. */
export interface GoLiveFrameRate {
  /** At least 1. */
  readonly numerator: number
  /** At least 1. */
  readonly denominator: number
}

/** A canvas of the encoder. OBS has one, and may have a second, such as a vertical one. Sizes are in pixels. */
export interface GoLiveCanvas {
  /** The width that the user has chosen for the output. */
  readonly width: number
  /** The height that the user has chosen for the output. */
  readonly height: number
  /** The width before scaling. */
  readonly canvas_width: number
  /** The height before scaling. */
  readonly canvas_height: number
  /** The frame rate of the canvas. */
  readonly framerate: GoLiveFrameRate
}

/** The program that sends the request. */
export interface GoLiveClient {
  /** `obs-studio`. */
  readonly name: string
  /** `32.2.1`. */
  readonly version: string
  /** The codecs it has encoders for: `h264`, `h265`, `av1`. OBS always sends them. */
  readonly supported_codecs?: readonly string[] | null
}

/** A graphics card. */
export interface GoLiveGpu {
  /** Its name. */
  readonly model: string
  /** The PCI id of its vendor: 0x10de is NVIDIA, 0x1002 AMD, 0x8086 Intel. */
  readonly vendor_id: number
  /** The PCI id of the card. */
  readonly device_id: number
  /** Bytes. */
  readonly dedicated_video_memory: number
  /** Bytes. */
  readonly shared_system_memory: number
  /** The version of its driver. */
  readonly driver_version?: string | null
}

/** The machine of the encoder. */
export interface GoLiveCapabilities {
  /** The processor: its cores, its speed in MHz, and its name. */
  readonly cpu: {
    /** Physical cores. */
    readonly physical_cores: number
    /** Logical cores. */
    readonly logical_cores: number
    /** MHz. */
    readonly speed?: number | null
    /** Its name. */
    readonly name?: string | null
  }
  /** Bytes of memory. */
  readonly memory: {
    /** Bytes. */
    readonly total: number
    /** Bytes. */
    readonly free: number
  }
  /** The operating system; `name` is `Windows`, `macOS` or that of a distribution. */
  readonly system: {
    /** Its version. */
    readonly version: string
    /** Its name. */
    readonly name: string
    /** 32 or 64. */
    readonly bits: number
  }
  /** The graphics cards. `composition_gpu_index` is an index into this list. */
  readonly gpu?: readonly GoLiveGpu[] | null
}

/** The settings of the user of the encoder. */
export interface GoLivePreferences {
  /** The most kilobits per second of all tracks together. */
  readonly maximum_aggregate_bitrate?: number | null
  /** The most video tracks. */
  readonly maximum_video_tracks?: number | null
  /** Whether a second audio track, for recordings, is sent. */
  readonly vod_track_audio: boolean
  /** The graphics card that composes. */
  readonly composition_gpu_index?: number | null
  /** Hz. Since schema 2025-01-25. */
  readonly audio_samples_per_sec?: number | null
  /** Channels of audio. Since schema 2025-01-25. */
  readonly audio_channels?: number | null
  /** The canvases. A request of schema 2024-06-04 has the properties of its only canvas instead, which is read as a list of one. */
  readonly canvases: readonly GoLiveCanvas[]
}

/**
 * The request of an encoder for a configuration: GetClientConfiguration of Amazon IVS, as OBS sends it. Names are those of its JSON.
 * Properties that other encoders add are kept.
 */
export interface GoLiveRequest {
  /** The service it asks; OBS always sends `IVS`. */
  readonly service: string
  /** `2024-06-04` (OBS 30.2 to 31.0) or `2025-01-25` (since OBS 31.1). */
  readonly schema_version: string
  /** The stream key, with its query. */
  readonly authentication: string
  /** The program that asks. */
  readonly client: GoLiveClient
  /** The machine that it runs on. */
  readonly capabilities: GoLiveCapabilities
  /** The settings of its user. */
  readonly preferences: GoLivePreferences
}

const MAX_PIXELS = 16_384
const MAX_LIST = 256

export const frameRate: Check<GoLiveFrameRate> = objectOf<GoLiveFrameRate>({
  numerator: whole(1),
  denominator: whole(1)
})
export const pixels: Check<number> = whole(1, MAX_PIXELS)

const canvasFields: Fields<GoLiveCanvas> = {
  width: pixels,
  height: pixels,
  canvas_width: pixels,
  canvas_height: pixels,
  framerate: frameRate
}
const canvas = objectOf<GoLiveCanvas>(canvasFields)

const gpu = objectOf<GoLiveGpu>({
  model: text,
  vendor_id: amount,
  device_id: amount,
  dedicated_video_memory: amount,
  shared_system_memory: amount,
  driver_version: optional(text)
})

const request = objectOf<GoLiveRequest>({
  service: text,
  schema_version: filledText,
  authentication: filledText,
  client: objectOf<GoLiveClient>({ name: text, version: text, supported_codecs: optional(listOf(text, 0, MAX_LIST)) }),
  capabilities: objectOf<GoLiveCapabilities>({
    cpu: objectOf<GoLiveCapabilities['cpu']>({
      physical_cores: amount,
      logical_cores: amount,
      speed: optional(amount),
      name: optional(text)
    }),
    memory: objectOf<GoLiveCapabilities['memory']>({ total: amount, free: amount }),
    system: objectOf<GoLiveCapabilities['system']>({ version: text, name: text, bits: amount }),
    gpu: optional(listOf(gpu, 0, MAX_LIST))
  }),
  preferences: objectOf<GoLivePreferences>({
    maximum_aggregate_bitrate: optional(whole(1)),
    maximum_video_tracks: optional(whole(1)),
    vod_track_audio: flag,
    composition_gpu_index: optional(whole()),
    audio_samples_per_sec: optional(whole(1)),
    audio_channels: optional(whole(1)),
    canvases: listOf(canvas, 1, MAX_LIST)
  })
})

/**
 * Reads the JSON of a request, as `JSON.parse` gives it.
 * @throws GoLiveError, `ERR_RTMP_GO_LIVE_FIELD`, for a field that is missing or invalid.
 *
 * @example
 * ```ts
 * const body = { service: 'IVS', schema_version: '2025-01-25' }
 * try {
 *   readGoLiveRequest(body)
 * } catch (error) {
 *   console.log(error instanceof GoLiveError && error.field) // 'authentication'
 * }
 * ```
 */
export function readGoLiveRequest(json: unknown): GoLiveRequest {
  const read = withCanvases(json)
  request(read, '')
  return read as GoLiveRequest
}

/** Schema 2024-06-04 has no list of canvases: the preferences have the properties of the only one. */
function withCanvases(json: unknown): unknown {
  if (!isObject(json) || !isObject(json.preferences)) return json
  const { preferences } = json
  if ((preferences.canvases ?? undefined) !== undefined || !('width' in preferences)) return json
  canvas(preferences, 'preferences')
  const only = Object.fromEntries(Object.keys(canvasFields).map(name => [name, preferences[name]]))
  return { ...json, preferences: { ...preferences, canvases: [only] } }
}
