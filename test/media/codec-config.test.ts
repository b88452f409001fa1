import { setImmediate as turnOfTheLoop } from 'node:timers/promises'
import fc from 'fast-check'
import { LiveStream, type Message, readCodecConfig, writeAudioTag, writeVideoTag } from 'rtmpipe'
import t from 'tap'
import { aacFormat, ac3Format, flacFormat, mp3Format, opusFormat } from '../../lib/media/config/audio.ts'
import { av1Format, av1FrameFormat } from '../../lib/media/config/av1.ts'
import { avcFormat } from '../../lib/media/config/avc.ts'
import { BitReader } from '../../lib/media/config/bit-reader.ts'
import { hevcFormat } from '../../lib/media/config/hevc.ts'
import { vp8FrameFormat, vp9FrameFormat, vpFormat } from '../../lib/media/config/vp.ts'
import { TestClock } from '../support/clock.ts'
import { hex } from '../support/hex.ts'
import { audio, metadata, video } from '../support/media.ts'
import { holds } from '../support/property.ts'

/** What encoders of FFmpeg wrote; codec-config.long.test.ts compares more of them with ffprobe. */
const written = {
  // libx264, 1920x1080 of two fields: 1088 lines, of which 8 are cropped
  avc: hex`01640028ffe1001a67640028acd94078044fde0220000003002000000643e2c5b2c001000668fba3cb22c0fdf8f800`,
  // libx265, 322x182, PQ, without its VPS
  hevc: hex`0102200000009000000000003cf000fcfdfafa00000f012100010042
    42010102200000030090000003000003003ca00a480b9c94d96566924caf016a1220120800001f480003a98040220001`,
  // libaom-av1, 322x182, HLG
  av1: hex`81004c000a0e000000043d06d4daf95091209040`,
  // libvpx-vp9, 10 bits; the body of the box has a version
  vp: hex`01000000020ba20202020000`,
  vp9: hex`92498342000a0805ab011c120e0c2c00`,
  vp8: hex`f067009d012a4201b6000007`,
  aac: hex`1210 56e500`,
  flac: hex`664c614300000022120012000004d20004d20ac442f00000113aa7e129326b5bc5ac89a7bee277e87424`,
  opus: hex`4f707573486561640102380180bb0000000000`,
  ac3: hex`0b770dce5e40ebf8`,
  eac3: hex`0b77037f3f87c000`,
  mp3: hex`fff370c0`
}

const depth = { bitDepth: 10, chroma: '4:2:0' }
const color = (colorPrimaries: number, transferCharacteristics: number, matrixCoefficients: number) => ({
  color: { colorPrimaries, transferCharacteristics, matrixCoefficients, isFullRange: false }
})
const size = { width: 322, height: 182 }

t.test('what the records and frames of encoders say', async t => {
  const wide = { width: 1920, height: 1080, frameRate: 25, isInterlaced: true }
  t.same(avcFormat(written.avc), {
    ...wide,
    profile: 'High',
    level: '4',
    bitDepth: 8,
    chroma: '4:2:0',
    color: undefined
  })
  const hevc = { ...size, ...depth, ...color(9, 16, 9), profile: 'Main 10', level: '2', isInterlaced: false }
  t.match(hevcFormat(written.hevc), hevc)
  t.equal(hevcFormat(written.hevc)?.frameRate, 30_000 / 1001)
  const av1 = { ...size, ...depth, ...color(9, 18, 9), profile: 'Main', level: '2.0', frameRate: undefined }
  t.same(av1Format(written.av1), av1)
  t.same(av1FrameFormat(written.av1.subarray(4)), av1)
  const vp9 = { ...depth, profile: 'Profile 2' }
  t.same(vpFormat(written.vp), { ...vp9, ...color(2, 2, 2), level: '1.1' })
  t.same(vpFormat(written.vp.subarray(4)), vpFormat(written.vp), 'without the version')
  t.same(vp9FrameFormat(written.vp9), { ...vp9, ...size })
  t.same(vp8FrameFormat(written.vp8), { ...size, profile: 'Profile 0', bitDepth: 8, chroma: '4:2:0' })
  t.same(aacFormat(written.aac), { sampleRate: 44_100, channels: 2, profile: 'LC' })
  for (const bytes of [written.flac, hex`00000000 ${written.flac.subarray(4)}`, written.flac.subarray(8)])
    t.same(flacFormat(bytes), { sampleRate: 44_100, channels: 2 })
  t.same(opusFormat(written.opus), { sampleRate: 48_000, channels: 2 })
  t.same(ac3Format(written.ac3), { sampleRate: 44_100, channels: 6 })
  t.same(ac3Format(written.eac3), { sampleRate: 48_000, channels: 6 })
  t.same(mp3Format(written.mp3), { sampleRate: 22_050, channels: 1 })
})

