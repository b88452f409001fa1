import { isDeepStrictEqual } from 'node:util'
import fc from 'fast-check'
import {
  AudioPacketType,
  type AudioTag,
  audioCodec,
  ChunkReader,
  FlvReader,
  FlvWriter,
  isAudio,
  isKeyframe,
  isMetadata,
  isSequenceHeader,
  isVideo,
  LiveStream,
  MediaState,
  type Message,
  MessageReader,
  type ModEx,
  readAudioTag,
  readAudioTagHeader,
  readVideoTag,
  readVideoTagHeader,
  timestampNanos,
  VideoPacketType,
  type VideoTag,
  videoCodec,
  withTimestampNanos,
  writeAmf0,
  writeAudioTag,
  writeVideoTag
} from 'rtmpipe'
import t from 'tap'
import { audioTrackId } from '../../../lib/media/tags/audio-tag.ts'
import { videoTrackId } from '../../../lib/media/tags/video-tag.ts'
import { captureNames, readCapture } from '../../support/captures.ts'
import { TestClock } from '../../support/clock.ts'
import { hex } from '../../support/hex.ts'
import { audio, metadata, video } from '../../support/media.ts'
import { buffers, holds } from '../../support/property.ts'

const message = (type: number, payload: Buffer): Message => ({
  type,
  messageStreamId: 1,
  chunkStreamId: 6,
  timestamp: 0,
  payload
})

/** What a payload is: K a place to begin, H state for the decoder, . neither. */
const kinds: [string, number, Buffer, string][] = [
  ['AVC sequence header', 9, hex`17 00 000000 01`, 'H'],
  ['AVC sequence header without a record', 9, hex`17 00 000000`, '.'],
  ['AVC keyframe', 9, hex`17 01 000000 65`, 'K'],
  ['AVC inter frame', 9, hex`27 01 000000 41`, '.'],
  ['AVC end of sequence', 9, hex`17 02 000000`, '.'],
  ['AVC, cut', 9, hex`17`, '.'],
  ['Sorenson keyframe', 9, hex`12 00`, 'K'],
  ['VP6 inter frame', 9, hex`24 00`, '.'],
  ['generated keyframe', 9, hex`42 00`, 'K'],
  ['seek command', 9, hex`57 00`, '.'],
  ['nothing', 9, hex``, '.'],
  ['HEVC by codec 12, header', 9, hex`1c 00 000000 01`, 'H'],
  ['HEVC by codec 12, keyframe', 9, hex`1c 01 000000`, 'K'],
  ['AV1 by codec 13, header', 9, hex`1d 00 000000 81`, 'H'],
  ['Enhanced sequence start', 9, hex`90 68766331 01`, 'H'],
  ['Enhanced sequence start without a record', 9, hex`90 68766331`, '.'],
  ['Enhanced coded frames, key', 9, hex`91 68766331 000000`, 'K'],
  ['Enhanced coded frames X, key', 9, hex`93 68766331`, 'K'],
  ['Enhanced coded frames, inter', 9, hex`a1 68766331 000000`, '.'],
  ['Enhanced metadata, frame type 5 as ffmpeg sends it', 9, hex`d4 68766331 02`, 'H'],
  ['Enhanced command frame', 9, hex`d0 00`, '.'],
  ['Enhanced MPEG-2 TS sequence start', 9, hex`95 61763031 80`, 'H'],
  ['Enhanced multitrack, one track, header', 9, hex`96 00 68766331 01 01`, 'H'],
  ['Enhanced multitrack, one track, key', 9, hex`96 01 68766331 01 000000`, 'K'],
  ['Enhanced multitrack, cut', 9, hex`96`, '.'],
  ['Enhanced multitrack, many tracks, key', 9, hex`96 11 68766331 01 000003 000000 00 000003 000000`, 'K'],
  ['Enhanced multitrack, metadata with frame type 5', 9, hex`d6 04 68766331 01 02`, 'H'],
  ['Enhanced ModEx, then a keyframe', 9, hex`97 02 000102 01 68766331 000000`, 'K'],
  ['Enhanced ModEx of 256 bytes, then a header', 9, hex`97 ff 00ff ${Buffer.alloc(256, 1)} 00 68766331`, 'H'],
  ['Enhanced ModEx twice', 9, hex`97 00 aa 07 00 bb 01 68766331`, 'K'],
  ['Enhanced ModEx 256 times', 9, hex`97 ${Buffer.alloc(256 * 3 - 1, hex`00aa07`)} 01 68766331`, 'K'],
  ['Enhanced ModEx 257 times', 9, hex`97 ${Buffer.alloc(257 * 3 - 1, hex`00aa07`)} 01 68766331`, '.'],
  ['Enhanced ModEx, cut', 9, hex`97 ff`, '.'],
  ['Enhanced ModEx beyond the end', 9, hex`97 20 00`, '.'],
  ['AAC header', 8, hex`af 00 1210`, 'H'],
  ['AAC header without a record', 8, hex`af 00`, '.'],
  ['AAC frame', 8, hex`af 01 21`, '.'],
  ['AAC, cut', 8, hex`af`, '.'],
  ['MP3', 8, hex`2f ff`, '.'],
  ['silence', 8, hex``, '.'],
  ['Enhanced audio sequence start', 8, hex`90 4f707573`, 'H'],
  ['Enhanced audio frame', 8, hex`91 4f707573`, '.'],
  ['Enhanced multichannel config', 8, hex`94 4f707573 0102 00000003`, 'H'],
  ['Enhanced audio multitrack header', 8, hex`95 00 4f707573 01`, 'H'],
  ['a command', 20, hex`17 00`, '.']
]

