import { execFileSync } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { record } from 'rtmpipe'
import t from 'tap'
import { type Found, readByFfmpeg8, sendByFfmpeg8, withoutFfmpeg8 } from '../support/ffmpeg8.ts'
import { folder } from '../support/films.ts'
import { LiveServer } from '../support/live-server.ts'
import { without } from '../support/programs.ts'

/** FFmpeg 8, which has the codecs and the tracks of Enhanced RTMP, on the server and on what is written. */
t.jobs = 2
const skip = without('ffmpeg') || withoutFfmpeg8()

/** Each encoder, with its options. */
const encoders: Record<string, [name: string, options?: Record<string, string>]> = {
  'H.264': ['libx264', { bf: '2' }],
  HEVC: ['libx265', { 'x265-params': 'log-level=error' }],
  AV1: ['libsvtav1', { preset: '12' }],
  VP9: ['libvpx-vp9', { deadline: 'realtime', 'cpu-used': '8' }],
  AAC: ['aac'],
  Opus: ['libopus'],
  FLAC: ['flac'],
  'AC-3': ['ac3'],
  'E-AC-3': ['eac3']
}

function encoder(codec: string, track: string): string[] {
  const [name, options = {}] = encoders[codec]!
  return [`-c:${track}`, name, ...Object.entries(options).flatMap(([option, value]) => [`-${option}:${track}`, value])]
}

/** A film of 2 s, with a keyframe a second; each track has a size or a pitch of its own. */
function film(path: string, video: readonly string[], audio: readonly string[]): string {
  const pictures = video.map((_, at) => `testsrc2=size=${160 - 32 * at}x${120 - 24 * at}:rate=25`)
  const tones = audio.map((_, at) => `sine=frequency=${440 + 440 * at}:sample_rate=48000`)
  const sources = [...pictures, ...tones]
  const inputs = sources.flatMap(source => ['-f', 'lavfi', '-i', source])
  const maps = sources.flatMap((_, at) => ['-map', `${at}`])
  const codecs = [
    ...video.flatMap((codec, at) => encoder(codec, `v:${at}`)),
    ...audio.flatMap((codec, at) => encoder(codec, `a:${at}`))
  ]
  const output = ['-t', '2', '-g', '25', '-strict', '-2', '-f', 'mp4', path]
  // SVT-AV1 speaks of itself
  execFileSync('ffmpeg', ['-v', 'error', '-y', ...inputs, ...maps, ...codecs, ...output], { stdio: 'pipe' })
  return path
}

/** What is found of a film, but its packets. */
const named = (found: readonly Found[]): string[] =>
  found.map(({ kind, track, codec, format }) => `${kind} ${track} ${codec} ${format}`)

const published: [video: string[], audio: string[], found: string[]][] = [
  [['HEVC'], ['AAC'], ['audio 0 aac 48000 Hz, 1', 'video 0 hevc 160x120']],
  [['AV1'], ['Opus'], ['audio 0 opus 48000 Hz, 1', 'video 0 av1 160x120']],
  [['VP9'], ['FLAC'], ['audio 0 flac 48000 Hz, 1', 'video 0 vp9 160x120']],
  [['H.264'], ['AC-3'], ['audio 0 ac3 48000 Hz, 1', 'video 0 h264 160x120']],
  [['H.264'], ['E-AC-3'], ['audio 0 eac3 48000 Hz, 1', 'video 0 h264 160x120']],
  [['H.264', 'HEVC'], ['AAC'], ['audio 0 aac 48000 Hz, 1', 'video 0 h264 160x120', 'video 1 hevc 128x96']],
  [['H.264', 'AV1'], ['AAC'], ['audio 0 aac 48000 Hz, 1', 'video 0 h264 160x120', 'video 1 av1 128x96']],
  [['H.264'], ['AAC', 'Opus'], ['audio 0 aac 48000 Hz, 1', 'audio 1 opus 48000 Hz, 1', 'video 0 h264 160x120']],
  [
    ['HEVC', 'HEVC'],
    ['AAC', 'AAC'],
    ['audio 0 aac 48000 Hz, 1', 'audio 1 aac 48000 Hz, 1', 'video 0 hevc 160x120', 'video 1 hevc 128x96']
  ]
]

for (const [video, audio, streams] of published) {
  t.test(`FFmpeg 8 publishes ${[...video, ...audio].join(', ')}, and plays it`, { skip, buffered: true }, async t => {
    const home = folder(t)
    const source = film(join(home, 'film.mp4'), video, audio)
    await sendByFfmpeg8(t, source, join(home, 'film.flv'))
    const sent = await readByFfmpeg8(t, join(home, 'film.flv'))
    t.same(named(sent), streams)
    for (const { kind, packets } of sent) t.ok(packets.length > 20, `${packets.length} packets of ${kind}`)
    const server = new LiveServer(t, { live: { holdMs: 100 } })
    const url = `${await server.listen()}/live/film`
    const recorded = once(record(server.at('live/film'), home, { wait: true }), 'recorded')
    const publishing = server.happens('play live/film').then(() => sendByFfmpeg8(t, source, url))
    const [played] = await Promise.all([readByFfmpeg8(t, url), publishing])
    t.same(played, sent, 'as it was sent')
    const [{ path }] = await recorded
    t.same(await readByFfmpeg8(t, path), sent, 'and from a recording')
  })
}