t.test('HE-AAC, declared in each of its ways', async t => {
  const cases: [string, Buffer, object][] = [
    ['explicit', hex`2b8a08`, { sampleRate: 44_100, channels: 1, profile: 'HE-AAC' }],
    ['explicit, version 2', hex`eb8a08`, { sampleRate: 44_100, channels: 2, profile: 'HE-AACv2' }],
    ['behind the config of LC', hex`1390 56e5a0`, { sampleRate: 44_100, channels: 2, profile: 'HE-AAC' }],
    ['version 2 behind it', hex`1388 56e5a5 4880`, { sampleRate: 44_100, channels: 2, profile: 'HE-AACv2' }],
    ['a rate of its own', hex`17800bb81000`, { sampleRate: 6000, channels: 2, profile: 'LC' }],
    ['a rate of 0', hex`1780000010`, { sampleRate: undefined, channels: 2, profile: 'LC' }],
    ['channels in the first frame', hex`1200`, { sampleRate: 44_100, channels: undefined, profile: 'LC' }],
    ['an object type above 31', hex`f94640`, { sampleRate: 48_000, channels: 2, profile: 'object type 42' }]
  ]
  for (const [name, config, says] of cases) t.same(aacFormat(config), says, name)
  t.equal(aacFormat(hex`12`), undefined)
})

t.test('levels and profiles of AVC that a constraint names', async t => {
  const named = (bytes: Buffer) => avcFormat(hex`01 ${bytes} ff e0`)
  t.same(named(hex`42c00b`), { profile: 'Constrained Baseline', level: '1.1' })
  t.same(named(hex`42d00b`), { profile: 'Constrained Baseline', level: '1b' })
  t.same(named(hex`42001e`), { profile: 'Baseline', level: '3' })
  t.same(named(hex`640c1f`), { profile: 'Constrained High', level: '3.1' })
  t.same(named(hex`6e1029`), { profile: 'High 10 Intra', level: '4.1' })
  t.same(named(hex`760028`), { profile: 'profile 118', level: '4' })
})

t.test('reference pictures of HEVC that are predicted from others', async t => {
  // 8x8 pixels of level 1, then three sets: one picture before, one more by prediction, and that by prediction once more
  const bits = [
    ...['0000', '000', '1', '0'.repeat(88), '00011110', '1', '010', '0001001', '0001001', '0', '1', '1'],
    ...['00101', '1', '1', '1', '1', '1', '1', '1', '1', '1', '1', '0', '00', '0'],
    // three sets; 1 before and 0 behind, by 1; sign, by 1, used, used; sign, by 1, used, not used but kept, not used
    ...['00100', '010', '1', '1', '1', '1', '1', '1', '1', '1', '1', '1', '1', '1', '01', '00'],
    // no long-term pictures; VUI with PQ, 50 frames a second
    ...['0', '00', '1', '0', '0', '1', '101', '0', '1', '00001001', '00010000', '00001001', '0', '000', '0'],
    ...['1', (1).toString(2).padStart(32, '0'), (50).toString(2).padStart(32, '0'), '0', '0', '1']
  ].join('')
  const sps = Buffer.from(bits.match(/.{1,8}/g)!.map(byte => Number.parseInt(byte.padEnd(8, '0'), 2)))
  let zeros = 0
  const escaped = Buffer.from(
    [...sps].flatMap(byte => {
      const isEscaped = zeros === 2 && byte < 4
      zeros = byte !== 0 ? 0 : isEscaped ? 1 : zeros + 1
      return isEscaped ? [3, byte] : [byte]
    })
  )
  const record = hex`01 ${Buffer.alloc(21)} 01 21 0001 ${Buffer.of(0, escaped.length + 2)} 4201 ${escaped}`
  t.match(hevcFormat(record), { width: 8, height: 8, frameRate: 50, ...color(9, 16, 9) })
})

