import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type CodecConfig, type Message, readCodecConfig } from 'rtmpipe'
import t from 'tap'
import { hex } from '../support/hex.ts'
import { without } from '../support/programs.ts'

/**
 * What real encoders write, beside what ffprobe reads of it. FFmpeg 5 writes none of the newer codecs to FLV: their records are taken
 * out of other files.
 */
const home = mkdtempSync(join(tmpdir(), 'rtmpipe-'))
t.teardown(() => rmSync(home, { recursive: true, force: true }))

interface Scope {
  equal(found: unknown, wanted: unknown, name: string): unknown
  not(found: unknown, wanted: unknown, name: string): unknown
  notOk(found: unknown, name: string): unknown
}
type Stream = Record<string, string | number | undefined>

/** The file that FFmpeg makes, and what ffprobe says of its stream. */
function made(input: string, extension: string, ...args: string[]): [file: Buffer, stream: Stream] {
  const path = join(home, `made.${extension}`)
  execFileSync('ffmpeg', ['-v', 'error', '-y', '-f', 'lavfi', '-i', input, '-t', '0.2', ...args, path])
  const probed = execFileSync('ffprobe', ['-v', 'error', '-show_streams', '-of', 'json', path])
  return [readFileSync(path), JSON.parse(`${probed}`).streams[0]]
}

const message = (type: number, payload: Buffer): Message => ({ type, messageStreamId: 1, timestamp: 0, payload })
const video = (fourCc: string, header: number, data: Buffer) =>
  readCodecConfig(message(9, hex`${Buffer.of(header)} ${Buffer.from(fourCc)} ${data}`))
const audio = (fourCc: string, header: number, data: Buffer) =>
  readCodecConfig(message(8, hex`${Buffer.of(header)} ${Buffer.from(fourCc)} ${data}`))

/** The body of the first box of this name. */
function box(file: Buffer, name: string): Buffer {
  const at = file.indexOf(name)
  return file.subarray(at + 4, at - 4 + file.readUInt32BE(at - 4))
}

/** The first frame of an IVF file. */
const ivf = (file: Buffer): Buffer => file.subarray(44, 44 + file.readUInt32LE(32))

const [HEADER, KEYFRAME, SOUND] = [0x90, 0x93, 0x91]
const colors: Record<string, number> = { bt709: 1, bt2020: 9, bt2020nc: 9, smpte2084: 16, 'arib-std-b67': 18 }

/** What both say, in the words of ffprobe. */
function same(t: Scope, name: string, [config]: CodecConfig[], stream: Stream, names: string[]): void {
  t.not(config, undefined, name)
  if (config === undefined) return
  const { color, ...says } = { color: undefined, ...config }
  const told: Stream = { ...says, ...color } as never
  for (const key of names) {
    const wanted = expected(stream)[key]
    t.notOk(/undefined|NaN/.test(`${wanted}`), `${name}: ffprobe says ${key}`)
    t.equal(`${told[key]}`, `${wanted}`, `${name}: ${key}`)
  }
}

function expected(stream: Stream): Stream {
  const { width, height, profile, pix_fmt, sample_rate, channels } = stream
  const format = `${pix_fmt}`
  const chroma = format.startsWith('gray') ? '4:0:0' : format.replace(/^yuvj?(\d)(\d)(\d).*$/, '$1:$2:$3')
  return {
    ...{ width, height, profile, chroma, sampleRate: sample_rate, channels },
    bitDepth: /10(le|$)/.test(format) ? 10 : /12(le|$)/.test(format) ? 12 : 8,
    frameRate: Number(`${stream.r_frame_rate}`.split('/')[0]) / Number(`${stream.r_frame_rate}`.split('/')[1]),
    isInterlaced: stream.field_order !== undefined && stream.field_order !== 'progressive',
    colorPrimaries: colors[`${stream.color_primaries}`],
    transferCharacteristics: colors[`${stream.color_transfer}`],
    matrixCoefficients: colors[`${stream.color_space}`],
    isFullRange: stream.color_range === 'pc'
  } as never
}

const picture = (size: string, rate = '25') => `testsrc2=size=${size}:rate=${rate}`
const format = ['width', 'height', 'profile', 'chroma', 'bitDepth']
const described = ['colorPrimaries', 'transferCharacteristics', 'matrixCoefficients', 'isFullRange']
const pq = ['-color_primaries', 'bt2020', '-color_trc', 'smpte2084', '-colorspace', 'bt2020nc', '-color_range', 'tv']
const hlg = [
  '-color_primaries',
  'bt2020',
  '-color_trc',
  'arib-std-b67',
  '-colorspace',
  'bt2020nc',
  '-color_range',
  'tv'
]
const pixels = (name: string) => ['-pix_fmt', name]
const skip = without('ffmpeg')