t.test('what a payload is', async t => {
  for (const [name, type, payload, kind] of kinds) {
    const made = message(type, payload)
    t.equal(`${isKeyframe(made) ? 'K' : ''}${isSequenceHeader(made) ? 'H' : ''}` || '.', kind, name)
  }
})

t.test('what the first bytes say', async t => {
  t.same(readVideoTagHeader(hex`96 10 68766331 05`), {
    enhanced: true,
    packetType: 0,
    trackId: 5,
    multitrack: true,
    fourCcAt: 2,
    frameType: 1
  })
  const legacy = { enhanced: false, packetType: 1, trackId: 0, multitrack: false, fourCcAt: 0 }
  t.same(readVideoTagHeader(hex`27 01`), { ...legacy, frameType: 2 })
  t.same(readAudioTagHeader(hex`2f`), { ...legacy, soundFormat: 2 })
  t.same(
    [isVideo(video.frame(0)), isAudio(video.frame(0)), isAudio(audio.frame(0)), isVideo(audio.frame(0))],
    [true, false, true, false]
  )
})

t.test('one codec has one name', async t => {
  const codecs: [name: string | undefined, ...video: Buffer[]][] = [
    ['AVC', hex`17 01`, hex`91 61766331`, hex`97 00 00 01 61766331`, hex`96 10 61766331 01`],
    ['HEVC', hex`1c 01`, hex`91 68766331`],
    ['AV1', hex`91 61763031`],
    ['On2 VP6', hex`24`],
    ['codec 9', hex`29`],
    ['xxxx', hex`91 78787878`],
    [undefined, hex``, hex`91 687663`, hex`d0 00`]
  ]
  for (const [name, ...payloads] of codecs) for (const each of payloads) t.equal(videoCodec(each), name)
  const sounds: [name: string | undefined, ...audio: Buffer[]][] = [
    ['AAC', hex`af 01`, hex`91 6d703461`, hex`95 01 6d703461 01`],
    ['Opus', hex`91 4f707573`],
    ['MP3', hex`2f`, hex`91 2e6d7033`],
    ['sound format 12', hex`c0`],
    [undefined, hex``, hex`91 4f70`]
  ]
  for (const [name, ...payloads] of sounds) for (const each of payloads) t.equal(audioCodec(each), name)
})

t.test('any payload is looked into without a throw', async t => {
  for (let first = 0; first < 256; first++) {
    for (const rest of [
      hex``,
      hex`00`,
      hex`ff`,
      hex`ffffff`,
      hex`00000000000000`,
      hex`ffffffffffffffff`,
      hex`0707070707070707`
    ]) {
      for (const type of [8, 9]) {
        const made = message(type, hex`${Buffer.of(first)} ${rest}`)
        isKeyframe(made)
        isSequenceHeader(made)
      }
    }
  }
  t.pass()
})

t.test('metadata, wrapped or not, in AMF0 or behind the zero byte of type 15', async t => {
  const body = writeAmf0('onMetaData', {})
  t.ok(isMetadata(message(18, body)))
  t.ok(isMetadata(message(15, hex`00 ${body}`)))
  t.ok(isMetadata(message(18, writeAmf0('@setDataFrame', 'onMetaData', {}))))
  for (const other of [
    message(18, writeAmf0('onCuePoint', {})),
    message(18, hex`02 000a 6f6e`),
    message(18, hex``),
    message(9, body)
  ]) {
    t.notOk(isMetadata(other))
  }
})

t.test('the state of a stream is the latest of each part, and pins nothing', async t => {
  const state = new MediaState()
  const read = Buffer.alloc(65536)
  const header = { ...video.header(), payload: read.fill(hex`17 00 000000 01`, 0, 6).subarray(0, 6) }
  t.ok(state.note(header))
  t.ok(state.note(audio.header()))
  t.ok(state.note(metadata(0)))
  t.notOk(state.note(video.keyframe(0)))
  t.notOk(state.note(audio.frame(0)))
  state.note(video.header(40, 2))
  state.note(message(9, hex`96 00 68766331 01 01`))
  t.same(
    state.messages().map(({ type, timestamp }) => [type, timestamp]),
    [
      [9, 40],
      [8, 0],
      [18, 0],
      [9, 0]
    ],
    'one of each: video, audio, metadata, and the second video track'
  )
  const kept = new MediaState()
  kept.note(header)
  t.ok(kept.messages()[0]!.payload.buffer.byteLength < 100, 'a copy of its own')
})

