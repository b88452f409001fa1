import {
  Amf0Writer,
  AmfDate,
  type AmfValue,
  Dictionary,
  EcmaArray,
  ExternalizableObject,
  TypedObject,
  unsupported,
  Vector,
  writeAmf0,
  Xml,
  XmlDocument
} from 'rtmpipe'
import t from 'tap'
import { AmfText } from '../../lib/inspect/amf-text.ts'
import { errorEntry, type LedgerEntry, messageEntry } from '../../lib/inspect/ledger.ts'
import { jsonLine } from '../../lib/inspect/ledger-json.ts'
import { textLine } from '../../lib/inspect/ledger-text.ts'
import { hex } from '../support/hex.ts'

const entry = (type: number, payload: Buffer) =>
  messageEntry({ type, chunkStreamId: 3, messageStreamId: 1, timestamp: 40, payload })

/** What a ledger tells of a body, behind the columns that all messages have. */
const told = (type: number, payload: Buffer): string => textLine(entry(type, payload)).replace(/^csid.*? B /, '')

t.test('a message that comes from no capture has the columns that are known', async t => {
  t.equal(textLine(entry(9, hex`17 00`)), 'csid  3 msid 1 ts      40      2 B Video AVC sequence header')
  const live = { ...entry(9, hex`17 00`), time: 1.5 }
  t.equal(textLine(live), '   1.500 csid  3 msid 1 ts      40      2 B Video AVC sequence header')
})

t.test('video', async t => {
  const lines: [Buffer, string][] = [
    [hex`12`, 'Sorenson H.263 keyframe'],
    [hex`21`, 'JPEG inter frame'],
    [hex`33`, 'Screen video disposable inter frame'],
    [hex`44`, 'On2 VP6 generated keyframe'],
    [hex`25`, 'On2 VP6 with alpha inter frame'],
    [hex`26`, 'Screen video version 2 inter frame'],
    [hex`0a`, 'codec 10 frame type 0'],
    [hex`62`, 'Sorenson H.263 frame type 6'],
    [hex`17 00 000000`, 'AVC sequence header'],
    [hex`27 01 000021`, 'AVC inter frame NALU, composition time 33'],
    [hex`27 01 ffffdf`, 'AVC inter frame NALU, composition time -33'],
    [hex`27 01 0000`, 'AVC inter frame NALU'],
    [hex`17 02 000000`, 'AVC end of sequence'],
    [hex`17 03`, 'AVC packet type 3'],
    [hex`1c 01 000021`, 'HEVC keyframe NALU, composition time 33'],
    [hex`57 00`, 'AVC command frame'],
    [hex`90 ${Buffer.from('hvc1')}`, 'hvc1 SequenceStart'],
    [hex`91 ${Buffer.from('hvc1')} 000021`, 'hvc1 keyframe CodedFrames, composition time 33'],
    [hex`91 ${Buffer.from('avc1')} 000021`, 'avc1 keyframe CodedFrames, composition time 33'],
    [hex`91 ${Buffer.from('vvc1')} 000021`, 'vvc1 keyframe CodedFrames, composition time 33'],
    [hex`91 ${Buffer.from('hvc1')} 0000`, 'hvc1 keyframe CodedFrames'],
    [hex`a1 ${Buffer.from('av01')} 000021`, 'av01 inter frame CodedFrames'],
    [hex`92 ${Buffer.from('vp09')}`, 'vp09 SequenceEnd'],
    [hex`93 ${Buffer.from('hvc1')} 000021`, 'hvc1 keyframe CodedFramesX'],
    [hex`d4 ${Buffer.from('hvc1')}`, 'hvc1 Metadata'],
    [hex`95 ${Buffer.from('av01')}`, 'av01 MPEG2TSSequenceStart'],
    [hex`98 ${Buffer.from('av01')}`, 'av01 packet type 8'],
    [hex`d0 00`, 'command frame'],
    [hex`96 00 ${Buffer.from('av01')} 02`, 'av01 SequenceStart track 2'],
    [hex`96 11 ${Buffer.from('hvc1')} 02 000021`, 'hvc1 keyframe CodedFrames track 2'],
    [hex`97 02 000000 01 ${Buffer.from('hvc1')} 000021`, 'hvc1 keyframe CodedFrames, composition time 33'],
    [
      hex`97 ff 00ff ${Buffer.alloc(256)} 01 ${Buffer.from('hvc1')} 000021`,
      'hvc1 keyframe CodedFrames, composition time 33'
    ],
    [hex`97 00 00 07 00 00 06 03 ${Buffer.from('hvc1')} 05`, 'hvc1 keyframe CodedFramesX track 5'],
    [hex`97 02 051615 01 ${Buffer.from('av01')} 12`, 'av01 keyframe CodedFrames, 333333 ns'],
    [hex`97 ff`, '<97ff>'],
    [hex`91 ${Buffer.from('hvc')}`, '<91687663>'],
    [hex`96 00 ${Buffer.from('hvc')}`, '<9600687663>'],
    [hex`17`, '<17>'],
    [hex``, '']
  ]
  for (const [payload, line] of lines) t.equal(told(9, payload), `Video ${line}`.trim(), payload.toString('hex', 0, 16))
})

