import { AmfDate, type AmfValue, EcmaArray, TypedObject, unsupported, writeAmf0, XmlDocument } from 'rtmpipe'
import { chunks, created, said, setChunkSizeTo, shaken, u32 } from '../../support/hostile.ts'
import { type Case, connecting, hex, joined } from './case.ts'

const raw = (...bytes: Buffer[]): Buffer => chunks(20, joined(...bytes))
const question = writeAmf0('later', 0, null)
/** Containers in one another, each with the next as its only value, and null in the last. */
const nested = (isAmf3: boolean, open: string, close: string, depth: number): Buffer =>
  raw(
    question,
    hex(isAmf3 ? '11' : ''),
    Buffer.alloc(depth * (open.length / 2), hex(open)),
    hex(isAmf3 ? '01' : '05'),
    Buffer.alloc((depth * close.length) / 2, hex(close))
  )
const collection = `0a0743${Buffer.from('flex.messaging.io.ArrayCollection').toString('hex')}`
const containers = [
  [false, 'object', '03000161', '000009'],
  [false, 'ECMA array', '0800000001000161', '000009'],
  [false, 'strict array', '0a00000001', ''],
  [false, 'typed object', '10000143000161', '000009'],
  [true, 'object of AMF3', '0a0b010361', '01'],
  [true, 'array of AMF3', '090301', ''],
  [true, 'ECMA array of AMF3', '09010361', '01'],
  [true, 'typed object of AMF3', '0a1303430361', ''],
  [true, 'vector', '100300032a', ''],
  [true, 'dictionary', '11030001', ''],
  [true, 'collection of Flex', collection, '']
] as const
/** A value of AMF3. */
const amf3 = (...text: string[]): Buffer => raw(question, hex('11'), ...text.map(hex))
const polluted = { __proto__: null, constructor: { prototype: { polluted: 1 } } }
const evil = hex(
  '0009 5f5f70726f746f5f5f 03 0008 706f6c6c75746564 00 3ff0000000000000 000009 000009'.replaceAll(' ', '')
)

const evilAmf3 = hex('13 5f5f70726f746f5f5f 0a0b01 11 706f6c6c75746564 0401 01'.replaceAll(' ', ''))

/** Every kind of value, for wherever one is expected. */
const anything: readonly AmfValue[] = [
  0,
  -1,
  Number.NaN,
  Number.POSITIVE_INFINITY,
  1e308,
  true,
  '',
  'x',
  '\0/../..',
  'y'.repeat(70_000),
  null,
  undefined,
  {},
  { code: 1, app: 7, tcUrl: [] },
  [],
  [[[]]],
  new EcmaArray({}, 0xffffffff),
  new TypedObject('flash.net.NetConnection', {}),
  new AmfDate(Number.NaN),
  new XmlDocument('<x/>'),
  unsupported as AmfValue
]
const cycle: AmfValue[] = []
cycle.push(cycle, { cycle })

/** 20,000 objects that each refer to the last, and one key that reads as an index, which JavaScript puts first. */
const chain = (): Buffer => {
  const objects: Buffer[] = [hex('03 0001 61 03 000009'.replaceAll(' ', ''))]
  for (let i = 1; i < 20_000; i++) {
    const index = Buffer.from(`k${i}`)
    objects.push(
      joined(u32(index.length).subarray(2), index, hex('03000161'), hex('07'), u32(i).subarray(2), hex('000009'))
    )
  }
  return joined(...objects, hex('0001'), Buffer.from('0'), hex('07'), u32(20_000).subarray(2), hex('000009'))
}

const wrongArguments = (name: string, messageStreamId: number, ahead: readonly AmfValue[]): Buffer => {
  const args: (readonly AmfValue[])[] = [[]]
  for (const value of anything) args.push([value], [...ahead, value])
  return joined(...args.map(each => said(name, 5, each, { messageStreamId })))
}

