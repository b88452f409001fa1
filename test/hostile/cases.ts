import { getDiffieHellman } from 'node:crypto'
import {
  AmfDate,
  type AmfValue,
  EcmaArray,
  type RtmpErrorCode,
  TypedObject,
  unsupported,
  writeAmf0,
  XmlDocument
} from 'rtmpipe'
import { writeDigest, writeKey } from '../../lib/handshake/packets.ts'
import {
  basicHeader,
  type Chunked,
  chunks,
  connected,
  control,
  created,
  type Guest,
  playing,
  publishing,
  type Stage,
  said,
  setChunkSizeTo,
  shaken,
  u24,
  u32
} from '../support/hostile.ts'

/** One threat: what a guest sends, and what has to become of it. */
export interface Case {
  /** Its row in the table of threats: C of chunks, A of AMF, S of sessions, F of files, E of RTMPE. */
  readonly row: string
  readonly what: string
  /** What is sent, each by a session of its own; a question that is always answered comes behind it. */
  readonly sends: Buffer | readonly Buffer[]
  /** What stands ahead of it: the connection to an app, unless told. */
  readonly behind?: Buffer
  /** What ends the session; without it, it goes on. */
  readonly ends?: RtmpErrorCode | 'closed'
  /** What is heard in answer. */
  readonly hears?: RegExp
  /** How the last question is written; `'nothing'`, that there is none. */
  readonly asks?: Chunked | 'nothing'
  /** Bytes that the process may hold for it, where that is the matter. */
  readonly holds?: number
  /** Whether the guest reads what it is sent. */
  readonly reads?: false
  /** What happens when all has been sent. */
  readonly meanwhile?: (stage: Stage, guest: Guest) => unknown
  /** What must be so at the end, and what is so. */
  readonly shows?: (stage: Stage, guest: Guest) => readonly [found: unknown, wanted: unknown]
}

const MiB = 1024 * 1024
const PRIME = getDiffieHellman('modp2').getPrime()
const lessOne = (odd: Buffer): Buffer => Buffer.concat([odd.subarray(0, -1), Buffer.of(odd.at(-1)! - 1)])

/** C0 and C1 of RTMPE with this public key in it. */
function rtmpeHello(key: Buffer): Buffer {
  const c1 = Buffer.alloc(1536, 0x55)
  c1.writeUInt32BE(0x80_00_03_02, 4)
  writeKey(c1, 0, key)
  writeDigest(c1, 0, 'client')
  return Buffer.concat([Buffer.of(6), c1])
}

const many = (count: number, make: (i: number) => Buffer): Buffer =>
  Buffer.concat(Array.from({ length: count }, (_, i) => make(i)))
const again = (count: number, bytes: Buffer): Buffer => Buffer.alloc(count * bytes.length, bytes)
const joined = (...parts: Buffer[]): Buffer => Buffer.concat(parts)
const zeros = (length: number): Buffer => Buffer.alloc(length)
const hex = (text: string): Buffer => Buffer.from(text, 'hex')

/** The first chunk of a message of video that is not sent to its end. */
const begun = (id: number, length: number): Buffer => chunks(9, zeros(128), { id, length })
const keyframe = (timestamp: number): Buffer => chunks(9, hex('1701000000'), { id: 6, messageStreamId: 1, timestamp })
const part = (type: number, payload: Buffer): Buffer =>
  joined(Buffer.of(type), u24(payload.length), zeros(7), payload, u32(payload.length + 11))
const times = [0xfffffe, 0xffffff, 0x1000000, 0x7fffffff, 0x80000000, 0xffffffff, 0, 40]
const later = writeAmf0('later', 0, null, 'x'.repeat(200))