t.test('audio', async t => {
  const lines: [Buffer, string][] = [
    [hex`af 00`, 'AAC sequence header'],
    [hex`af 01`, 'AAC raw'],
    [hex`af 02`, 'AAC packet type 2'],
    [hex`9e`, '<9e>'],
    [hex`af`, '<af>'],
    [hex`90 ${Buffer.from('Opus')}`, 'Opus SequenceStart'],
    [hex`91 ${Buffer.from('Opus')}`, 'Opus CodedFrames'],
    [hex`92 ${Buffer.from('fLaC')}`, 'fLaC SequenceEnd'],
    [hex`93 ${Buffer.from('fLaC')}`, 'fLaC packet type 3'],
    [hex`94 ${Buffer.from('Opus')}`, 'Opus MultichannelConfig'],
    [hex`95 01 ${Buffer.from('Opus')} 07`, 'Opus CodedFrames track 7'],
    [hex`97 02 000001 01 ${Buffer.from('Opus')}`, 'Opus CodedFrames, 1 ns'],
    [hex`af 00 1190`, 'AAC sequence header, 48000 Hz 2 channels LC'],
    [hex`90 ${Buffer.from('OpusOpusHead')} 01020000 80bb0000 000000`, 'Opus SequenceStart, 48000 Hz 2 channels'],
    [hex``, '']
  ]
  for (const [payload, line] of lines) t.equal(told(8, payload), `Audio ${line}`.trim(), payload.toString('hex'))
  const names: Record<number, string> = {
    0: 'Linear PCM, platform endian',
    1: 'ADPCM',
    2: 'MP3',
    3: 'Linear PCM, little endian',
    4: 'Nellymoser 16 kHz',
    5: 'Nellymoser 8 kHz',
    6: 'Nellymoser',
    7: 'G.711 A-law',
    8: 'G.711 mu-law',
    11: 'Speex',
    12: 'sound format 12',
    14: 'MP3 8 kHz',
    15: 'device-specific'
  }
  for (const [format, name] of Object.entries(names))
    t.equal(told(8, Buffer.of(Number(format) << 4, 0)), `Audio ${name}`)
})

t.test('media, in JSON: nothing but what is said', async t => {
  const says = (type: number, payload: Buffer) => JSON.parse(jsonLine(entry(type, payload))).says
  const track = { packetType: 'CodedFrames', trackId: 7 }
  t.same(says(8, hex`91 ${Buffer.from('Opus')}`), { kind: 'audio', codec: 'Opus', packetType: 'CodedFrames' })
  t.same(says(8, hex`95 01 ${Buffer.from('Opus')} 07`), { kind: 'audio', codec: 'Opus', ...track })
  t.same(says(9, hex`96 01 ${Buffer.from('hvc1')} 07`), {
    kind: 'video',
    codec: 'hvc1',
    frameType: 'keyframe',
    ...track
  })
})

t.test('control messages, and types that nobody knows', async t => {
  t.equal(told(1, hex`00001000`), 'SetChunkSize chunkSize 4096')
  t.equal(told(2, hex`00000006`), 'Abort chunkStreamId 6')
  t.equal(told(3, hex`00000006`), 'Acknowledgement sequenceNumber 6')
  t.equal(told(6, hex`00000006 02`), 'SetPeerBandwidth windowSize 6 limitType dynamic')
  t.equal(told(4, hex`0006 00000007`), 'UserControl PingRequest timestamp 7')
  t.equal(told(4, hex`001a`), 'UserControl SwfVerificationRequest')
  t.equal(told(4, hex`0063 0102`), 'UserControl Unknown eventType 99 data <0102>')
  t.match(told(1, hex`00`), /^SetChunkSize ERR_RTMP_\w+: /)
  t.equal(told(99, hex``), 'type 99')
  t.equal(told(99, Buffer.alloc(16, 1)), `type 99 <${'01'.repeat(16)}>`)
  t.equal(told(99, Buffer.alloc(17, 1)), `type 99 <${'01'.repeat(16)}…>`)
})

