import { execFileSync } from 'node:child_process'
import { once } from 'node:events'
import { createReadStream, readFileSync, writeFileSync } from 'node:fs'
import http from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import {
  AudioPacketType,
  type AudioTag,
  FlvWriter,
  flvDecoder,
  type HttpPlay,
  httpFlv,
  type Message,
  MessageTypeId,
  MultitrackType,
  type PublishOptions,
  type RecordOptions,
  record,
  VideoCodecId,
  VideoFrameType,
  VideoPacketType,
  type VideoTag,
  withTimestampNanos,
  writeAmf0
} from 'rtmpipe'
import t from 'tap'
import { type Found, readByFfmpeg8, sendByFfmpeg8, withoutFfmpeg8 } from '../support/ffmpeg8.ts'
import { folder, packets, tags } from '../support/films.ts'
import { LiveServer } from '../support/live-server.ts'
import { freePort, reached } from '../support/nginx.ts'
import { players } from '../support/players.ts'
import { Program, without } from '../support/programs.ts'
import {
  joined,
  readTag,
  single,
  type Tag,
  type Tracks,
  timed,
  tracksOf,
  untimed,
  withTag
} from '../support/tag-forms.ts'

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

/** FFmpeg 8.1 reads no colours in Multitrack, where those of other tracks than the first are. */
const uncolored = ({ color: _, ...found }: Found) => found

/** The same where the first packet is at 0, as in a recording. */
function fromZero(found: readonly Found[]): Found[] {
  const times = /^(\d+)\/(\d+)/
  const start = Math.min(...found.map(each => Number(times.exec(each.packets[0]!)![2])))
  const moved = (packet: string) => packet.replace(times, (_, pts, dts) => `${pts - start}/${dts - start}`)
  return found.map(each => ({ ...each, packets: each.packets.map(moved) }))
}

/** What is found of a film, but its packets. */
const named = (found: readonly Found[]): string[] =>
  found.map(({ kind, track, codec, format }) => `${kind} ${track} ${codec} ${format}`)