t.test('the first video frame of every publisher captured is a keyframe, and headers come first', async t => {
  for (const name of captureNames.filter(each => each.includes('publish'))) {
    const chunks = new ChunkReader()
    const messages = new MessageReader()
    const kinds: string[] = []
    for (const { header, payload, last } of chunks.chunks(readCapture(name).client.bytes.subarray(3073))) {
      const made = messages.add(header, payload, 0, payload.length, last)
      if (made === undefined || (made.type !== 8 && made.type !== 9)) continue
      kinds.push(`${isVideo(made) ? 'v' : 'a'}${isSequenceHeader(made) ? 'H' : isKeyframe(made) ? 'K' : ''}`)
    }
    t.equal(
      kinds.find(kind => kind === 'v' || kind === 'vK'),
      'vK',
      name
    )
    t.ok(kinds.indexOf('vH') < kinds.indexOf('vK') && kinds.indexOf('vH') >= 0, name)
    t.ok(kinds.indexOf('aH') < kinds.indexOf('a') && kinds.indexOf('aH') >= 0, name)
  }
})

const [hvc1, opus] = [Buffer.from('hvc1'), Buffer.from('Opus')]
const [av01, flac] = [Buffer.from('av01'), Buffer.from('fLaC')]
const [key, modEx] = [{ frameType: 1 }, { modEx: [] }]

/** Payloads and what they are; they are written as they were read. */
const videoTags: [string, Buffer, VideoTag][] = [
  ['AVC header', hex`17 00 000000 01`, { form: 'legacy', ...key, codecId: 7, packetType: 0, data: hex`01` }],
  [
    'AVC frame shown 16 ms before it is decoded',
    hex`27 01 fffff0 41`,
    { form: 'legacy', frameType: 2, codecId: 7, packetType: 1, compositionTime: -16, data: hex`41` }
  ],
  ['AVC end', hex`17 02 000000`, { form: 'legacy', ...key, codecId: 7, packetType: 2, data: hex`` }],
  ['VP6', hex`14 00`, { form: 'legacy', ...key, codecId: 4, packetType: 1, compositionTime: 0, data: hex`00` }],
  ['command', hex`57 01`, { form: 'command', enhanced: false, codecId: 7, command: 1 }],
  ['Enhanced command', hex`d0 00`, { form: 'command', enhanced: true, packetType: 0, ...modEx, command: 0 }],
  [
    'colour as FFmpeg sends it',
    hex`d4 ${hvc1} 02`,
    { form: 'enhanced', frameType: 5, ...modEx, fourCc: 'hvc1', packetType: 4, data: hex`02` }
  ],
  [
    'HEVC frame',
    hex`a1 ${hvc1} 000021 26`,
    { form: 'enhanced', frameType: 2, ...modEx, fourCc: 'hvc1', packetType: 1, compositionTime: 33, data: hex`26` }
  ],
  [
    'AV1 frame, 999,999 ns later',
    hex`a7 02 0f423f 01 ${av01} 12`,
    {
      ...{ form: 'enhanced', frameType: 2, modEx: [{ type: 0, data: hex`0f423f` }] },
      ...{ fourCc: 'av01', packetType: 1, compositionTime: 0, data: hex`12` }
    }
  ],
  [
    'the second track, as FFmpeg and OBS send it',
    hex`96 00 ${hvc1} 01 0102`,
    {
      ...{ form: 'multitrack', ...key, ...modEx, multitrackType: 0 },
      tracks: [{ trackId: 1, fourCc: 'hvc1', packetType: 0, data: hex`0102` }]
    }
  ],
  [
    'two tracks of one codec',
    hex`96 11 ${hvc1} 00 000004 000000aa 01 000003 000021`,
    {
      ...{ form: 'multitrack', ...key, ...modEx, multitrackType: 1 },
      tracks: [
        { trackId: 0, fourCc: 'hvc1', packetType: 1, compositionTime: 0, data: hex`aa` },
        { trackId: 1, fourCc: 'hvc1', packetType: 1, compositionTime: 33, data: hex`` }
      ]
    }
  ],
  [
    'two tracks of two codecs',
    hex`96 20 ${hvc1} 00 000001 aa ${av01} 01 000000`,
    {
      ...{ form: 'multitrack', ...key, ...modEx, multitrackType: 2 },
      tracks: [
        { trackId: 0, fourCc: 'hvc1', packetType: 0, data: hex`aa` },
        { trackId: 1, fourCc: 'av01', packetType: 0, data: hex`` }
      ]
    }
  ]
]

