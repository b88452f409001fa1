/**
 * HLS, made in this process and served on the port of RTMP: of H.264, HEVC, AV1 and VP9 with AAC, MP3, Opus, FLAC, AC-3 and
 * E-AC-3. Nothing is encoded anew: mediabunny (npm) writes fragments of MP4 and playlists. This example shows how to:
 *  1. take messages apart: the frame, its times, and what decodes it;
 *  2. name codecs for players by readCodecConfig, and tell which ones HLS cannot carry;
 *  3. let only plain names become paths, for stream names are untrusted.
 *
 *   npm run build && node dist/examples/hls.js [PORT]
 *   ffmpeg -re -i film.flv -c copy -f flv rtmp://127.0.0.1/live/film
 *   ffplay http://127.0.0.1:1935/film/index.m3u8
 */
import type { RequestListener } from 'node:http'
import type net from 'node:net'
import { pipeline } from 'node:stream'
import { isDeepStrictEqual } from 'node:util'
import {
  type AudioCodec,
  BufferTarget,
  CmafOutputFormat,
  EncodedAudioPacketSource,
  EncodedPacket,
  EncodedVideoPacketSource,
  HlsOutputFormat,
  Output,
  PathedTarget,
  type VideoCodec
} from 'mediabunny'
import {
  audioCodec,
  createServer,
  isAudio,
  isKeyframe,
  isVideo,
  type LiveStream,
  LiveStreams,
  type Message,
  Refused,
  Relay,
  readAudioTag,
  readCodecConfig,
  readVideoTag,
  VideoPacketType,
  videoCodec
} from 'rtmpipe'

/** What mediabunny calls the codecs, by how their codec strings begin. */
const codecs: Readonly<Record<string, string>> = {
  ...{ avc1: 'avc', hvc1: 'hevc', av01: 'av1', vp09: 'vp9' },
  ...{ mp4a: 'aac', mp3: 'mp3', opus: 'opus', flac: 'flac', 'ac-3': 'ac3', 'ec-3': 'eac3' }
}
/** Milliseconds after which a stream has begun all its tracks: HLS begins at the next keyframe. */
const START_MS = 1000
/** Milliseconds without a frame after which HLS goes on without a track: a segment would wait for it. */
const SILENT_MS = 5000
/** Milliseconds for which the files of a stream stay when it is over. */
const STAY_MS = 60_000
/** Seconds between two pictures at least. */
const MOMENT = 0.001

const lives = new LiveStreams()
/** The playlists and segments of all streams, by path. */
const files = new Map<string, Buffer>()
const report = (error?: Error | null) => error && console.log(error.message)

/** A sequence header or a frame; undefined for what is neither. */
function dataOf(message: Message): { data: Buffer; isHeader: boolean; compositionTime: number } | undefined {
  const tag = isVideo(message) ? readVideoTag(message.payload) : readAudioTag(message.payload)
  if ((tag.form !== 'legacy' && tag.form !== 'enhanced') || !('data' in tag)) return undefined
  // the first two have the same numbers in audio, which has no third
  const { SequenceStart, CodedFrames, CodedFramesX } = VideoPacketType
  const isHeader = tag.packetType === SequenceStart
  if (!isHeader && tag.packetType !== CodedFrames && tag.packetType !== CodedFramesX) return undefined
  return { data: tag.data, isHeader, compositionTime: 'compositionTime' in tag ? tag.compositionTime : 0 }
}

/** What decodes a track: its codec string, and the sequence header if the codec has one. */
interface Decoder {
  readonly codec: string
  readonly description?: Buffer
}

const nameOf = ({ codec }: Decoder) => codecs[codec.split('.')[0]!]

/** FFmpeg 8 leaves this out ahead of the STREAMINFO of FLAC. */
const flacMark = Buffer.from('fLaC\x80\0\0\x22', 'latin1')

/** What decodes the track of this message, if the message says it and mediabunny knows it. */
function decoderOf(message: Message, data: Buffer, isHeader: boolean): Decoder | undefined {
  const codec = readCodecConfig(message)[0]?.codecString
  if (codec === undefined || nameOf({ codec }) === undefined) return undefined
  if (!isHeader) return { codec }
  return { codec, description: codec === 'flac' && data.length === 34 ? Buffer.concat([flacMark, data]) : data }
}

let runs = 0

/** HLS of these tracks. Segments are named by the run too: players keep those that they have. */
async function begin(folder: string, live: LiveStream, video?: Decoder, audio?: Decoder) {
  clear(folder)
  const run = runs++
  const format = new HlsOutputFormat({
    segmentFormat: new CmafOutputFormat(),
    live: true,
    maxLiveSegmentCount: 6,
    getInitPath: () => `${run}.mp4`,
    getSegmentPath: ({ n }) => `${run}-${n}.m4s`,
    onSegmentPopped: path => files.delete(`${folder}/${path}`)
  })
  const file = ({ path }: { path: string }) =>
    new BufferTarget({ onFinalize: bytes => files.set(path, Buffer.from(bytes)) })
  const output = new Output({ format, target: new PathedTarget(`${folder}/index.m3u8`, file) })
  const pictures = video && new EncodedVideoPacketSource(nameOf(video) as VideoCodec)
  const sound = audio && new EncodedAudioPacketSource(nameOf(audio) as AudioCodec)
  if (pictures) output.addVideoTrack(pictures)
  if (sound) output.addAudioTrack(sound)
  await output.start()
  const { width, height } = live.stats().video ?? {}
  const { sampleRate, channels } = live.stats().audio ?? {}
  const videoMeta = video && { decoderConfig: { ...video, codedWidth: width ?? 0, codedHeight: height ?? 0 } }
  const audioMeta = audio && {
    decoderConfig: { ...audio, sampleRate: sampleRate ?? 48_000, numberOfChannels: channels ?? 2 }
  }
  return {
    isOf: (one?: Decoder, other?: Decoder) => one === video && other === audio,
    video: (packet: EncodedPacket) => pictures?.add(packet, videoMeta),
    audio: (packet: EncodedPacket) => sound?.add(packet, audioMeta),
    end: () => output.finalize()
  }
}