/** The stream of a server as HTTP-FLV, and when somebody views it. */
async function site(t: Scope, live: LiveServer): Promise<{ url: string; viewed: Promise<unknown> }> {
  const server = http.createServer()
  const viewed = new Promise<void>(resolve => {
    const hear = (play: HttpPlay) => {
      pipeline(live.at(play.path).player(), play.accept()).catch(() => {})
      resolve()
    }
    server.on('request', httpFlv(hear))
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  t.teardown(() => server.close())
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/live/film.flv`, viewed }
}

type Scope = { teardown(end: () => unknown): unknown }

const published: [video: string[], audio: string[], found: string[]][] = [
  [['HEVC'], ['AAC'], ['audio 0 aac 1 x 48000 Hz', 'video 0 hevc 160x120']],
  [['AV1'], ['Opus'], ['audio 0 opus 1 x 48000 Hz', 'video 0 av1 160x120']],
  [['VP9'], ['FLAC'], ['audio 0 flac 1 x 48000 Hz', 'video 0 vp9 160x120']],
  [['H.264'], ['AC-3'], ['audio 0 ac3 1 x 48000 Hz', 'video 0 h264 160x120']],
  [['H.264'], ['E-AC-3'], ['audio 0 eac3 1 x 48000 Hz', 'video 0 h264 160x120']],
  [['H.264', 'HEVC'], ['AAC'], ['audio 0 aac 1 x 48000 Hz', 'video 0 h264 160x120', 'video 1 hevc 128x96']],
  [['H.264', 'AV1'], ['AAC'], ['audio 0 aac 1 x 48000 Hz', 'video 0 h264 160x120', 'video 1 av1 128x96']],
  [['AV1', 'H.264'], ['AAC'], ['audio 0 aac 1 x 48000 Hz', 'video 0 av1 160x120', 'video 1 h264 128x96']],
  [['H.264'], ['AAC', 'Opus'], ['audio 0 aac 1 x 48000 Hz', 'audio 1 opus 1 x 48000 Hz', 'video 0 h264 160x120']],
  [
    ['HEVC', 'HEVC'],
    ['AAC', 'AAC'],
    ['audio 0 aac 1 x 48000 Hz', 'audio 1 aac 1 x 48000 Hz', 'video 0 hevc 160x120', 'video 1 hevc 128x96']
  ]
]

for (const [video, audio, streams] of published) {
  t.test(`FFmpeg 8 publishes ${[...video, ...audio].join(', ')}, and plays it`, { skip, buffered: true }, async t => {
    const home = folder(t)
    const source = film(join(home, 'film.mp4'), video, audio)
    await sendByFfmpeg8(t, source, join(home, 'film.flv'))
    const sent = await readByFfmpeg8(t, join(home, 'film.flv'))
    t.same(named(sent), streams)
    for (const each of sent) t.ok(each.packets.length > 20, `${each.packets.length} packets of ${each.kind}`)
    const server = new LiveServer(t, { live: { holdMs: 100 } })
    const url = `${await server.listen()}/live/film`
    const recording = (name: string, options: RecordOptions = {}) =>
      once(record(server.at('live/film'), home, { wait: true, name, ...options }), 'recorded')
    const recorded = Promise.all([recording('all', { tracks: 'all' }), recording('primary')])
    const viewers = await site(t, server)
    const all = server.happens('play live/film', 2).then(() => viewers.viewed)
    const [played, playedPrimary, viewed] = await Promise.all([
      readByFfmpeg8(t, `${url}?tracks=all`),
      readByFfmpeg8(t, url),
      readByFfmpeg8(t, `${viewers.url}?tracks=all`),
      all.then(() => sendByFfmpeg8(t, source, url))
    ])
    const primary = sent.filter(({ track }) => track === 0)
    t.same(played.map(uncolored), sent.map(uncolored), 'as it was sent')
    t.same(playedPrimary, primary, 'the primary tracks, who does not ask for more')
    t.same(viewed.map(uncolored), sent.map(uncolored), 'over HTTP')
    const [[whole], [one]] = await recorded
    const recordedAll = await readByFfmpeg8(t, whole.path)
    t.same(fromZero(recordedAll).map(uncolored), fromZero(sent).map(uncolored), 'and from a recording')
    t.same(fromZero(await readByFfmpeg8(t, one.path)), fromZero(primary), 'and from a recording of the primary tracks')
  })
}

t.test('an FFmpeg that knows no Multitrack plays the primary tracks', { skip, buffered: true }, async t => {
  const home = folder(t)
  const source = film(join(home, 'film.mp4'), ['H.264', 'HEVC'], ['AAC', 'Opus'])
  const primary = join(home, 'primary.flv')
  execFileSync('ffmpeg', ['-v', 'error', '-i', source, '-map', '0:v:0', '-map', '0:a:0', '-c', 'copy', primary])
  const server = new LiveServer(t, { live: { holdMs: 100 } })
  const url = `${await server.listen()}/live/film`
  const recorded = once(record(server.at('live/film'), home, { wait: true }), 'recorded')
  const decoder = (from: string) => new Program(t, 'ffmpeg', ['-v', 'error', '-i', from, '-f', 'null', '-'])
  const viewers = await site(t, server)
  const [playing, viewing, decoding] = [players.ffmpeg(t, url), players.ffmpeg(t, viewers.url), decoder(url)]
  await server.happens('play live/film', 2)
  await viewers.viewed
  await sendByFfmpeg8(t, source, url)
  t.same(await playing.packets(), packets(primary))
  t.same(await viewing.packets(), packets(primary), 'over HTTP')
  await decoding.ends()
  t.equal(decoding.said, '')
  const [{ path }] = await recorded
  t.same(packets(path), packets(primary), 'and from a recording')
  const decodingFile = decoder(path)
  await decodingFile.ends()
  t.equal(decodingFile.said, '')
})

t.test('FFmpeg 8 is published to, as a server', { skip, buffered: true }, async t => {
  const home = folder(t)
  const source = join(home, 'film.flv')
  await sendByFfmpeg8(t, film(join(home, 'film.mp4'), ['HEVC', 'AV1'], ['AAC', 'Opus']), source)
  const sent = await readByFfmpeg8(t, source)
  const published = async (options?: PublishOptions) => {
    const url = `rtmp://127.0.0.1:${await freePort()}/live`
    const reading = readByFfmpeg8(t, `${url}/film`, { listens: true })
    await using session = await reached(url)
    await pipeline(createReadStream(source), flvDecoder(), await session.publish('film', options))
    await session.close()
    return reading
  }
  t.same(await published({ tracks: 'all' }), sent)
  t.same(
    await published(),
    sent.filter(({ track }) => track === 0),
    'it states no Multitrack'
  )
})