t.test('commands and data', async t => {
  t.equal(told(20, writeAmf0('call', 3, null, 'a')), 'CommandAmf0 #3 call(null, "a")')
  t.equal(told(20, writeAmf0('call', -0)), 'CommandAmf0 #-0 call()')
  t.equal(told(17, hex`00 ${writeAmf0('call', 3, null)}`), 'CommandAmf3 #3 call(null)')
  t.equal(told(20, writeAmf0('a b', 3, null)), 'CommandAmf0 #3 "a b"(null)')
  t.match(told(20, hex`02 00`), /^CommandAmf0 ERR_RTMP_\w+: .*/)
  t.equal(told(18, writeAmf0('onTextData', { text: 'x' }, 1)), 'DataAmf0 onTextData({text: "x"}, 1)')
  t.equal(told(18, writeAmf0(7, true)), 'DataAmf0 7(true)')
  t.equal(told(18, writeAmf0('x'.repeat(64))), `DataAmf0 ${'x'.repeat(64)}()`)
  t.equal(told(18, writeAmf0('x'.repeat(65))), `DataAmf0 "${'x'.repeat(64)}…"()`)
})

t.test('AMF values, as a program would write them', async t => {
  const text = (...values: AmfValue[]) => [...new AmfText().list(values)].join('')
  const met = { a: 1 }
  t.equal(
    text(1.5, Number.NaN, -0, true, null, undefined, unsupported),
    '1.5, NaN, -0, true, null, undefined, unsupported'
  )
  t.equal(text([], [1, [2]], {}, { a: {}, 'b c': 2 }), '[], [1, [2]], {}, {a: {}, "b c": 2}')
  t.equal(text(new EcmaArray({ a: 1 }), new TypedObject('Point', { x: 1 })), 'EcmaArray {a: 1}, Point {x: 1}')
  t.equal(text(new AmfDate(5), new XmlDocument('<a b="1"/>')), 'Date 5, XML "<a b=\\"1\\"/>"')
  t.equal(text(new Xml('<a/>'), hex`00ff`, new Vector(Int32Array.of(1, -1))), 'XML "<a/>", <00ff>, Vector [1, -1]')
  t.equal(
    text(
      new Vector(['a', []]),
      new Dictionary([
        ['a', 1],
        [{}, 2]
      ])
    ),
    'Vector ["a", []], Dictionary {"a" => 1, {} => 2}'
  )
  t.equal(text(new ExternalizableObject('ArrayList', [1])), 'ArrayList [1]')
  t.equal(text(met, met), '{a: 1}, again')
  t.equal(text('x'.repeat(64), 'x'.repeat(65)), `"${'x'.repeat(64)}", "${'x'.repeat(64)}…"`)
})

t.test('aggregates', async t => {
  const part = (type: number, body: Buffer) =>
    hex`${Buffer.of(type, 0, 0, body.length)} 00000000 000000 ${body} 000000${Buffer.of(11 + body.length)}`
  const film = Buffer.concat([part(9, hex`17 00`), part(8, hex`af 01`), part(22, hex`00`)])
  t.equal(told(22, film), 'Aggregate 3 messages: Video,Audio,Aggregate')
  const { says } = JSON.parse(jsonLine(entry(22, film)))
  t.match(says.parts, [
    { says: { kind: 'video', codec: 'AVC' } },
    { says: { kind: 'audio', codec: 'AAC' } },
    { says: { kind: 'bytes' } }
  ])
  t.equal(
    told(22, Buffer.concat(Array<Buffer>(20).fill(part(9, hex`17 00`)))),
    `Aggregate 20 messages: ${'Video,'.repeat(16).slice(0, -1)}`
  )
  t.match(told(22, film.subarray(0, 12)), /^Aggregate ERR_RTMP_AGGREGATE: /)
})