const aac = { form: 'legacy', soundFormat: 10, soundRate: 3, soundSize: 16, soundType: 2 } as const
const audioTags: [string, Buffer, AudioTag][] = [
  ['silence', hex``, { form: 'silence' }],
  ['AAC header', hex`af 00 1210`, { ...aac, packetType: 0, data: hex`1210` }],
  ['AAC frame', hex`af 01 21`, { ...aac, packetType: 1, data: hex`21` }],
  [
    'MP3, 22 kHz, one channel',
    hex`2a ff`,
    { form: 'legacy', soundFormat: 2, soundRate: 2, soundSize: 16, soundType: 1, packetType: 1, data: hex`ff` }
  ],
  ['Opus', hex`91 ${opus} fc`, { form: 'enhanced', ...modEx, fourCc: 'Opus', packetType: 1, data: hex`fc` }],
  [
    'channels of the second track, as FFmpeg sends them',
    hex`95 04 ${opus} 01 01 01 00000004`,
    {
      ...{ form: 'multitrack', ...modEx, multitrackType: 0 },
      tracks: [{ trackId: 1, fourCc: 'Opus', packetType: 4, channelOrder: 1, channelCount: 1, channelFlags: 4 }]
    }
  ],
  [
    'channels in an order of their own',
    hex`94 ${flac} 02 02 01 00`,
    {
      ...{ form: 'enhanced', ...modEx, fourCc: 'fLaC', packetType: 4 },
      ...{ channelOrder: 2, channelCount: 2, channelMapping: [1, 0] }
    }
  ],
  [
    'channels of which only the number is known',
    hex`94 ${flac} 00 06`,
    { form: 'enhanced', ...modEx, fourCc: 'fLaC', packetType: 4, channelOrder: 0, channelCount: 6 }
  ]
]

t.test('a payload whole, read and written', async t => {
  for (const [name, payload, tag] of videoTags) {
    t.same(readVideoTag(payload), tag, name)
    t.same(writeVideoTag(tag), payload, `${name}, written`)
  }
  for (const [name, payload, tag] of audioTags) {
    t.same(readAudioTag(payload), tag, name)
    t.same(writeAudioTag(tag), payload, `${name}, written`)
  }
})

t.test('the forms and the packet types tell the types of the rest', async t => {
  const tag = readVideoTag(hex`a1 ${hvc1} 000021 26`)
  const time =
    tag.form === 'enhanced' && tag.packetType === VideoPacketType.CodedFrames ? tag.compositionTime : undefined
  t.equal(time satisfies number | undefined, 33)
  const sound = readAudioTag(hex`94 ${flac} 01 02 00000003`)
  const isConfig = sound.form === 'enhanced' && sound.packetType === AudioPacketType.MultichannelConfig
  t.equal(isConfig && sound.channelOrder === 1 && (sound.channelFlags satisfies number), 3)
})

t.test('HEVC and AV1 by the codec ids 12 and 13 have packet types if that is asked for', async t => {
  const header = hex`1c 00 000000 01`
  const plain = { form: 'legacy', ...key, codecId: 12 } as const
  t.same(readVideoTag(header), { ...plain, packetType: 1, compositionTime: 0, data: header.subarray(1) })
  t.same(readVideoTag(header, { hasHevcAndAv1: true }), { ...plain, packetType: 0, data: hex`01` })
  t.same(writeVideoTag({ ...plain, packetType: 0, data: hex`01` }, { hasHevcAndAv1: true }), header)
  t.throws(() => writeVideoTag({ ...plain, packetType: 0, data: hex`01` }), RangeError)
  t.equal(videoCodec(hex`1d 01 000000`), 'AV1')
})

t.test('what real encoders do beside the specification is read', async t => {
  t.same(readVideoTag(hex`17 02`), readVideoTag(hex`17 02 000000`), 'an end without its composition time')
  t.same(readVideoTag(hex`17 00 000010 01`), readVideoTag(hex`17 00 000000 01`), 'a header with a composition time')
  t.match(readVideoTag(hex`d6 04 ${hvc1} 01 02`), { form: 'multitrack', frameType: 5, tracks: [{ trackId: 1 }] })
  t.match(readVideoTag(hex`d6 04`), { form: 'command', command: 4 }, 'a command has one byte')
  t.match(readVideoTag(hex`f8 ${hvc1} aa`), { frameType: 7, packetType: 8, data: hex`aa` }, 'what is reserved')
  t.match(readAudioTag(hex`9f 78787878 aa`), { fourCc: 'xxxx', packetType: 15, data: hex`aa` })
})