const message = (type: number, payload: Buffer): Message => ({ type, messageStreamId: 1, timestamp: 0, payload })
const modEx: [] = []

t.test('a config for each track of a message', async t => {
  const tracks = [
    { trackId: 1, fourCc: 'hvc1', packetType: 0, data: written.hevc },
    { trackId: 0, fourCc: 'av01', packetType: 0, data: written.av1 },
    { trackId: 2, fourCc: 'vvc1', packetType: 0, data: hex`00` }
  ] as const
  const header = writeVideoTag({ form: 'multitrack', frameType: 1, modEx, multitrackType: 2, tracks })
  t.match(readCodecConfig(message(9, header)), [
    { kind: 'video', trackId: 1, codec: 'HEVC', hdr: 'PQ', ...size },
    { kind: 'video', trackId: 0, codec: 'AV1', hdr: 'HLG', ...size }
  ])
  const sound = (fourCc: string, packetType: 0 | 1, data: Buffer) =>
    readCodecConfig(message(8, writeAudioTag({ form: 'enhanced', modEx, fourCc, packetType, data })))
  t.same(sound('Opus', 0, written.opus), [
    { kind: 'audio', trackId: 0, codec: 'Opus', codecString: 'opus', sampleRate: 48_000, channels: 2 }
  ])
  t.match(sound('ac-3', 1, written.ac3), [{ codec: 'AC-3', channels: 6 }])
  t.same([sound('Opus', 1, written.opus), sound('ac-3', 0, written.ac3), sound('xxxx', 0, hex`00`)], [[], [], []])
})

t.test('a config of a legacy message', async t => {
  t.match(readCodecConfig(message(9, hex`17 00 000000 ${written.avc}`)), [{ codec: 'AVC', width: 1920 }])
  t.match(readCodecConfig(message(9, hex`1c 00 000000 ${written.hevc}`)), [{ codec: 'HEVC', hdr: 'PQ' }])
  t.match(readCodecConfig(message(9, hex`1d 00 000000 ${written.av1}`)), [{ codec: 'AV1', hdr: 'HLG' }])
  t.match(readCodecConfig(message(8, hex`af 00 ${written.aac}`)), [{ codec: 'AAC', sampleRate: 44_100 }])
  const says = (payload: Buffer) =>
    readCodecConfig(message(8, payload)).map(
      config => config.kind === 'audio' && [config.codec, config.sampleRate, config.channels]
    )
  t.same(says(hex`2e ${written.mp3}`), [['MP3', 22_050, 1]])
  t.same(says(hex`2e`), [['MP3', 44_100, 1]], 'by the bits of the header, where there is no frame')
  t.same(says(hex`3b 00`), [['Linear PCM, little endian', 22_050, 2]])
  t.same(says(hex`52 00`), [['Nellymoser 8 kHz', 8000, 1]])
  t.same(says(hex`b6 00`), [['Speex', 16_000, 1]])
  t.same(says(hex`7e 00`), [['G.711 A-law', 8000, 1]])
  for (const nothing of [hex``, hex`af 01 21`, hex`ff`]) t.same(says(nothing), [])
  for (const [type, payload] of [
    [9, hex``],
    [9, hex`57 00`],
    [9, hex`17 01 000000 65`],
    [9, hex`12 00`],
    [18, hex`17 00 000000 ${written.avc}`]
  ] as const)
    t.same(readCodecConfig(message(type, payload)), [], 'nothing')
})