t.test('a line is 160 characters at most, and nothing in it is obeyed by a terminal', async t => {
  const line = (text: string) => textLine({ kind: 'note', text })
  t.equal(line('x'.repeat(160)), 'x'.repeat(160))
  t.equal(line('x'.repeat(161)), `${'x'.repeat(159)}…`)
  t.equal(line(`${'x'.repeat(158)}😀😀`), `${'x'.repeat(158)}…`, 'half a character goes with its other half')
  t.equal(
    line('a\x1b[2Jb\r\nc\u0085\u200b\u202e\u2028\u2029\ud800'),
    'a\\u001b[2Jb\\u000d\\u000ac\\u0085\\u200b\\u202e\\u2028\\u2029\\ud800'
  )
  t.equal(line('é😀 \u{e0001}'), 'é😀 \\udb40\\udc01')
  const json = jsonLine({ kind: 'note', text: '\u007f\u202e\ud800' })
  t.equal(json, '{"kind":"note","text":"\\u007f\\u202e\\ud800"}')
  t.equal(JSON.parse(json).text, '\u007f\u202e\ud800')
})

t.test('JSON: each value as it is, or under its name', async t => {
  const json = (...values: AmfValue[]) => JSON.parse(jsonLine(entry(18, writeAmf0(...values)))).says.values
  t.same(json(1.5, 'a', true, null, [1], { a: [] }), [1.5, 'a', true, null, [1], { a: [] }])
  t.same(json(Number.NaN, Number.POSITIVE_INFINITY, -0, undefined, unsupported), [
    { $: 'number', value: 'NaN' },
    { $: 'number', value: 'Infinity' },
    { $: 'number', value: '-0' },
    { $: 'undefined' },
    { $: 'unsupported' }
  ])
  t.same(json(new EcmaArray({ a: 1 }, 7), new TypedObject('P', { x: 1 }), new AmfDate(5, 1), new XmlDocument('<a/>')), [
    { $: 'EcmaArray', count: 7, properties: { a: 1 } },
    { $: 'TypedObject', className: 'P', properties: { x: 1 } },
    { $: 'AmfDate', milliseconds: 5, timeZone: 1 },
    { $: 'XmlDocument', text: '<a/>' }
  ])
  const amf3 = new Amf0Writer({ amf3: true })
  amf3
    .write(new Xml('a'))
    .write(hex`00ff`)
    .write(new Vector(new Int32Array(65).fill(-1), true))
    .write(new Vector([1]))
  amf3.write(new Dictionary([['a', 1]])).write(new ExternalizableObject('flex.messaging.io.ArrayList', [1]))
  t.same(JSON.parse(jsonLine(entry(15, hex`00 ${amf3.done()}`))).says.values, [
    { $: 'Xml', text: 'a' },
    { $: 'bytes', length: 2, hex: '00ff' },
    {
      $: 'Vector',
      items: { $: 'Int32Array', length: 65, values: Array(64).fill(-1) },
      isFixed: true,
      className: '*'
    },
    { $: 'Vector', items: [1], isFixed: false, className: '*' },
    { $: 'Dictionary', entries: [['a', 1]], hasWeakKeys: false },
    { $: 'ExternalizableObject', className: 'flex.messaging.io.ArrayList', value: [1] }
  ])
  t.match(jsonLine(entry(18, hex`03 0009 ${Buffer.from('__proto__')} 05 000009`)), '{"__proto__":null}')
  const met = { a: 1 }
  const says = { kind: 'data', values: [{ 'a/b~': met }, met] } as const
  const { values } = JSON.parse(jsonLine({ ...entry(18, hex``), says })).says
  t.same(values, [{ 'a/b~': { a: 1 } }, { $: 'reference', to: '/says/values/0/a~1b~0' }])
})

t.test('an error that no bytes have caused is none of the ledger', async t => {
  const bug = new TypeError('a bug')
  t.throws(() => errorEntry(bug), bug)
})

t.test('the entries that no capture of ours has', async t => {
  const lines: [LedgerEntry, string][] = [
    [{ kind: 'flv', offset: 0, audio: false, video: false }, '         0 FLV, audio no, video no'],
    [
      { kind: 'missing', connection: 2, from: 'server', time: 1, bytes: 7 },
      '   1.000 2 <- 7 bytes missing in the capture; decoding stops'
    ]
  ]
  for (const [entry, line] of lines) t.equal(textLine(entry), line)
})