t.test('illegal payloads are errors with their place', async t => {
  const cases: [string, (payload: Buffer) => unknown, Buffer, string, number][] = [
    ['no byte', readVideoTag, hex``, 'ERR_RTMP_TRUNCATED', 0],
    ['AVC, cut', readVideoTag, hex`17`, 'ERR_RTMP_TRUNCATED', 1],
    ['AVC, cut in its composition time', readVideoTag, hex`17 01 0000`, 'ERR_RTMP_TRUNCATED', 2],
    ['AVC of packet type 3', readVideoTag, hex`17 03 000000`, 'ERR_RTMP_TAG', 1],
    ['a command, cut', readVideoTag, hex`57`, 'ERR_RTMP_TRUNCATED', 1],
    ['a FourCC, cut', readVideoTag, hex`91 687663`, 'ERR_RTMP_TRUNCATED', 1],
    ['HEVC, cut in its composition time', readVideoTag, hex`91 ${hvc1} 00`, 'ERR_RTMP_TRUNCATED', 5],
    ['ModEx, cut', readVideoTag, hex`97 00 00`, 'ERR_RTMP_TRUNCATED', 0],
    ['the second ModEx, cut', readVideoTag, hex`97 00 00 07 05 00`, 'ERR_RTMP_TRUNCATED', 3],
    ['Multitrack in Multitrack', readVideoTag, hex`96 06 ${hvc1} 00`, 'ERR_RTMP_TAG', 1],
    ['ModEx in Multitrack', readAudioTag, hex`95 07 ${opus} 00`, 'ERR_RTMP_TAG', 1],
    ['multitrack type 3', readVideoTag, hex`96 30 ${hvc1} 00`, 'ERR_RTMP_TAG', 1],
    ['a track longer than the payload', readVideoTag, hex`96 10 ${hvc1} 00 000002 aa`, 'ERR_RTMP_TRUNCATED', 10],
    ['a frame longer than its track', readVideoTag, hex`96 11 ${hvc1} 00 000001 aaaaaaaa`, 'ERR_RTMP_TRUNCATED', 10],
    ['257 tracks', readVideoTag, hex`96 10 ${hvc1} ${Buffer.alloc(257 * 4)}`, 'ERR_RTMP_TAG', 6 + 256 * 4],
    ['257 ModEx', readVideoTag, hex`97 ${Buffer.alloc(257 * 3, hex`00aa07`)} 00`, 'ERR_RTMP_TAG', 256 * 3],
    ['AAC, cut', readAudioTag, hex`af`, 'ERR_RTMP_TRUNCATED', 1],
    ['AAC of packet type 2', readAudioTag, hex`af 02`, 'ERR_RTMP_TAG', 1],
    ['a channel order that is reserved', readAudioTag, hex`94 ${opus} 03 02`, 'ERR_RTMP_TAG', 5],
    ['speakers, cut', readAudioTag, hex`94 ${opus} 02 02 01`, 'ERR_RTMP_TRUNCATED', 7]
  ]
  for (const [name, read, payload, code, offset] of cases)
    t.throws(() => read(payload), { name: 'ProtocolError', layer: 'media', code, offset }, name)
})

const word4 = fc.uint8Array({ minLength: 4, maxLength: 4 }).map(bytes => Buffer.from(bytes).toString('latin1'))
const record = <T>(model: { [K in keyof T]: fc.Arbitrary<T[K]> }): fc.Arbitrary<T> =>
  fc.record(model, { noNullPrototype: true }) as fc.Arbitrary<T>
const modifier = record<ModEx>({
  type: fc.nat(15),
  data: fc.oneof(
    buffers(6),
    fc.constantFrom(255, 256, 257, 65_536).map(length => Buffer.alloc(length, 1))
  )
}).filter(({ data }) => data.length > 0)
const modifiers = fc.array(modifier, { maxLength: 3 })
const fourCcs = fc.oneof(word4, fc.constantFrom('avc1', 'hvc1', 'vvc1', 'av01', 'vp09', 'Opus'))
const trackId = fc.nat(255)
const frameType = fc.constantFrom(0, 1, 2, 3, 4, 6, 7)
const data = buffers(20)
const time = fc.integer({ min: -0x800000, max: 0x7fffff })
const hasTime = (fourCc: string) => ['avc1', 'hvc1', 'vvc1'].includes(fourCc)
const videoPacket = (packetType: number, fourCc: string) =>
  packetType === 1
    ? record({ packetType: fc.constant(packetType), compositionTime: hasTime(fourCc) ? time : fc.constant(0), data })
    : record({ packetType: fc.constant(packetType), data })
const audioPacket = (packetType: number) => {
  if (packetType !== 4) return record({ packetType: fc.constant(packetType), data })
  const config = (order: number) => ({ packetType: fc.constant(4), channelOrder: fc.constant(order) })
  return fc.oneof(
    record({ ...config(0), channelCount: fc.nat(255) }),
    record({ ...config(1), channelCount: fc.nat(255), channelFlags: fc.nat(0xffffffff) }),
    fc
      .array(fc.nat(255), { maxLength: 255 })
      .chain(mapping =>
        record({ ...config(2), channelCount: fc.constant(mapping.length), channelMapping: fc.constant(mapping) })
      )
  )
}
type PacketOf = (packetType: number, fourCc: string) => fc.Arbitrary<object>

