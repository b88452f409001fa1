import { writeAmf0 } from 'rtmpipe'
import { basicHeader, chunks, control, publishing, setChunkSizeTo, u24, u32 } from '../../support/hostile.ts'
import { type Case, hex, joined, keyframe, MiB, many, zeros } from './case.ts'

/** The first chunk of a message of video that is not sent to its end. */
const begun = (id: number, length: number): Buffer => chunks(9, zeros(128), { id, length })
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