t.test('AVC', { skip }, async t => {
  const cases: [input: string, args: string[], names?: string[]][] = [
    [picture('320x180'), ['-profile:v', 'baseline', ...pixels('yuv420p')]],
    [picture('640x360', '30000/1001'), ['-profile:v', 'main', ...pixels('yuv420p')]],
    [picture('1920x1080', '30'), pixels('yuv420p')],
    [picture('322x182', '24'), pixels('yuv420p')],
    [picture('1920x1080'), ['-flags', '+ildct+ilme', ...pixels('yuv420p')], ['isInterlaced']],
    [picture('720x576'), ['-flags', '+ildct+ilme', ...pixels('yuv420p')], ['isInterlaced']],
    [picture('320x180', '50'), pixels('yuv422p10le')],
    [picture('321x181', '60'), pixels('yuv444p')],
    [picture('320x180'), [...pixels('yuv420p'), '-x264-params', 'cqm=jvt']],
    [picture('320x180'), [...pixels('yuv420p10le'), ...hlg], described]
  ]
  for (const [input, args, names = []] of cases) {
    const [file, stream] = made(input, 'mp4', '-c:v', 'libx264', '-preset', 'ultrafast', ...args)
    same(t, `${input} ${args}`, video('avc1', HEADER, box(file, 'avcC')), stream, [...format, 'frameRate', ...names])
  }
})

t.test('HEVC', { skip }, async t => {
  const cases: [input: string, args: string[], names?: string[]][] = [
    [picture('320x180'), pixels('yuv420p')],
    [picture('1920x1080', '60'), pixels('yuv420p')],
    [picture('322x182', '30000/1001'), pixels('yuv420p')],
    [picture('320x180'), pixels('yuv422p10le')],
    [picture('320x180'), pixels('yuv444p')],
    [picture('320x180'), [...pixels('yuv420p10le'), ...pq], described]
  ]
  for (const [input, args, names = []] of cases) {
    const x265 = ['-c:v', 'libx265', '-preset', 'ultrafast', '-x265-params', 'log-level=none']
    const [file, stream] = made(input, 'mp4', ...x265, ...args)
    same(t, `${input} ${args}`, video('hvc1', HEADER, box(file, 'hvcC')), stream, [...format, 'frameRate', ...names])
  }
})

t.test('AV1, by its record and by a keyframe', { skip }, async t => {
  const cases: [input: string, args: string[], names?: string[]][] = [
    [picture('320x180'), ['libsvtav1', '-preset', '12', ...pixels('yuv420p')]],
    [picture('322x182', '30'), ['libaom-av1', '-cpu-used', '8', ...pixels('yuv420p10le'), ...hlg], described],
    [picture('320x180'), ['libaom-av1', '-cpu-used', '8', ...pixels('yuv444p')]],
    [picture('320x180'), ['libaom-av1', '-cpu-used', '8', ...pixels('yuv422p')]]
  ]
  for (const [input, args, names = []] of cases) {
    const [file, stream] = made(input, 'mp4', '-c:v', ...args)
    same(t, `${input} ${args}`, video('av01', HEADER, box(file, 'av1C')), stream, [...format, ...names])
    const [frames] = made(input, 'ivf', '-c:v', ...args)
    same(t, `${input} ${args}, keyframe`, video('av01', KEYFRAME, ivf(frames)), stream, [...format, ...names])
  }
})

t.test('VP9 and VP8: the record has the colours, a keyframe the size', { skip }, async t => {
  for (const [input, name, ...names] of [
    [picture('320x180'), 'yuv420p', ...format],
    [picture('322x182'), 'yuv444p', ...format],
    [picture('321x181'), 'yuv420p10le', ...format]
  ]) {
    const args = ['-c:v', 'libvpx-vp9', '-deadline', 'realtime', ...pixels(name!), ...pq]
    const [file, stream] = made(input!, 'mp4', ...args)
    same(t, `${input} ${name}`, video('vp09', HEADER, box(file, 'vpcC')), stream, [
      'profile',
      'chroma',
      'bitDepth',
      ...described
    ])
    const [frames] = made(input!, 'ivf', ...args)
    same(t, `${input} ${name}, keyframe`, video('vp09', KEYFRAME, ivf(frames)), stream, names)
  }
  const [frames, stream] = made(picture('322x182'), 'ivf', '-c:v', 'libvpx', ...pixels('yuv420p'))
  same(t, 'VP8', video('vp08', KEYFRAME, ivf(frames)), stream, ['width', 'height', 'chroma', 'bitDepth'])
})