/** The Enhanced forms of one track and of several; `fields` is what the tag has beside. */
const enhancedTags = (types: number[], packet: PacketOf, fields: Record<string, fc.Arbitrary<unknown>>) =>
  fc.tuple(fc.constantFrom(...types), fc.constantFrom(0, 1, 2)).chain(([packetType, multitrackType]) => {
    const track = (fourCc: string, id = {}) =>
      packet(packetType, fourCc).chain(made =>
        record({ ...id, fourCc: fc.constant(fourCc) }).map(has => ({ ...has, ...made }))
      )
    const lengths = { minLength: 1, maxLength: multitrackType === 0 ? 1 : 5 }
    const tracks =
      multitrackType === 2
        ? fc.array(
            fourCcs.chain(fourCc => track(fourCc, { trackId })),
            lengths
          )
        : fourCcs.chain(fourCc => fc.array(track(fourCc, { trackId }), lengths))
    const one = fc
      .tuple(
        record({ form: fc.constant('enhanced'), modEx: modifiers, ...fields }),
        fourCcs.chain(fourCc => track(fourCc))
      )
      .map(([tag, made]) => ({ ...tag, ...made }))
    return fc.oneof(
      one,
      record({
        form: fc.constant('multitrack'),
        modEx: modifiers,
        multitrackType: fc.constant(multitrackType),
        tracks,
        ...fields
      })
    )
  })
const legacyVideo = fc.oneof(
  record({
    ...{ form: fc.constant('legacy'), frameType, codecId: fc.nat(15).filter(id => ![7, 12, 13].includes(id)) },
    ...{ packetType: fc.constant(1), compositionTime: fc.constant(0), data }
  }),
  record({
    form: fc.constant('legacy'),
    frameType,
    codecId: fc.constantFrom(7, 12, 13),
    packetType: fc.constantFrom(0, 2),
    data
  }),
  record({
    form: fc.constant('legacy'),
    frameType,
    codecId: fc.constantFrom(7, 12, 13),
    packetType: fc.constant(1),
    compositionTime: time,
    data
  }),
  record({ form: fc.constant('command'), enhanced: fc.constant(false), codecId: fc.nat(15), command: fc.nat(255) }),
  record({
    ...{ form: fc.constant('command'), enhanced: fc.constant(true), packetType: fc.constantFrom(0, 1, 2, 3, 5, 6, 15) },
    ...{ modEx: modifiers, command: fc.nat(255) }
  })
)
const videos = fc.oneof(
  legacyVideo,
  enhancedTags([0, 1, 2, 3, 4, 5, 8, 15], videoPacket, { frameType }),
  enhancedTags([4], videoPacket, { frameType: fc.constant(5) })
) as fc.Arbitrary<VideoTag>
const audios = fc.oneof(
  fc.constant({ form: 'silence' }),
  record({
    ...{ form: fc.constant('legacy'), soundFormat: fc.nat(15).filter(format => format !== 9 && format !== 10) },
    ...{ soundRate: fc.nat(3), soundSize: fc.constantFrom(8, 16), soundType: fc.constantFrom(1, 2) },
    ...{ packetType: fc.constant(1), data }
  }),
  record({
    ...{ form: fc.constant('legacy'), soundFormat: fc.constant(10), soundRate: fc.nat(3) },
    ...{ soundSize: fc.constantFrom(8, 16), soundType: fc.constantFrom(1, 2), packetType: fc.constantFrom(0, 1), data }
  }),
  enhancedTags([0, 1, 2, 3, 4, 6, 8, 15], audioPacket, {})
) as fc.Arbitrary<AudioTag>
const options = { hasHevcAndAv1: true }

/** What the header says of a whole tag. */
function headerOf(tag: VideoTag | AudioTag): Record<string, unknown> | undefined {
  if (tag.form === 'silence') return undefined
  const { packetType } =
    tag.form === 'multitrack' ? tag.tracks[0]! : tag.form === 'command' ? { packetType: undefined } : tag
  const trackId = tag.form === 'multitrack' ? tag.tracks[0]!.trackId : 0
  const enhanced = tag.form === 'command' ? tag.enhanced : tag.form !== 'legacy'
  return { enhanced, multitrack: tag.form === 'multitrack', trackId, ...(packetType !== undefined && { packetType }) }
}

const idsOf = (tag: VideoTag | AudioTag): number[] =>
  tag.form === 'multitrack' ? tag.tracks.map(({ trackId }) => trackId) : [0]

function isKey(tag: VideoTag): boolean {
  if (tag.form === 'command' || ![1, 4].includes(tag.frameType)) return false
  const { packetType } = tag.form === 'multitrack' ? tag.tracks[0]! : tag
  return packetType === 1 || (packetType === 3 && tag.form !== 'legacy')
}

t.test('every legal tag is read as it was written, and its header says the same', async t => {
  const says = (header: object | undefined, tag: VideoTag | AudioTag) =>
    Object.entries(headerOf(tag) ?? {}).every(([name, value]) => (header as Record<string, unknown>)[name] === value)
  holds(
    t,
    'video',
    fc.property(videos, tag => {
      const payload = writeVideoTag(tag, options)
      const isSaid = tag.form === 'command' || says(readVideoTagHeader(payload), tag)
      const isAlike =
        isKeyframe(message(9, payload)) === isKey(tag) && videoTrackId(payload) === Math.min(...idsOf(tag))
      return isSaid && isAlike && isDeepStrictEqual(readVideoTag(payload, options), tag)
    }),
    { numRuns: 1000 }
  )
  holds(
    t,
    'audio',
    fc.property(audios, tag => {
      const payload = writeAudioTag(tag)
      const isAlike = audioTrackId(payload) === Math.min(...idsOf(tag))
      return isAlike && says(readAudioTagHeader(payload), tag) && isDeepStrictEqual(readAudioTag(payload), tag)
    }),
    { numRuns: 1000 }
  )
})

