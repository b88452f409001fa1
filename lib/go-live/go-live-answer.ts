import { randomUUID } from 'node:crypto'
import type { GoLiveAudio, GoLiveConfiguration, GoLiveLadder, GoLiveVideo } from './go-live-configuration.ts'
import type { GoLiveCanvas, GoLiveRequest } from './go-live-request.ts'

/** The most video tracks of one output of OBS. */
const MAX_VIDEO_TRACKS = 10
/** The most characters of a status (GetClientConfiguration of Amazon IVS). */
const MAX_HTML = 4096

/**
 * The answer to a request. It offers the video tracks of the ladder in order, without those that do not fit: a track larger than its canvas, a
 * codec that the encoder does not have, and what exceeds the user's limits of tracks or bitrate. If no track fits, the answer has the status
 * `warning`, and OBS asks its user whether to go live without multitrack video. It has a second audio track if the request wants one.
 * `configId` is the id of the answer.
 *
 * @example
 * ```ts
 * const app = (ladder: GoLiveLadder, body: string) => JSON.stringify(goLiveAnswer(ladder, readGoLiveRequest(JSON.parse(body))))
 * ```
 */
export function goLiveAnswer(
  ladder: GoLiveLadder,
  request: GoLiveRequest,
  configId: string = randomUUID()
): GoLiveConfiguration {
  const { service, schema_version, authentication, preferences } = request
  const { live, vod } = ladder.audio_configurations
  // with a second track in its settings and none in the answer, OBS does not start
  const second = vod ?? live.map(track => ({ ...track, track_id: track.track_id + live.length }))
  const audio = preferences.vod_track_audio ? { live, vod: second } : { live }
  const video = fitting(ladder.encoder_configurations, request, kilobits([...live, ...(audio.vod ?? [])]))
  if (video.length === 0) return goLiveRefusal(nothingFits(request), request, 'warning')
  return {
    meta: { service, schema_version, config_id: configId },
    ingest_endpoints: ladder.ingest_endpoints.map(endpoint => ({
      ...endpoint,
      authentication: endpoint.authentication || authentication
    })),
    encoder_configurations: video,
    audio_configurations: audio
  }
}

/** An answer that refuses, with a text for the user of the encoder. After a `warning` OBS may go live with a single video track. */
export function goLiveRefusal(
  reason: string,
  request?: GoLiveRequest,
  result: 'warning' | 'error' = 'error'
): GoLiveConfiguration {
  const { service = '', schema_version = '' } = request ?? {}
  return {
    meta: { service, schema_version, config_id: '' },
    status: { result, html_en_us: escaped(reason.slice(0, MAX_HTML / 8)) },
    ingest_endpoints: [],
    encoder_configurations: [],
    audio_configurations: { live: [] }
  }
}

function fitting(
  offered: readonly GoLiveVideo[],
  { client, preferences }: GoLiveRequest,
  audio: number
): GoLiveVideo[] {
  const tracks = Math.min(preferences.maximum_video_tracks ?? MAX_VIDEO_TRACKS, MAX_VIDEO_TRACKS)
  const chosen: GoLiveVideo[] = []
  let left = (preferences.maximum_aggregate_bitrate ?? Number.POSITIVE_INFINITY) - audio
  for (const video of offered) {
    const canvas = preferences.canvases[video.canvas_index ?? 0]
    const isMade = client.supported_codecs?.includes(codecOf(video)) ?? true
    if (chosen.length === tracks || !isMade || !isWithin(video, canvas) || kilobits([video]) > left) continue
    chosen.push(video)
    left -= kilobits([video])
  }
  return chosen
}

const isWithin = ({ width, height }: GoLiveVideo, canvas: GoLiveCanvas | undefined): boolean =>
  canvas !== undefined && width <= canvas.width && height <= canvas.height

/** The codec by the id of an encoder in OBS: ids name AV1 and HEVC, but not always H.264. */
const codecOf = ({ type }: GoLiveVideo): string => {
  if (/av1/i.test(type)) return 'av1'
  return /hevc|h\.?265/i.test(type) ? 'h265' : 'h264'
}

const kilobits = (tracks: readonly (GoLiveVideo | GoLiveAudio)[]): number =>
  tracks.reduce((sum, { settings: { bitrate } }) => sum + (typeof bitrate === 'number' ? bitrate : 0), 0)

function nothingFits({ client, preferences }: GoLiveRequest): string {
  const { canvases, maximum_aggregate_bitrate: most } = preferences
  const has = [
    `output ${canvases.map(({ width, height }) => `${width}x${height}`).join(' and ')}`,
    ...(client.supported_codecs ? [`codecs ${client.supported_codecs.join(', ') || 'none'}`] : []),
    ...(most ? [`at most ${most} kbit/s`] : [])
  ]
  return `No video track that this server offers fits the encoder: ${has.join('; ')}`
}

const escaped = (text: string): string => text.replace(/[&<>"']/g, character => `&#${character.charCodeAt(0)};`)