export const ofChunks: readonly Case[] = [
  {
    row: 'C1',
    what: 'a message announced longer than there may be',
    sends: [chunks(9, zeros(1), { length: 0xffffff }), chunks(9, zeros(1), { length: 10 * MiB + 1 })],
    ends: 'ERR_RTMP_MESSAGE_TOO_LONG'
  },
  {
    row: 'C1',
    what: '63 messages of 10 MiB announced, a chunk of each sent',
    sends: many(63, i => begun(4 + i, 10 * MiB)),
    asks: { id: 3 },
    holds: MiB
  },
  {
    row: 'C1',
    what: '65 messages unfinished at a time',
    sends: many(65, i => begun(4 + i, 10 * MiB)),
    ends: 'ERR_RTMP_CHUNK_TOO_MANY_STREAMS'
  },
  {
    row: 'C1',
    what: 'unfinished messages that hold more than they may together',
    sends: joined(
      setChunkSizeTo(5 * MiB),
      many(4, i => chunks(9, zeros(5 * MiB), { id: 4 + i, length: 10 * MiB, chunkSize: 5 * MiB }))
    ),
    ends: 'ERR_RTMP_BUFFERED_TOO_MUCH'
  },
  {
    row: 'C1',
    what: '65,000 chunk streams that each have had a message',
    sends: many(65_000, i => chunks(9, zeros(1), { id: 64 + i })),
    ends: 'ERR_RTMP_CHUNK_TOO_MANY_STREAMS',
    holds: MiB
  },
  {
    row: 'C2',
    what: 'a chunk size of 0, also under bit 31',
    sends: [setChunkSizeTo(0), setChunkSizeTo(0x80000000)],
    ends: 'ERR_RTMP_CHUNK_SIZE'
  },
  {
    row: 'C2',
    what: 'protocol control too short for its fields',
    sends: [
      control(1, zeros(3)),
      control(2, zeros(0)),
      control(3, zeros(1)),
      control(5, zeros(3)),
      control(6, zeros(4))
    ],
    ends: 'ERR_RTMP_CONTROL_LENGTH'
  },
  { row: 'C2', what: 'a chunk size of five bytes', sends: control(1, hex('0000008000')) },
  ...[1, 127, 128, 0xffffff].map(chunkSize => ({
    row: 'C2',
    what: `a chunk size of ${chunkSize}`,
    sends: setChunkSizeTo(chunkSize),
    asks: { chunkSize }
  })),
  { row: 'C2', what: 'a chunk size of 1 under bit 31', sends: setChunkSizeTo(0x80000001), asks: { chunkSize: 1 } },
  ...[0x1000000, 0x7fffffff].map(size => ({
    row: 'C3',
    what: `a chunk size of ${size}`,
    sends: setChunkSizeTo(size),
    asks: { chunkSize: 0xffffff },
    holds: MiB
  })),
  {
    row: 'C4',
    what: '1 MiB at chunk size 1',
    behind: publishing('c4'),
    sends: joined(setChunkSizeTo(1), chunks(9, zeros(MiB), { chunkSize: 1 })),
    asks: { chunkSize: 1 },
    holds: 8 * MiB
  },
  {
    row: 'C5',
    what: 'a new header amid a message',
    sends: joined(begun(6, 500), keyframe(0)),
    ends: 'ERR_RTMP_CHUNK_UNFINISHED_MESSAGE'
  },
  {
    row: 'C5',
    what: 'a command that is aborted, beside one that is not',
    sends: joined(
      chunks(20, zeros(128), { id: 7, length: 500 }),
      chunks(20, later.subarray(0, 128), { id: 8, length: later.length }),
      control(2, u32(7)),
      joined(basicHeader(3, 8), later.subarray(128))
    ),
    asks: { id: 7 }
  },
  { row: 'C5', what: 'aborts of what there is not', sends: many(100, i => control(2, u32(i * 0x1000003))) },
  {
    row: 'C6',
    what: 'chunk streams that open with format 1, 2 or 3',
    sends: [
      chunks(20, later, { id: 9, format: 1 }),
      chunks(20, zeros(0), { id: 9, format: 2 }),
      chunks(20, zeros(0), { id: 9, format: 3 })
    ]
  },
  ...[true, false].map(repeats => ({
    row: 'C7',
    what: `an extended timestamp that format 3 ${repeats ? 'repeats' : 'leaves out'}`,
    sends: chunks(20, writeAmf0('later', 0, null, 'x'.repeat(1000)), { timestamp: 0x1000000, repeats }),
    asks: { timestamp: 0x1000001 }
  })),
  {
    row: 'C7',
    what: 'a payload that looks like the extended timestamp',
    sends: chunks(9, Buffer.alloc(400, 1), { id: 6, timestamp: 0x01010101 })
  },
  {
    row: 'C8',
    what: 'timestamps through 2^24, 2^31 and 2^32, with jumps between them',
    behind: publishing('c8'),
    sends: joined(...times.map(keyframe)),
    // a jump is closed by a frame, which of this stream takes 1 ms
    shows: stage => [stage.published.get('live/c8'), [-2, -1, 0, 1, 2, 3, 4, 44].map(ms => `v key@${2 ** 24 + ms}`)]
  },
  ...(
    [
      [3, 1],
      [63, 1],
      [64, 2],
      [64, 3],
      [319, 2],
      [319, 3],
      [320, 3],
      [65_599, 3]
    ] as const
  ).map(([id, form]) => ({
    row: 'C9',
    what: `chunk stream ${id} in ${form} bytes`,
    sends: zeros(0),
    asks: { id, form }
  })),
  {
    row: 'C10',
    what: 'every message type that says nothing here, with any body',
    behind: publishing('c10'),
    sends: joined(
      ...Array.from({ length: 256 }, (_, type) => type)
        .filter(type => ![1, 2, 3, 4, 5, 6, 17, 20, 22].includes(type))
        .map(type => many(21, length => chunks(type, zeros(length), { messageStreamId: 1 })))
    )
  },
  {
    row: 'C10',
    what: 'every user control event, with any body',
    sends: many(21 * 300, i => control(4, joined(u32(i % 300).subarray(2), zeros(Math.floor(i / 300))))),
    hears: /^PingResponse 0$/
  },
  { row: 'C10', what: 'user control without an event', sends: joined(control(4, zeros(0)), control(4, zeros(1))) },
  {
    row: 'C10',
    what: 'commands without a body',
    sends: [chunks(20, zeros(0)), chunks(17, zeros(0)), chunks(17, zeros(1))],
    ends: 'ERR_RTMP_COMMAND'
  },
  {
    row: 'C11',
    what: 'a part that reaches beyond its aggregate',
    behind: publishing('c11'),
    sends: chunks(22, joined(part(9, zeros(5)), hex('09ffffff00000000000000'), zeros(9)), { messageStreamId: 1 }),
    ends: 'ERR_RTMP_AGGREGATE'
  },
  {
    row: 'C11',
    what: 'an aggregate of 200,000 empty parts',
    behind: publishing('c11-empty'),
    sends: joined(
      setChunkSizeTo(0xffffff),
      chunks(22, Buffer.alloc(200_000 * 15, part(8, zeros(0))), { messageStreamId: 1, chunkSize: 0xffffff })
    ),
    asks: { chunkSize: 0xffffff }
  },
  {
    row: 'C11',
    what: 'aggregates ten deep',
    behind: publishing('c11-deep'),
    sends: chunks(
      22,
      Array.from({ length: 10 }).reduce<Buffer>(inner => part(22, inner), part(9, zeros(5))),
      {
        messageStreamId: 1
      }
    )
  },
  {
    row: 'C12',
    what: 'the end amid a message',
    sends: begun(6, 500),
    asks: 'nothing',
    meanwhile: (_, guest) => guest.socket.end(),
    ends: 'closed'
  },
  {
    row: 'C13',
    what: '200,000 empty messages of one byte each, all at one time',
    behind: publishing('c13'),
    sends: joined(
      chunks(8, hex('af'), { id: 4, messageStreamId: 1 }),
      chunks(8, zeros(0), { id: 4, messageStreamId: 1 }),
      Buffer.alloc(200_000, basicHeader(3, 4))
    ),
    holds: 24 * MiB
  }
]

