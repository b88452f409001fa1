import { setImmediate as turnOfTheLoop } from 'node:timers/promises'
import fc from 'fast-check'
import {
  type AmfObject,
  EcmaArray,
  LiveStream,
  liveMetadata,
  type Message,
  readColorInfo,
  readStreamMetadata,
  wrapped,
  writeAmf0,
  writeVideoTag
} from 'rtmpipe'
import t from 'tap'
import { TestClock } from '../support/clock.ts'
import { hex } from '../support/hex.ts'
import { metadata, video } from '../support/media.ts'
import { buffers, holds } from '../support/property.ts'

const says = (properties: AmfObject) => {
  const { video, audio } = readStreamMetadata(metadata(0, properties))!
  const without = ([id, { properties: _, ...rest }]: [number, { properties: AmfObject }]) => [id, rest]
  return { video: [...video].map(without), audio: [...audio].map(without) }
}

t.test('what the metadata of real encoders says', async t => {
  const obs = { videocodecid: 7, audiocodecid: 10, width: 320, height: 180, framerate: 10, videodatarate: 2500 }
  t.same(says({ ...obs, audiosamplerate: 44_100, audiochannels: 1, stereo: true, audiodatarate: 160 }), {
    video: [[0, { codec: 'AVC', width: 320, height: 180, frameRate: 10, dataRate: 2500 }]],
    audio: [[0, { codec: 'AAC', sampleRate: 44_100, channels: 1, dataRate: 160 }]]
  })
  // FFmpeg 8, and GStreamer 1.28, which reverses the bytes
  const ffmpeg = says({ videocodecid: 1752589105, audiocodecid: 1332770163, stereo: true })
  t.match(ffmpeg, { video: [[0, { codec: 'HEVC' }]], audio: [[0, { codec: 'Opus', channels: 2 }]] })
  t.match(says({ videocodecid: 828601960, audiocodecid: 0x7375704f }), {
    video: [[0, { codec: 'HEVC' }]],
    audio: [[0, { codec: 'Opus' }]]
  })
  const texts = says({ videocodecid: 'avc1', audiocodecid: 'mp4a' })
  t.match(texts, { video: [[0, { codec: 'AVC' }]], audio: [[0, { codec: 'AAC' }]] })
  t.match(says({ videocodecid: 0x78787879, audiocodecid: -1 }), {
    video: [[0, { codec: 'xxxy' }]],
    audio: [[0, { codec: 'codec -1' }]]
  })
})

t.test('other tracks have what the stream has where they have nothing of their own', async t => {
  const videoTrackIdInfoMap = {
    1: { width: 1024, height: 768, videodatarate: 2000, videocodecid: 0x61763031 },
    2: { height: 2160 }
  }
  const audioTrackIdInfoMap = new EcmaArray({
    1: { audiodatarate: 256, channels: 2, samplerate: 48_000, audiocodecid: 0x4f707573 },
    256: {},
    x: {},
    3: 'none'
  })
  const own = { width: 640, height: 360, videocodecid: 7, audiocodecid: 10, audiosamplerate: 44_100, audiochannels: 6 }
  const all = { ...own, videoTrackIdInfoMap, audioTrackIdInfoMap }
  const told = {
    video: [
      [0, { codec: 'AVC', width: 640, height: 360 }],
      [1, { codec: 'AV1', width: 1024, height: 768, dataRate: 2000 }],
      [2, { codec: 'AVC', width: 640, height: 2160 }]
    ],
    audio: [
      [0, { codec: 'AAC', sampleRate: 44_100, channels: 6 }],
      [1, { codec: 'Opus', sampleRate: 48_000, channels: 2, dataRate: 256 }]
    ]
  }
  t.same(says(all), told)
  t.same(says({ ...all, width: 'wide', height: Number.NaN }).video[0], [0, { codec: 'AVC' }])
  t.same(readStreamMetadata(metadata(0, { ...own, language: 'en' }))?.audio.get(0)?.properties.language, 'en')
  const sent = wrapped(metadata(0, { ...all, duration: 1 }))
  t.same(readStreamMetadata(sent)?.video.get(1)?.width, 1024, 'in @setDataFrame')
  t.same(readStreamMetadata(liveMetadata(sent))?.video.get(1)?.width, 1024, 'the maps remain in a live stream')
  t.equal(readStreamMetadata(video.header()), undefined)
  t.equal(readStreamMetadata({ ...metadata(0), payload: hex`02000a6f6e` }), undefined)
})

const message = (payload: Buffer): Message => ({ type: 9, messageStreamId: 1, timestamp: 0, payload })
const colorConfig = { bitDepth: 10, colorPrimaries: 9, transferCharacteristics: 16, matrixCoefficients: 9 }
const pq = { colorConfig, hdrCll: { maxFall: 400, maxCLL: 1000 }, hdrMdcv: { redX: 0.708, minLuminance: 0.005 } }
const colors = (info: unknown) => writeAmf0('colorInfo', info as AmfObject)

t.test('colours, with any frame type, in a multitrack packet and without', async t => {
  const hvc1 = { trackId: 0, fourCc: 'hvc1' }
  for (const first of [0x94, 0xd4])
    t.same(readColorInfo(hex`${Buffer.of(first)} ${Buffer.from('hvc1')} ${colors(pq)}`), [{ ...hvc1, colorInfo: pq }])
  for (const frameType of [1, 5]) {
    const tracks = [
      { trackId: 1, fourCc: 'hvc1', packetType: 4, data: colors(pq) },
      { trackId: 2, fourCc: 'av01', packetType: 4, data: colors(undefined) }
    ] as const
    const payload = writeVideoTag({ form: 'multitrack', frameType, modEx: [], multitrackType: 2, tracks })
    t.same(readColorInfo(payload), [
      { trackId: 1, fourCc: 'hvc1', colorInfo: pq },
      { trackId: 2, fourCc: 'av01', colorInfo: {} }
    ])
  }
  const of = (data: Buffer) => readColorInfo(hex`d4 ${Buffer.from('hvc1')} ${data}`)
  t.same(of(colors({})), [{ ...hvc1, colorInfo: {} }], 'as in the stream again')
  t.same(of(colors({ colorConfig: { bitDepth: '10', colorPrimaries: Number.NaN }, hdrCll: 1 })), [
    { ...hvc1, colorInfo: {} }
  ])
  t.same(of(writeAmf0('other', 1, 'colorInfo', pq)), [{ ...hvc1, colorInfo: pq }], 'behind another pair')
  for (const nothing of [writeAmf0('other', 1), hex`02`, hex``]) t.same(of(nothing), [])
  for (const payload of [hex``, hex`d0 00`, hex`17 00 000000 01`, hex`91 ${Buffer.from('hvc1')} 000000`])
    t.same(readColorInfo(payload), [])
  const any = fc.property(buffers(60), bytes => of(bytes).length < 2)
  holds(t, 'any bytes', any, { numRuns: 2000 })
})

t.test('HDR that is told beside the stream alone', async t => {
  const live = new LiveStream({ clock: new TestClock() })
  const input = live.input()
  for (const each of [
    message(hex`90 ${Buffer.from('hvc1')} 01`),
    message(hex`d4 ${Buffer.from('hvc1')} ${colors(pq)}`),
    message(hex`93 ${Buffer.from('hvc1')} 26`)
  ])
    input.write(each)
  await turnOfTheLoop()
  t.match(live.stats().video, { codec: 'HEVC', hdr: 'PQ', width: null })
})