function clear(folder: string): void {
  for (const path of files.keys()) if (path.startsWith(`${folder}/`)) files.delete(path)
}

/** A track so far: its codec, what decodes it, and the timestamp of its last frame. */
interface Track {
  codec?: string | undefined
  decoder?: Decoder | undefined
  lastAt?: number
}

/** Makes HLS of a stream until it is over. Where its tracks change, the playlist ends and another begins. */
async function segment(folder: string, live: LiveStream): Promise<void> {
  const tracks: Record<'video' | 'audio', Track> = { video: {}, audio: {} }
  const refused = new Set<string>()
  let hls: Awaited<ReturnType<typeof begin>> | undefined
  let beganAt: number | undefined
  // seconds
  let [delay, newestAt] = [0, Number.NEGATIVE_INFINITY]
  for await (const message of live.subscribe()) {
    if (!isVideo(message) && !isAudio(message)) continue
    const found = dataOf(message)
    if (found === undefined) continue
    const { timestamp, payload } = message
    const { data, isHeader, compositionTime } = found
    const kind = isVideo(message) ? 'video' : 'audio'
    const codec = isVideo(message) ? videoCodec(payload) : audioCodec(payload)

    const track = tracks[kind]
    const decoder = decoderOf(message, data, isHeader)
    const isOther = decoder ? !isDeepStrictEqual(decoder, track.decoder) : codec !== track.codec
    if (isOther) Object.assign(track, { codec, decoder })
    if (isHeader) continue
    if (track.decoder === undefined) {
      if (!refused.has(`${codec}`)) console.log(`${folder}: HLS carries no ${codec}`)
      refused.add(`${codec}`)
      continue
    }
    // a frame lasts about as long as the one before
    const seconds = Math.max(0, timestamp - (track.lastAt ?? timestamp)) / 1000
    track.lastAt = timestamp

    const isHeard = ({ lastAt }: Track) => lastAt !== undefined && timestamp - lastAt < SILENT_MS
    const [video, audio] = [tracks.video, tracks.audio].map(each => (isHeard(each) ? each.decoder : undefined))
    if (hls && !hls.isOf(video, audio)) {
      await hls.end()
      hls = undefined
    }
    beganAt ??= timestamp
    const isKey = kind === 'audio' || isKeyframe(message)
    const canBegin = isKey && (kind === 'video' || !video) && timestamp - beganAt >= START_MS
    if (!hls && canBegin) hls = await begin(folder, live, video, audio)

    let shownAt = (timestamp + compositionTime) / 1000 + delay
    if (kind === 'video') {
      // of an encoder that came back the first picture may be shown ahead of the last ones before it was gone
      const early = isKey ? newestAt + MOMENT - shownAt : 0
      if (early > 0) {
        delay += early
        shownAt += early
      }
      newestAt = Math.max(newestAt, shownAt)
    }
    await hls?.[kind](new EncodedPacket(data, isKey ? 'key' : 'delta', shownAt, seconds))
  }
  await hls?.end()
  setTimeout(() => {
    if (!live.isLive) clear(folder)
  }, STAY_MS).unref()
}

const types: Readonly<Record<string, string>> = {
  m3u8: 'application/vnd.apple.mpegurl',
  mp4: 'video/mp4',
  m4s: 'video/iso.segment'
}

const serve: RequestListener = ({ url = '' }, response) => {
  const body = files.get(url.slice(1))
  const type = types[url.split('.').at(-1)!]
  const headers = { 'Content-Type': type, 'Access-Control-Allow-Origin': '*', 'Cache-Control': 'no-cache' }
  if (body) response.writeHead(200, headers).end(body)
  else response.writeHead(404).end()
}

const relays = new Map<LiveStream, Relay>()

const server = createServer({ http: serve }, session => {
  session.on('publish', publish => {
    const { name } = publish
    if (!/^[\w-]+$/.test(name)) throw new Refused('NetStream.Publish.Denied', 'only letters, digits, _ and - in a name')
    // one folder a name, whatever the app is
    const live = lives.get(name)
    pipeline(publish.accept(), live.input(), report)
    if (relays.has(live)) return
    const relay = new Relay(async (_signal, is) => {
      is('live')
      await segment(name, live)
      return true
    })
    relays.set(live, relay)
    relay.on('retrying', ({ error, ms }) => console.log(`${name}: ${error?.message}, again in ${ms} ms`))
    relay.on('ended', () => {
      console.log(`segmented ${name}`)
      relays.delete(live)
    })
  })
})
server.on('sessionError', report)

server.listen(Number(process.argv[2] ?? 1935), '127.0.0.1', () => {
  console.log(`listening rtmp://127.0.0.1:${(server.address() as net.AddressInfo).port}`)
})