const connecting = (...args: AmfValue[]): Buffer => said('connect', 1, args)
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

const HANDSHAKE = 3073
const onOne: Chunked = { messageStreamId: 1 }

export const ofSessions: readonly Case[] = [
  {
    row: 'S1',
    what: 'a handshake a byte a second',
    behind: zeros(0),
    sends: Buffer.of(3),
    asks: 'nothing',
    meanwhile: async (stage, guest) => {
      for (let second = 0; second < 10; second++) {
        await guest.writes([zeros(1)])
        stage.clock.pass(1000)
      }
    },
    ends: 'ERR_RTMP_HANDSHAKE_TIMEOUT'
  },
  {
    row: 'S1',
    what: 'hands shaken, and nothing more; connected, and nothing more',
    behind: zeros(0),
    sends: [shaken(), connected],
    asks: 'nothing',
    meanwhile: async (stage, guest) => {
      await guest.hasSession()
      stage.clock.pass(10_000)
    },
    ends: 'ERR_RTMP_CONNECT_TIMEOUT'
  },
  {
    row: 'S2',
    what: 'HTTP, TLS and what is no protocol',
    behind: zeros(0),
    sends: [
      Buffer.from('GET / HTTP/1.1\r\nHost: x\r\n\r\n'),
      hex('16030102000100'),
      ...[22, 32, 0xff].map(version => shaken(version))
    ],
    asks: 'nothing',
    ends: 'ERR_RTMP_HANDSHAKE_VERSION'
  },
  {
    row: 'E1',
    what: 'RTMPE without a digest',
    behind: zeros(0),
    sends: [6, 8, 9].map(version => shaken(version)),
    asks: 'nothing',
    ends: 'ERR_RTMP_HANDSHAKE_DIGEST'
  },
  {
    row: 'E1',
    what: 'RTMPE with a key that gives the secret away: 0, 1, p - 1, p',
    behind: zeros(0),
    sends: [zeros(128), joined(zeros(127), hex('01')), lessOne(PRIME), PRIME].map(rtmpeHello),
    asks: 'nothing',
    ends: 'ERR_RTMP_HANDSHAKE_KEY'
  },
  {
    row: 'S2',
    what: 'versions that are reserved or deprecated',
    behind: zeros(0),
    sends: [0, 1, 2, 4, 5, 7, 31].map(version => joined(shaken(version), connected.subarray(HANDSHAKE)))
  },
  {
    row: 'S2',
    what: 'digests that are none, and a C2 that echoes nothing',
    behind: zeros(0),
    sends: [
      joined(
        Buffer.of(3),
        hex('0000000080000702'),
        Buffer.alloc(1528, 0xff),
        Buffer.alloc(1536, 0xaa),
        connected.subarray(HANDSHAKE)
      )
    ]
  },
  {
    row: 'S3',
    what: 'a player that never acknowledges',
    behind: playing('witness'),
    sends: zeros(0),
    meanwhile: async (stage, guest) => {
      for (let i = 0; i < 30; i++) await stage.witness(200_000)
      await guest.gets(30)
    },
    shows: (_, guest) => [guest.media.length >= 30, true]
  },
  {
    row: 'S3',
    what: 'acknowledgements of what was not sent, that wrap and go back',
    sends: joined(...[0xffffffff, 0, 0xf0000000, 1].map(count => control(3, u32(count))))
  },
  {
    row: 'S3',
    what: 'windows of 0, 1 and 2^32-1',
    sends: joined(
      ...[0, 1, 0xffffffff].map(size => control(5, u32(size))),
      many(100, () => keyframe(0))
    )
  },
  {
    row: 'S3',
    what: '1,000,000 bandwidths, of which no answer is read',
    sends: again(500_000, joined(control(6, hex('0000100000')), control(6, hex('0000200000')))),
    reads: false,
    holds: 4 * MiB
  },
  {
    row: 'S4',
    what: 'a player that reads nothing',
    behind: playing('witness'),
    sends: zeros(0),
    asks: 'nothing',
    reads: false,
    meanwhile: async (stage, guest) => {
      await guest.hasSession()
      for (let i = 0; i < 160; i++) await stage.witness(MiB)
      stage.clock.pass(30_000)
    },
    ends: 'ERR_RTMP_STALLED',
    holds: 88 * MiB
  },
  {
    row: 'S4',
    what: 'a publisher whose frames are an eighth of what it sends',
    behind: publishing('s4'),
    sends: joined(
      keyframe(0),
      again(
        1500,
        joined(
          chunks(9, joined(hex('2701000000'), zeros(8187)), { id: 6, messageStreamId: 1 }),
          chunks(99, zeros(56_000))
        )
      )
    ),
    holds: 40 * MiB
  },
  {
    row: 'S5',
    what: 'a player that acknowledges and pings all the while',
    behind: playing('witness'),
    sends: many(1000, i => joined(control(3, u32(i * 1000)), control(4, joined(hex('0006'), u32(i))))),
    hears: /^PingResponse 999$/
  },
  {
    row: 'S5',
    what: '800,000 questions, of which no answer is read',
    sends: again(800_000, control(4, hex('000600000000'))),
    asks: 'nothing',
    reads: false,
    ends: 'ERR_RTMP_REPLIES',
    holds: 4 * MiB
  },
  {
    row: 'S6',
    what: 'a publisher that answers no ping, and sends',
    behind: publishing('s6'),
    sends: keyframe(0),
    asks: 'nothing',
    meanwhile: async (stage, guest) => {
      await guest.hears(/NetStream.Publish.Start/)
      for (let i = 1; i < 10; i++) {
        stage.clock.pass(20_000)
        await guest.writes([keyframe(i * 40)])
        await stage.has('live/s6', i + 1)
        await stage.witness()
      }
      await guest.asks()
    }
  },
  {
    row: 'S6',
    what: 'a publisher that is silent is asked whether it is there, and ended',
    behind: publishing('s6-silent'),
    sends: keyframe(0),
    asks: 'nothing',
    meanwhile: async (stage, guest) => {
      await guest.hears(/NetStream.Publish.Start/)
      stage.clock.pass(30_000)
      await guest.hears(/PingRequest/)
      await stage.witness()
      stage.clock.pass(30_000)
    },
    ends: 'ERR_RTMP_IDLE'
  },
  {
    row: 'S6',
    what: 'media without end where nothing was granted',
    sends: again(150, chunks(9, zeros(8192), { id: 6, messageStreamId: 1 })),
    asks: 'nothing',
    meanwhile: async (stage, guest) => {
      await guest.hears(/NetStream.Publish.Denied/)
      stage.clock.pass(2000)
    },
    ends: 'ERR_RTMP_STRAY',
    holds: 4 * MiB
  },
  {
    row: 'S7',
    what: 'half of it closed amid a publish',
    behind: publishing('s7'),
    sends: keyframe(0),
    asks: 'nothing',
    meanwhile: (_, guest) => guest.socket.end(),
    ends: 'closed'
  },
  {
    row: 'S7',
    what: 'a reset amid a publish',
    behind: publishing('s7-reset'),
    sends: keyframe(0),
    asks: 'nothing',
    meanwhile: async (_, guest) => {
      await guest.hears(/NetStream.Publish.Start/)
      guest.socket.resetAndDestroy()
    },
    ends: 'closed'
  },
  {
    row: 'S8',
    what: 'a chunk size, and in the next connection none',
    sends: [
      joined(setChunkSizeTo(4096), said('later', 0, [null, 'x'.repeat(300)], { chunkSize: 4096 })),
      said('later', 0, [null, 'x'.repeat(300)])
    ]
  },
  {
    row: 'S9',
    what: 'commands ahead of a connect, and a second one',
    behind: shaken(),
    sends: [
      said('publish', 1, [null, 'x'], onOne),
      said('createStream', 1, [null]),
      joined(connected.subarray(HANDSHAKE), connecting({ app: 'live' }))
    ],
    ends: 'ERR_RTMP_SEQUENCE'
  },
  {
    row: 'S9',
    what: 'two publishes on one message stream',
    behind: publishing('s9'),
    sends: said('publish', 4, [null, 'other'], onOne),
    hears: /NetStream.Publish.BadName/
  },
  {
    row: 'S9',
    what: 'a publish of what is published already',
    behind: created,
    sends: said('publish', 4, [null, 'witness'], onOne),
    hears: /NetStream.Publish.BadName/
  },
  {
    row: 'S9',
    what: 'a publish amid a play, a play amid a publish',
    sends: [
      joined(playing('s9-a').subarray(connected.length), said('publish', 4, [null, 'x'], onOne)),
      joined(publishing('s9-b').subarray(connected.length), said('play', 4, [null, 'x'], onOne))
    ],
    hears: /NetStream.(Publish.BadName|Play.Failed)/
  },
  {
    row: 'S9',
    what: '33 message streams',
    sends: many(33, i => said('createStream', i + 2, [null])),
    hears: /^_error 34/
  },
  {
    row: 'S9',
    what: '400 message streams, one after another',
    sends: many(400, i => joined(said('createStream', i + 2, [null]), said('deleteStream', 0, [null, 1]))),
    hears: /^_result 401 null 1$/
  },
  {
    row: 'S9',
    what: '10,000 commands at a time',
    sends: many(10_000, () => said('later', 0, [null])),
    ends: 'ERR_RTMP_COMMANDS'
  },
  {
    row: 'S9',
    what: 'a command named by 1 MiB',
    sends: joined(
      setChunkSizeTo(0xffffff),
      chunks(20, joined(hex('0c00100000'), Buffer.alloc(MiB, 0x61), writeAmf0(7)), { chunkSize: 0xffffff })
    ),
    asks: { chunkSize: 0xffffff },
    hears: /^_error 7/
  },
  {
    row: 'S9',
    what: 'names of 8 MiB of slashes, and of question marks',
    sends: ['/', '?'].map(fill =>
      joined(
        setChunkSizeTo(0xffffff),
        said('createStream', 2, [null], { chunkSize: 0xffffff }),
        said('publish', 3, [null, fill.repeat(8 * MiB)], { ...onOne, chunkSize: 0xffffff }),
        said('FCUnpublish', 4, [null, fill.repeat(8 * MiB)], { chunkSize: 0xffffff })
      )
    ),
    asks: { chunkSize: 0xffffff }
  },
  {
    row: 'S9',
    what: 'twelve plays of names of 6 MiB, and as much behind a question mark',
    sends: ['x', '?'].map(second =>
      joined(
        setChunkSizeTo(0xffffff),
        ...Array.from({ length: 12 }, (_, i) =>
          joined(
            said('createStream', 2, [null], { chunkSize: 0xffffff }),
            said('play', 0, [null, `${i}name${second}k=${'x'.repeat(6 * MiB)}`], {
              messageStreamId: i + 1,
              chunkSize: 0xffffff
            })
          )
        )
      )
    ),
    asks: { chunkSize: 0xffffff },
    holds: 56 * MiB
  },
  {
    row: 'S10',
    what: 'media and commands on message streams there are not: of the one there is',
    behind: publishing('s10'),
    sends: joined(
      ...[0, 2, 7, 0xffffffff].flatMap(messageStreamId => [
        chunks(9, hex('1701000000'), { id: 6, messageStreamId }),
        said('play', 9, [null, 'witness'], { messageStreamId }),
        said('closeStream', 0, [null], { messageStreamId })
      ])
    ),
    shows: stage => [stage.published.get('live/s10'), ['v key@0']]
  }
]