t.test('the string of a codec for MSE, WebCodecs, HLS and DASH', async t => {
  const strings = (type: number, payload: Buffer) =>
    readCodecConfig(message(type, payload)).map(config => config.codecString)
  const pictures = (fourCc: string, packetType: 0 | 3, data: Buffer) =>
    strings(9, writeVideoTag({ form: 'enhanced', frameType: 1, modEx, fourCc, packetType, data }))
  const sound = (fourCc: string, packetType: 0 | 1, data: Buffer) =>
    strings(8, writeAudioTag({ form: 'enhanced', modEx, fourCc, packetType, data }))
  const records: [string, Buffer, string][] = [
    ['avc1', written.avc, 'avc1.640028'],
    ['hvc1', written.hevc, 'hvc1.2.4.L60.90'],
    // of x265: Main, whose flags say that Main 10 decodes it too, and a tier, a space and constraints in the middle
    ['hvc1', hex`01 01 60000000 900000000000 3c ${written.hevc.subarray(13)}`, 'hvc1.1.6.L60.90'],
    ['hvc1', hex`01 64 08000000 9d0800000000 99 ${written.hevc.subarray(13)}`, 'hvc1.A4.10.H153.9D.8'],
    ['av01', written.av1, 'av01.0.00M.10'],
    ['av01', hex`81 50 e00a`, 'av01.2.16H.12'],
    ['vp08', written.vp, 'vp8'],
    ['vp09', written.vp, 'vp09.02.11.10'],
    ['vp09', hex`00 00 82 020202 0000`, 'vp09.00.10.08']
  ]
  for (const [fourCc, record, string] of records) t.same(pictures(fourCc, 0, record), [string], string)
  t.same(pictures('vp09', 3, written.vp9), [undefined], 'a keyframe lacks the level')
  const sounds: [string, 0 | 1, Buffer, string][] = [
    ['mp4a', 0, written.aac, 'mp4a.40.2'],
    ['mp4a', 0, hex`2b8a08`, 'mp4a.40.5'],
    ['mp4a', 0, hex`1390 56e5a0`, 'mp4a.40.2'],
    ['mp4a', 0, hex`f94640`, 'mp4a.40.42'],
    ['Opus', 0, written.opus, 'opus'],
    ['fLaC', 0, written.flac, 'flac'],
    ['ac-3', 1, written.ac3, 'ac-3'],
    ['ec-3', 1, written.eac3, 'ec-3'],
    ['.mp3', 1, written.mp3, 'mp3']
  ]
  for (const [fourCc, packetType, data, string] of sounds) t.same(sound(fourCc, packetType, data), [string], string)
  t.same(strings(9, hex`17 00 000000 ${written.avc}`), ['avc1.640028'])
  t.same(strings(8, hex`af 00 ${written.aac}`), ['mp4a.40.2'])
  t.same(strings(8, hex`2e ${written.mp3}`), ['mp3'])
  t.same(strings(8, hex`b6 00`), [undefined])
})

t.test('what is cut, absurd or of another codec says less, and throws nothing', async t => {
  const readers = [avcFormat, hevcFormat, av1Format, av1FrameFormat, vpFormat, vp9FrameFormat, vp8FrameFormat]
  const sounds = [aacFormat, flacFormat, opusFormat, ac3Format, mp3Format]
  const isSane = (bytes: Buffer) =>
    readers.every(read => {
      const { width = 1, height = 1, frameRate = 1 } = read(bytes) ?? {}
      return [width, height].every(pixels => pixels > 0 && pixels <= 65_536) && frameRate > 0 && frameRate < 2 ** 33
    }) &&
    sounds.every(read => {
      const { sampleRate = 1, channels = 1 } = read(bytes) ?? {}
      return sampleRate > 0 && sampleRate < 2 ** 24 && channels > 0 && channels < 256
    })
  for (const [name, bytes] of Object.entries(written))
    for (let length = 0; length < bytes.length; length++)
      t.ok(isSane(bytes.subarray(0, length)), `${name}, ${length} bytes`)
  const changes = fc.array(fc.tuple(fc.nat(60), fc.constantFrom(0, 1, 0x7f, 0x80, 0xff)), { maxLength: 6 })
  const changed = fc.tuple(fc.constantFrom(...Object.values(written)), changes).map(([bytes, edits]) => {
    const copy = Buffer.from(bytes)
    for (const [at, value] of edits) if (at < copy.length) copy[at] = value
    return copy
  })
  holds(t, 'changed', fc.property(changed, isSane), { numRuns: 5000 })
  t.same(avcFormat(hex`01640028ffe1ffff 67640028 ${Buffer.alloc(65_531)}`), { profile: 'High', level: '4' }, 'zeros')
  t.match(avcFormat(written.avc.subarray(0, 20)), { profile: 'High', width: 1920 }, 'cut in the VUI')
})