t.test('sound', { skip }, async t => {
  const tone = 'sine=frequency=440'
  const as = (rate: number, channels: number) => ['-ar', `${rate}`, '-ac', `${channels}`]
  for (const [rate, channels] of [
    [48_000, 2],
    [44_100, 1],
    [22_050, 2],
    [48_000, 6]
  ] as const) {
    const names = ['sampleRate', 'channels']
    const name = `${rate} Hz, ${channels} channels`
    const [aac, aacStream] = made(tone, 'flv', '-c:a', 'aac', ...as(rate, channels))
    const header = aac.indexOf(hex`af00`)
    same(t, `AAC, ${name}`, audio('mp4a', HEADER, aac.subarray(header + 2, header + 7)), aacStream, [
      ...names,
      'profile'
    ])
    const [flac, flacStream] = made(tone, 'flac', '-c:a', 'flac', ...as(rate, channels))
    same(t, `FLAC, ${name}`, audio('fLaC', HEADER, flac.subarray(0, 42)), flacStream, names)
    const [opus, opusStream] = made(tone, 'opus', '-c:a', 'libopus', ...as(48_000, channels))
    same(t, `Opus, ${name}`, audio('Opus', HEADER, opus.subarray(opus.indexOf('OpusHead'))), opusStream, names)
    if (channels < 3) {
      const [mp3, mp3Stream] = made(
        tone,
        'mp3',
        '-c:a',
        'libmp3lame',
        '-id3v2_version',
        '0',
        '-write_id3v2',
        '0',
        ...as(rate, channels)
      )
      same(t, `MP3, ${name}`, audio('.mp3', SOUND, mp3), mp3Stream, names)
    }
    if (rate === 22_050) continue
    const [ac3, ac3Stream] = made(tone, 'ac3', '-c:a', 'ac3', ...as(rate, channels))
    same(t, `AC-3, ${name}`, audio('ac-3', SOUND, ac3), ac3Stream, names)
    const [eac3, eac3Stream] = made(tone, 'eac3', '-c:a', 'eac3', ...as(rate, channels))
    same(t, `E-AC-3, ${name}`, audio('ec-3', SOUND, eac3), eac3Stream, names)
  }
})

t.test('the strings of codecs, as the DASH of FFmpeg has them', { skip }, async t => {
  const string = (configs: CodecConfig[]) => configs[0]?.codecString
  const named = (input: string, ...args: string[]) => {
    made(input, 'mpd', ...args)
    return /codecs="([^"]*)"/.exec(`${readFileSync(join(home, 'made.mpd'))}`)?.[1]
  }
  const tone = 'sine=frequency=440:sample_rate=48000'
  const pictures = picture('1920x1080', '30')
  for (const args of [
    ['libx264', '-preset', 'ultrafast', ...pixels('yuv420p')],
    ['libx264', '-preset', 'fast', '-level', '4.2', ...pixels('yuv422p10le')]
  ]) {
    const [file] = made(pictures, 'mp4', '-c:v', ...args)
    t.equal(string(video('avc1', HEADER, box(file, 'avcC'))), named(pictures, '-c:v', ...args), `${args}`)
  }
  for (const format of ['yuv420p', 'yuv420p10le']) {
    const args = ['-c:v', 'libaom-av1', '-cpu-used', '8', ...pixels(format)]
    const [file] = made(picture('320x180'), 'mp4', ...args)
    t.equal(string(video('av01', HEADER, box(file, 'av1C'))), named(picture('320x180'), ...args), `AV1, ${format}`)
  }
  for (const size of ['320x180', '1280x720']) {
    const args = ['-c:v', 'libvpx-vp9', '-deadline', 'realtime', '-cpu-used', '8', ...pixels('yuv420p')]
    const [file] = made(picture(size), 'mp4', ...args)
    t.equal(string(video('vp09', HEADER, box(file, 'vpcC'))), named(picture(size), ...args), `VP9, ${size}`)
  }
  const [aac] = made(tone, 'flv', '-c:a', 'aac')
  const header = aac.indexOf(hex`af00`)
  t.equal(string(audio('mp4a', HEADER, aac.subarray(header + 2, header + 7))), named(tone, '-c:a', 'aac'))
  const [opus] = made(tone, 'opus', '-c:a', 'libopus')
  t.equal(string(audio('Opus', HEADER, opus.subarray(opus.indexOf('OpusHead')))), named(tone, '-c:a', 'libopus'))
  const [flac] = made(tone, 'flac', '-c:a', 'flac')
  const flacNamed = named(tone, '-c:a', 'flac', '-strict', '-2')
  t.equal(string(audio('fLaC', HEADER, flac.subarray(0, 42))), flacNamed)
  const [ac3] = made(tone, 'ac3', '-c:a', 'ac3')
  t.equal(string(audio('ac-3', SOUND, ac3)), named(tone, '-c:a', 'ac3'))
  const [eac3] = made(tone, 'eac3', '-c:a', 'eac3')
  t.equal(string(audio('ec-3', SOUND, eac3)), named(tone, '-c:a', 'eac3'))
})