const { CodedFrames, CodedFramesX } = VideoPacketType

const packetTypeOf = (tag: Tag): number | undefined =>
  'tracks' in tag ? tag.tracks[0]!.packetType : 'packetType' in tag ? tag.packetType : undefined

/** A tag for each message, of its tracks. */
const each =
  (made: (tracks: Tracks) => Tag) =>
  (messages: readonly Message[]): Message[] =>
    messages.map(message => withTag(message, made(tracksOf(message))))

/** Of a type that nobody knows, with a size in 8 bits and in 16. */
const reserved = [255, 256, 300].map(length => ({ type: 9, data: Buffer.alloc(length, 1) }))

/**
 * How a film is written, and which of its tags must be so. FFmpeg 8.1 reads all tracks of frames; of other packets the
 * first alone.
 */
const forms: [name: string, made: (messages: readonly Message[]) => Message[], is: (tag: Tag) => boolean][] = [
  ['as it was sent', messages => messages.map(message => withTag(message, readTag(message))), () => true],
  ['FourCC', each(single), ({ form }) => form === 'enhanced'],
  ['OneTrack', each(tag => tag), tag => 'tracks' in tag && tag.multitrackType === MultitrackType.OneTrack],
  [
    'ManyTracks',
    messages => joined(messages, MultitrackType.ManyTracks),
    tag => 'tracks' in tag && tag.multitrackType === MultitrackType.ManyTracks
  ],
  [
    'ManyTracksManyCodecs',
    messages => joined(messages, MultitrackType.ManyTracksManyCodecs),
    tag => 'tracks' in tag && tag.multitrackType === MultitrackType.ManyTracksManyCodecs && tag.tracks.length === 2
  ],
  ['CodedFrames', each(tag => single(timed(tag))), tag => packetTypeOf(tag) === CodedFrames],
  ['CodedFramesX', each(tag => single(untimed(tag))), tag => packetTypeOf(tag) === CodedFramesX],
  ['ModEx', each(tag => ({ ...single(tag), modEx: reserved }) as Tag), tag => 'modEx' in tag && tag.modEx.length > 0],
  [
    'TimestampOffsetNano',
    messages => each(single)(messages).map(message => withTimestampNanos(message, 500_000)),
    tag => 'modEx' in tag && tag.modEx[0]!.type === 0
  ]
]

const films = [
  [
    ['H.264', 'HEVC'],
    ['AAC', 'AC-3']
  ],
  [
    ['HEVC', 'HEVC'],
    ['AAC', 'AAC']
  ],
  [
    ['VP9', 'AV1'],
    ['Opus', 'FLAC']
  ]
] as const

for (const [video, audio] of films) {
  t.test(`FFmpeg 8 reads all forms of ${[...video, ...audio].join(', ')}`, { skip, buffered: true }, async t => {
    const home = folder(t)
    const [source, path] = [join(home, 'film.flv'), join(home, 'form.flv')]
    await sendByFfmpeg8(t, film(join(home, 'film.mp4'), video, audio), source)
    const [metadata, ...messages] = tags(readFileSync(source)).map(({ message }) => message)
    const sent = await readByFfmpeg8(t, source)
    for (const [name, written, is] of forms) {
      const made = written(messages)
      const writer = new FlvWriter()
      writeFileSync(path, Buffer.concat([metadata!, ...made].flatMap(message => writer.write(message))))
      const count = made.map(readTag).filter(is).length
      t.ok(count > 10, `${name} is in ${count} of ${made.length} tags`)
      t.same((await readByFfmpeg8(t, path)).map(uncolored), sent.map(uncolored), `${name} is read`)
    }
  })
}