/** Names that mean something to some file system, each as the name of a publish that is recorded. */
const names = [
  '..',
  '../x',
  '../../etc/passwd',
  'a/../../x',
  './x',
  'a/./x',
  '\\x',
  '..\\x',
  'a\\..\\x',
  '\\\\host\\x',
  'C:x',
  'C:\\x',
  'c:/x',
  'x:y',
  'x\0',
  '\0',
  'x\0.flv',
  'a\n',
  '\x1b[2J',
  'x\x7f',
  '.',
  'a/..',
  'a/.',
  'a'.repeat(256),
  'ž'.repeat(128),
  `${'a/'.repeat(140)}x`,
  '.. /x',
  '... /x',
  'a./x',
  'a /x',
  '%2e%2e\\x',
  'a/b/../../../x',
  '.\\x',
  '../live/x',
  '..\0/x',
  'C:',
  '..\t',
  'x/..\\..'
]
/** Names of a folder that is a link out of the recordings. */
const linked = ['out/x', 'out/a/x']
/** Names that look so and are harmless: slashes are no part of a name where they say nothing, and nothing is decoded. */
const harmless = ['/etc/passwd', 'a//x', 'a/', '//a', '%2e%2e/x', '..%2f..%2fx', '．．/x', '‥/x', '..x/..y', 'a b']

