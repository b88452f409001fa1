import {
  audioCodec,
  ChunkReader,
  isAudio,
  isKeyframe,
  isMetadata,
  isSequenceHeader,
  isVideo,
  MediaState,
  type Message,
  MessageReader,
  readAudioTag,
  readVideoTag,
  videoCodec,
  writeAmf0
} from 'rtmpipe'
import t from 'tap'
import { captureNames, readCapture } from '../support/captures.ts'
import { hex } from '../support/hex.ts'
import { audio, metadata, video } from '../support/media.ts'

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
  ['Enhanced ModEx, then a keyframe', 9, hex`97 02 000102 01 68766331 000000`, 'K'],
  ['Enhanced ModEx of 256 bytes, then a header', 9, hex`97 ff 00ff ${Buffer.alloc(256, 1)} 00 68766331`, 'H'],
  ['Enhanced ModEx twice', 9, hex`97 00 aa 07 00 bb 01 68766331`, 'K'],
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
  t.same(readVideoTag(hex`96 10 68766331 05`), {
    enhanced: true,
    packetType: 0,
    trackId: 5,
    multitrack: true,
    fourCcAt: 2,
    frameType: 1
  })
  const legacy = { enhanced: false, packetType: 1, trackId: 0, multitrack: false, fourCcAt: 0 }
  t.same(readVideoTag(hex`27 01`), { ...legacy, frameType: 2 })
  t.same(readAudioTag(hex`2f`), { ...legacy, soundFormat: 2 })
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