const hevc = { form: 'enhanced', frameType: VideoFrameType.Keyframe, modEx: [], fourCc: 'hvc1' } as const
const opus = { form: 'enhanced', modEx: [], fourCc: 'Opus' } as const
const { MultichannelConfig, SequenceEnd } = AudioPacketType
const speakers = { packetType: MultichannelConfig, channelOrder: 1, channelCount: 2, channelFlags: 3 } as const
const colorConfig = { bitDepth: 10, colorPrimaries: 9, transferCharacteristics: 16, matrixCoefficients: 9 }
const colors = { packetType: VideoPacketType.Metadata, data: writeAmf0('colorInfo', { colorConfig }) } as const
const end = { packetType: SequenceEnd, data: Buffer.alloc(0) } as const

/** What is no frame, and what it changes of its track. */
const others: [name: string, tag: VideoTag | AudioTag, change: Partial<Found>][] = [
  // with another frame type FFmpeg 8.1 takes it for a frame
  ['colours', { ...hevc, ...colors, frameType: VideoFrameType.Command }, { color: [9, 16, 9] }],
  [
    'colours behind ModEx',
    { ...hevc, ...colors, frameType: VideoFrameType.Command, modEx: reserved },
    { color: [9, 16, 9] }
  ],
  ['speakers by a mask', { ...opus, ...speakers }, { format: '2 x 48000 Hz', speakers: '3' }],
  [
    'speakers of a track',
    { form: 'multitrack', modEx: [], multitrackType: 0, tracks: [{ ...opus, ...speakers, trackId: 0 }] },
    { format: '2 x 48000 Hz', speakers: '3' }
  ],
  [
    'speakers, each',
    { ...opus, packetType: MultichannelConfig, channelOrder: 2, channelCount: 3, channelMapping: [0, 1, 2] },
    { format: '3 x 48000 Hz', speakers: '' }
  ],
  [
    'speakers by default',
    { ...opus, packetType: MultichannelConfig, channelOrder: 0, channelCount: 3 },
    { format: '3 x 48000 Hz', speakers: '11' }
  ],
  ['a legacy command', { form: 'command', enhanced: false, codecId: VideoCodecId.Avc, command: 0 }, {}],
  ['a command', { form: 'command', enhanced: true, packetType: 0, modEx: [], command: 1 }, {}],
  ['silence', { form: 'silence' }, {}],
  ['the end of video', { ...hevc, ...end }, {}],
  ['the end of audio', { ...opus, ...end }, {}]
]

t.test(
  'FFmpeg 8 reads colours and speakers, and passes over what it has no use for',
  { skip, buffered: true },
  async t => {
    const home = folder(t)
    const [source, path] = [join(home, 'film.flv'), join(home, 'form.flv')]
    await sendByFfmpeg8(t, film(join(home, 'film.mp4'), ['HEVC'], ['Opus']), source)
    const sent = await readByFfmpeg8(t, source)
    const messages = tags(readFileSync(source)).map(({ message }) => message)
    for (const [name, tag, change] of others) {
      const kind = tag.form === 'command' || 'frameType' in tag ? 'video' : 'audio'
      const type = kind === 'video' ? MessageTypeId.Video : MessageTypeId.Audio
      // near the end: at the start what FFmpeg's decoders say counts for more
      const made = messages.toSpliced(-8, 0, withTag({ ...messages.at(-8)!, type }, tag))
      const writer = new FlvWriter()
      writeFileSync(path, Buffer.concat(made.flatMap(message => writer.write(message))))
      t.same(
        await readByFfmpeg8(t, path),
        sent.map(each => ({ ...each, ...(each.kind === kind && change) })),
        name
      )
    }
  }
)