export const ofFiles: readonly Case[] = [
  {
    row: 'F1',
    what: `${harmless.length} names that only look so`,
    behind: created,
    sends: harmless.map(name => said('publish', 3, [null, name], onOne)),
    hears: /NetStream.Publish.Start/
  },
  {
    row: 'F1',
    what: `${names.length} names that would lead elsewhere`,
    behind: created,
    sends: names.map(name => said('publish', 3, [null, name], onOne)),
    hears: /NetStream.Publish.Start/
  },
  {
    row: 'F1',
    what: `${linked.length} names that a link leads elsewhere`,
    behind: created,
    sends: linked.map(name => said('publish', 3, [null, name], onOne)),
    hears: /NetStream.Publish.Denied/
  },
  {
    row: 'F3',
    what: 'video of a kind that nobody knows',
    behind: publishing('f3'),
    sends: joined(
      ...['91', '97787878', '9f', '97ff', '977878787800', 'f7', '87'].map(bytes =>
        chunks(9, hex(bytes), { id: 6, ...onOne })
      ),
      ...['9f', '90', '95', '9178787878'].map(bytes => chunks(8, hex(bytes), { id: 4, ...onOne }))
    )
  }
]

const flv = (...parts: string[]): Buffer => hex(['464c5601050000000900000000', ...parts].join(''))
const tag = '0900000100000000000000170000000c'

