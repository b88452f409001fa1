import { writeAmf0 } from 'rtmpipe'
import {
  chunks,
  connected,
  control,
  created,
  playing,
  publishing,
  said,
  setChunkSizeTo,
  shaken,
  u32
} from '../../support/hostile.ts'
import { again, type Case, connecting, hex, joined, keyframe, MiB, many, onOne, zeros } from './case.ts'

const HANDSHAKE = 3073

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