t.test('Exp-Golomb: at most 31 zeros', async t => {
  t.equal(new BitReader(hex`00000001ffffffff`).ue(), 2 ** 32 - 2)
  const reader = new BitReader(hex`00000000ffffffffffffffff`)
  t.same([reader.ue(), reader.isOver], [0, true])
  t.same(
    [1, 2, 3, 4].map(value => new BitReader(Buffer.of([0, 0x40, 0x60, 0x20, 0x28][value]!)).se()),
    [1, -1, 2, -2]
  )
})

t.test('a stream says what its headers and frames say, and what its metadata says where they do not', async t => {
  const live = new LiveStream({ clock: new TestClock() })
  const publish = async (...messages: Message[]) => {
    const input = live.input()
    for (const each of messages) input.write(each)
    for (let turn = 0; turn < 3; turn++) await turnOfTheLoop()
    return { ...live.stats(), end: () => input.end() }
  }
  const lies = metadata(0, { width: 640, height: 360, framerate: 24, audiosamplerate: 8000, audiochannels: 1 })
  const avc = message(9, hex`17 00 000000 ${written.avc}`)
  const first = await publish(lies, avc, message(8, hex`af 00 ${written.aac}`), video.keyframe(0), audio.frame(0))
  t.match(first.video, {
    codec: 'AVC',
    width: 1920,
    height: 1080,
    frameRate: 24,
    profile: 'High',
    level: '4',
    hdr: null
  })
  t.match(first.audio, { codec: 'AAC', sampleRate: 44_100, channels: 2 })
  first.end()
  const enhanced = (fourCc: string, packetType: 0 | 1, data: Buffer) => {
    const tag = { form: 'enhanced', frameType: 1, modEx, fourCc } as const
    return message(
      9,
      writeVideoTag(packetType === 1 ? { ...tag, packetType, compositionTime: 0, data } : { ...tag, packetType, data })
    )
  }
  const ac3 = message(8, writeAudioTag({ form: 'enhanced', modEx, fourCc: 'ac-3', packetType: 1, data: written.ac3 }))
  const second = await publish(enhanced('vp09', 0, written.vp), enhanced('vp09', 1, written.vp9), ac3)
  t.match(second.video, { codec: 'VP9', ...size, profile: 'Profile 2', level: '1.1' })
  t.match(second.audio, { codec: 'AC-3', sampleRate: 44_100, channels: 6 })
  second.end()
  const third = await publish(enhanced('hvc1', 0, written.hevc), enhanced('hvc1', 1, hex`26`))
  t.match(third.video, { codec: 'HEVC', ...size, hdr: 'PQ', frameRate: 30_000 / 1001 })
  t.equal(third.audio, null)
  third.end()
  const tracks = [
    { trackId: 3, fourCc: 'av01', packetType: 0, data: written.av1 },
    { trackId: 2, fourCc: 'hvc1', packetType: 0, data: written.hevc }
  ] as const
  const both = message(9, writeVideoTag({ form: 'multitrack', frameType: 1, modEx, multitrackType: 2, tracks }))
  const fourth = await publish(both, enhanced('hvc1', 1, hex`26`))
  t.match(fourth.video, { codec: 'HEVC', hdr: 'PQ' }, 'of several tracks the first')
})