/** Files, each as it is read by flvDecoder(): its code, or how many messages come out of it. */
export const files: readonly { what: string; bytes: Buffer; ends: RtmpErrorCode | number }[] = [
  { what: 'a tag', bytes: flv(tag), ends: 1 },
  { what: 'nothing', bytes: zeros(0), ends: 0 },
  { what: 'a file that is none', bytes: hex('000000206674797069736f6d'), ends: 'ERR_RTMP_FLV_HEADER' },
  { what: 'a header of 4 GiB', bytes: hex('464c560105ffffffff00000000'), ends: 'ERR_RTMP_FLV_HEADER' },
  { what: 'a header shorter than itself', bytes: hex('464c5601050000000800000000'), ends: 'ERR_RTMP_FLV_HEADER' },
  { what: 'a tag of 16 MiB', bytes: flv('09ffffff0000000000000017'), ends: 'ERR_RTMP_MESSAGE_TOO_LONG' },
  { what: 'a tag that reaches beyond the file', bytes: flv(tag, '0900ffff0000000000000017'), ends: 1 },
  { what: 'a tag of no kind', bytes: flv('07000001000000000000001700'), ends: 'ERR_RTMP_FLV_TAG' },
  {
    what: 'sizes of previous tags that lie',
    bytes: flv(tag.slice(0, -8), 'ffffffff', tag.slice(0, -8), '00000000', tag),
    ends: 3
  },
  { what: 'metadata that is no AMF', bytes: flv('120000040000000000000002ffff61ffffffff', tag), ends: 2 }
]