t.test('any bytes are a tag that is written as it is read, or a ProtocolError', async t => {
  const same = <Tag>(read: (payload: Buffer) => Tag, write: (tag: Tag) => Buffer, payload: Buffer) => {
    let tag: Tag
    try {
      tag = read(payload)
    } catch (error) {
      return (error as Error).name === 'ProtocolError'
    }
    return isDeepStrictEqual(read(write(tag)), tag)
  }
  const bytes = fc
    .tuple(fc.constantFrom(0x96, 0x97, 0xd6, 0xd7, 0x95, 0x94, 0x17, 0x57, 0xaf, undefined), buffers(40))
    .map(([first, rest]) => (first === undefined ? rest : hex`${Buffer.of(first)} ${rest}`))
  const both = (payload: Buffer) =>
    same(readVideoTag, writeVideoTag, payload) && same(readAudioTag, writeAudioTag, payload)
  holds(t, 'bytes', fc.property(bytes, both), { numRuns: 5000 })
})

t.test('what cannot be written is a RangeError', async t => {
  const frame = { form: 'enhanced', ...key, ...modEx, fourCc: 'hvc1', packetType: 1, compositionTime: 0, data } as const
  const video = (changed: object) => () => writeVideoTag({ ...frame, data: hex``, ...changed } as VideoTag)
  const tracks = [{ ...frame, data: hex``, trackId: 0 }]
  const several = (changed: object) => video({ form: 'multitrack', multitrackType: 1, tracks, ...changed })
  t.doesNotThrow(several({}))
  const wrong: [string, () => unknown][] = [
    ['a FourCC of three', video({ fourCc: 'hvc' })],
    ['a FourCC beyond Latin-1', video({ fourCc: 'hvc\u0101' })],
    ['a composition time of 25 bits', video({ compositionTime: 0x800000 })],
    ['a composition time of AV1', video({ fourCc: 'av01', compositionTime: 1 })],
    ['frame type 8', video({ frameType: 8 })],
    ['a frame with the frame type of a command', video({ frameType: 5 })],
    ['packet type Multitrack', video({ packetType: 6 })],
    ['packet type ModEx', video({ packetType: 7 })],
    ['ModEx without data', video({ modEx: [{ type: 0, data: hex`` }] })],
    ['ModEx of 65,537 bytes', video({ modEx: [{ type: 0, data: Buffer.alloc(65_537) }] })],
    ['257 ModEx', video({ modEx: Array.from({ length: 257 }, () => ({ type: 0, data: hex`00` })) })],
    ['ModEx of type 16', video({ modEx: [{ type: 16, data: hex`00` }] })],
    ['no track', several({ tracks: [] })],
    ['two tracks as one', several({ multitrackType: 0, tracks: [...tracks, ...tracks] })],
    ['two codecs in ManyTracks', several({ tracks: [...tracks, { ...tracks[0], fourCc: 'av01' }] })],
    ['two packet types', several({ multitrackType: 2, tracks: [...tracks, { ...tracks[0], packetType: 3 }] })],
    ['track 256', several({ tracks: [{ ...tracks[0], trackId: 256 }] })],
    ['multitrack type 3', several({ multitrackType: 3 })],
    ['Multitrack in Multitrack', several({ tracks: [{ ...tracks[0], packetType: 6 }] })],
    ['VP6 with packet types', video({ form: 'legacy', codecId: 4, packetType: 0 })],
    ['AVC of packet type 3', video({ form: 'legacy', codecId: 7, packetType: 3 })],
    ['a command of 9 bits', video({ form: 'command', enhanced: false, codecId: 7, command: 256 })],
    ['a command that reads as metadata', video({ form: 'command', enhanced: true, packetType: 4, command: 0 })]
  ]
  const sound = (changed: object) => () =>
    writeAudioTag({ form: 'enhanced', ...modEx, fourCc: 'Opus', packetType: 1, data: hex``, ...changed } as AudioTag)
  const config = { packetType: 4, channelCount: 2 }
  wrong.push(
    ['sound format 9 as a codec', sound({ ...aac, soundFormat: 9 })],
    ['MP3 with packet types', sound({ ...aac, soundFormat: 2, packetType: 0 })],
    ['24 bits', sound({ ...aac, soundSize: 24 })],
    ['three channels', sound({ ...aac, soundType: 3 })],
    ['packet type 5', sound({ packetType: 5 })],
    ['three speakers of two', sound({ ...config, channelOrder: 2, channelMapping: [0, 1, 2] })],
    ['speaker 256', sound({ ...config, channelOrder: 2, channelMapping: [0, 256] })],
    ['a mask of 33 bits', sound({ ...config, channelOrder: 1, channelFlags: 2 ** 32 })],
    ['channel order 3', sound({ ...config, channelOrder: 3 })]
  )
  for (const [name, write] of wrong) t.throws(write, RangeError, name)
})