export const ofAmf: readonly Case[] = [
  ...containers.flatMap(([isAmf3, kind, open, close]) => [
    { row: 'A1', what: `64 deep, ${kind}`, sends: nested(isAmf3, open, close, 64) },
    {
      row: 'A1',
      what: `65 and 100,000 deep, ${kind}`,
      sends: [nested(isAmf3, open, close, 65), nested(isAmf3, open, close, 100_000)],
      ends: 'ERR_RTMP_AMF_DEPTH' as const
    }
  ]),

  {
    row: 'A2',
    what: 'a strict array that counts beyond its bytes',
    sends: [raw(question, hex('0affffffff')), raw(question, hex('0a0000000205'))],
    ends: 'ERR_RTMP_AMF_COUNT'
  },
  {
    row: 'A2',
    what: 'arrays, vectors, dictionaries and classes of AMF3 that count beyond their bytes',
    sends: [
      amf3('09ffffffff01'),
      amf3('0dffffffff00'),
      amf3('10ffffffff0001'),
      amf3('11ffffffff00'),
      amf3('0afffffff301')
    ],
    ends: 'ERR_RTMP_AMF_COUNT'
  },
  {
    row: 'A2',
    what: 'a strict array of none, an ECMA array that lies',
    sends: raw(question, hex('0a0000000008ffffffff000009'))
  },
  {
    row: 'A2',
    what: 'more values than there may be',
    sends: joined(
      setChunkSizeTo(0xffffff),
      chunks(20, joined(question, Buffer.alloc(100_000, 5)), { chunkSize: 0xffffff })
    ),
    ends: 'ERR_RTMP_AMF_NODES'
  },
  {
    row: 'A2',
    what: 'more names in a class of AMF3 than there may be values',
    sends: joined(
      setChunkSizeTo(0xffffff),
      chunks(20, joined(question, hex('11 0a 80c99f03 01'.replaceAll(' ', '')), Buffer.alloc(200_000, 1)), {
        chunkSize: 0xffffff
      })
    ),
    ends: 'ERR_RTMP_AMF_NODES'
  },
  {
    row: 'A3',
    what: 'texts longer than their bytes',
    sends: ['02ffff61', '0cffffffff61', '0fffffffff61', '10ffff61', '03ffff61'].map(text => raw(question, hex(text))),
    ends: 'ERR_RTMP_TRUNCATED'
  },
  {
    row: 'A3',
    what: 'texts and bytes of AMF3 longer than their bytes',
    sends: ['06ffffff', '0bffffffff61', '0cffffffff61', '0aff', '0a0bffffffff'].map(text => amf3(text)),
    ends: 'ERR_RTMP_TRUNCATED'
  },
  {
    row: 'A3',
    what: 'a connect cut at any byte of its object',
    behind: shaken(),
    sends: ((body: Buffer) => Array.from({ length: 40 }, (_, i) => chunks(20, body.subarray(0, 20 + i))))(
      writeAmf0('connect', 1, { app: 'live', tcUrl: 'rtmp://127.0.0.1/live' })
    ),
    asks: 'nothing',
    ends: 'ERR_RTMP_TRUNCATED'
  },
  { row: 'A3', what: 'text that is no UTF-8', sends: raw(question, hex('020004ff80c0fe'), hex('030002c32805000009')) },
  {
    row: 'A4',
    what: '__proto__ as a key of every container',
    behind: shaken(),
    sends: [
      joined(raw(writeAmf0('connect', 1), hex('03'), evil)),
      joined(raw(writeAmf0('connect', 1), hex('0800000001'), evil)),
      joined(raw(writeAmf0('connect', 1), hex('10000143'), evil)),
      joined(raw(writeAmf0('connect', 1), hex('110a0b01'), evilAmf3, hex('01'))),
      joined(raw(writeAmf0('connect', 1), hex('110901'), evilAmf3, hex('01'))),
      joined(raw(writeAmf0('connect', 1), hex('110a130343'), evilAmf3))
    ],
    shows: (_, { session }) => {
      const info = session!.connection!.info as { __proto__?: unknown }
      return [
        [Object.getPrototypeOf(info), Object.keys(info), (Object.prototype as { polluted?: unknown }).polluted],
        [null, ['__proto__'], undefined]
      ]
    }
  },
  {
    row: 'A4',
    what: 'constructor, prototype, toString as keys',
    behind: shaken(),
    sends: connecting({ ...polluted, toString: 1, valueOf: 2, hasOwnProperty: 3, app: 'live' })
  },
  {
    row: 'A5',
    what: 'a reference to what was not sent',
    sends: [raw(question, hex('070000')), raw(question, hex('03000161070001000009'))],
    ends: 'ERR_RTMP_AMF_REFERENCE'
  },
  {
    row: 'A5',
    what: 'a reference of AMF3 to a text, an object, a class that was not sent',
    sends: [amf3('0600'), amf3('09030109', '04'), amf3('0a01')],
    ends: 'ERR_RTMP_AMF_REFERENCE'
  },
  {
    row: 'A5',
    what: 'a value of AMF3 that holds itself, sent back',
    sends: chunks(17, joined(hex('00'), writeAmf0('FCPublish', 5, null), hex('110a0b0103610903010a0001'))),
    hears: /^onFCPublish/
  },
  {
    row: 'A5',
    what: 'a value that holds itself, sent back',
    sends: said('FCPublish', 5, [null, cycle]),
    hears: /^onFCPublish/
  },
  {
    row: 'A6',
    what: '60,000 references to one array',
    sends: raw(
      question,
      hex('030001610a00000001050001610a0000ea60'),
      Buffer.alloc(180_000, hex('070001')),
      hex('000009')
    )
  },
  {
    row: 'A6',
    what: '60,000 references of AMF3 to one array',
    sends: raw(question, hex('11 0987a94301 09030101'.replaceAll(' ', '')), Buffer.alloc(120_000, hex('0902')))
  },
  {
    row: 'A6',
    what: '20,000 objects in a chain of references',
    sends: joined(raw(question, chain()), raw(writeAmf0('FCPublish', 5, null), chain()))
  },
  {
    row: 'A7',
    what: 'classes that are none of its own, XML that asks for a file',
    sends: [
      said('later', 0, [null, new TypedObject('constructor', {}), new TypedObject('__proto__', { a: 1 })]),
      said('later', 0, [null, new XmlDocument('<!DOCTYPE x [<!ENTITY f SYSTEM "file:///etc/passwd">]><x>&f;</x>')])
    ]
  },
  {
    row: 'A7',
    what: 'classes of AMF3 that are none of its own, XML that asks for a file',
    sends: [
      amf3(`0a0317${Buffer.from('constructor').toString('hex')}`),
      amf3(`0b31${Buffer.from('<!DOCTYPE x SYSTEM "f:">').toString('hex')}`)
    ]
  },
  {
    row: 'A7',
    what: 'an object of AMF3 that only its class can read',
    sends: [amf3('0a070358ab'), amf3(`0a0707`, Buffer.from('DSK').toString('hex'))],
    ends: 'ERR_RTMP_AMF_EXTERNALIZABLE'
  },
  {
    row: 'A8',
    what: 'a connect with anything for its object',
    behind: shaken(),
    sends: [said('connect', 1, []), ...anything.map(value => connecting(value))]
  },
  {
    row: 'A8',
    what: 'an app and a tcUrl of any type',
    behind: shaken(),
    sends: anything.map(value => connecting({ app: value, tcUrl: value }))
  },
  ...(
    [
      'createStream',
      'deleteStream',
      'releaseStream',
      'FCPublish',
      'FCUnpublish',
      'FCSubscribe',
      'getStreamLength',
      '_checkbw',
      'later',
      '_result',
      '_error',
      'onStatus'
    ] as const
  ).map(name => ({
    row: 'A8',
    what: `${name} with anything for its arguments`,
    sends: wrongArguments(name, 0, [null])
  })),
  ...(['publish', 'play', 'pause', 'seek', 'receiveAudio', 'receiveVideo', 'closeStream'] as const).map(name => ({
    row: 'A8',
    what: `${name} with anything for its arguments`,
    behind: created,
    sends: anything.slice(0, 12).map(value => wrongArguments(name, 1, [null, value]))
  })),
  {
    row: 'A8',
    what: 'a command whose name is no text, or its transaction no number',
    sends: [
      ...anything.filter(value => typeof value !== 'string').map(value => raw(writeAmf0(value, 1))),
      ...anything.filter(value => typeof value !== 'number').map(value => raw(writeAmf0('later', value)))
    ],
    ends: 'ERR_RTMP_COMMAND'
  },
  {
    row: 'A9',
    what: 'transactions and message streams that are no numbers to count with',
    sends: joined(
      ...[Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, -1, 0.5, 2 ** 53].flatMap(value => [
        said('later', value, [null]),
        said('deleteStream', 0, [null, value]),
        said('later', 0, [null, new AmfDate(value)])
      ])
    ),
    hears: /^_error Infinity/
  }
]