t.test('several tracks in one payload: each is state of its own, and the lowest counts', async t => {
  const state = new MediaState()
  const header = (...ids: number[]) => {
    const tracks = ids.map(trackId => ({ trackId, fourCc: 'hvc1', packetType: 0, data: hex`01` }) as const)
    return message(9, writeVideoTag({ form: 'multitrack', ...key, ...modEx, multitrackType: 1, tracks }))
  }
  const kept = (...messages: Message[]) => {
    for (const each of messages) state.note(each)
    return state.messages().map(({ payload }) => {
      const tag = readVideoTag(payload)
      return tag.form === 'multitrack' ? tag.tracks.map(({ trackId }) => trackId) : tag.form
    })
  }
  t.same(kept(header(0, 1)), [[0, 1]])
  t.same(kept(header(0)), [[0, 1], [0]], 'the older one is read first, for it still has track 1')
  t.same(kept(header(1)), [[1], [0]])
  t.same(kept(header(2, 1)), [[2, 1], [0]])
  t.same(kept(video.header(), header(2)), [[2, 1], 'legacy', [2]])
  t.same(kept(header(0, 1, 2)), [[0, 1, 2]], 'a track is the same in every form')
})

t.test('colour of two codecs is kept, also where FFmpeg sends it without the id of its track', async t => {
  const state = new MediaState()
  for (const fourCc of ['hvc1', 'av01', 'hvc1']) state.note(message(9, hex`d4 ${Buffer.from(fourCc)} 02`))
  t.equal(state.messages().length, 2)
})

t.test('the state of a stream has at most 4 MiB', async t => {
  const state = new MediaState()
  for (let id = 0; id < 256; id++)
    state.note(message(9, hex`96 00 ${hvc1} ${Buffer.of(id)} ${Buffer.alloc(65_536, 1)}`))
  t.ok(state.messages().length < 64, `${state.messages().length} headers of 64 KiB`)
  const last = message(9, hex`96 00 ${hvc1} 00 02`)
  t.match(state.note(last), { payload: last.payload }, 'what replaces a part is kept')
})

t.test('nanoseconds are read, written, and kept by a live stream and a file', async t => {
  const opus = (prefix: Buffer) => message(8, hex`${prefix} ${Buffer.from('Opus')} fc`)
  const frame = message(9, hex`a1 ${hvc1} 000021 26`)
  const exact = withTimestampNanos(frame, 333_333)
  t.same(exact.payload, hex`a7 02 051615 01 ${hvc1} 000021 26`)
  t.equal(timestampNanos(exact), 333_333)
  t.same(withTimestampNanos(exact, 0), frame)
  t.same(withTimestampNanos(exact, 999_999).payload, hex`a7 02 0f423f 01 ${hvc1} 000021 26`, 'in place of another')
  t.same(withTimestampNanos(opus(hex`97 00 aa 11`), 1).payload, hex`97 00 aa 17 02 000001 01 ${opus(hex``).payload}`)
  t.equal(timestampNanos(opus(hex`97 03 00000100 07 00 aa 11`)), 1, 'of more than three bytes, and ahead of another')
  t.equal(timestampNanos(opus(hex`97 02 000001 07 02 000002 01`)), 2, 'of two the last')
  const track = writeVideoTag({
    ...{ form: 'multitrack', ...key, modEx: [], multitrackType: 0 },
    tracks: [{ trackId: 1, fourCc: 'hvc1', packetType: 3, data: hex`26` }]
  })
  const second = withTimestampNanos(message(9, track), 5)
  t.match(readVideoTag(second.payload), { form: 'multitrack', modEx: [{ type: 0 }], tracks: [{ trackId: 1 }] })
  t.ok(isKeyframe(second))
  for (const none of [
    hex`97`,
    hex`97 02 0000`,
    hex`97 02 0f4240 01`,
    hex`97 01 0001 01`,
    hex`97 02 000001 11`,
    hex``,
    hex`af 01`
  ])
    t.equal(timestampNanos(message(8, none)), 0, none.toString('hex'))
  t.equal(timestampNanos(message(18, exact.payload)), 0)
  t.throws(() => withTimestampNanos(frame, 1e6), RangeError)
  t.throws(() => withTimestampNanos(video.frame(0), 1), TypeError)
  t.throws(() => withTimestampNanos(message(9, hex`97 02`), 1), { code: 'ERR_RTMP_TRUNCATED' })
  const live = new LiveStream({ clock: new TestClock() })
  const reading = live.subscribe()
  live.input().end(withTimestampNanos(message(9, hex`93 ${hvc1} 26`), 7))
  const [relayed] = (await reading.take(1).toArray()) as Message[]
  t.equal(timestampNanos(relayed!), 7)
  const file = Buffer.concat(new FlvWriter().write(relayed!))
  t.equal(timestampNanos([...new FlvReader().messages(file)][0]!), 7)
})
