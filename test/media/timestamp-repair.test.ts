import { Readable } from 'node:stream'
import fc from 'fast-check'
import {
  ChunkReader,
  dataMessage,
  isMedia,
  isMetadata,
  isSequenceHeader,
  type Message,
  MessageReader,
  type Repair,
  type TimestampRepairOptions,
  timestampRepair
} from 'rtmpipe'
import t, { type Test } from 'tap'
import { captureNames, readCapture } from '../support/captures.ts'
import { audio, metadata, track, video } from '../support/media.ts'
import { holdsLater } from '../support/property.ts'

const HANDSHAKE = 3073

/** The letters of the transcripts: a frame of video, audio and data, in capitals the state of the track. */
const made: Record<string, (timestamp: number) => Message> = {
  v: video.frame,
  V: video.header,
  a: audio.frame,
  A: audio.header,
  d: timestamp => dataMessage(['onCuePoint'], { timestamp }),
  D: metadata,
  // the second track of video, and of audio
  w: track(1).frame,
  W: track(1).header,
  b: timestamp => ({ ...audio.frame(timestamp), payload: Buffer.from('95014f7075730161', 'hex') })
}

const read = (transcript: string): Message[] =>
  transcript.split(' ').map(word => made[word[0]!]!(Number(word.slice(1)) >>> 0))

const write = ({ kind, track, from, to, ms }: Repair) => `${kind} ${track} ${from}>${to} ${ms}`

const isState = (message: Message) => isSequenceHeader(message) || isMetadata(message)

async function repaired(messages: Message[], options?: TimestampRepairOptions): Promise<[Message[], Repair[]]> {
  const stage = timestampRepair(options)
  const repairs: Repair[] = []
  stage.on('repair', repair => repairs.push(repair))
  return [await Readable.from(messages).pipe(stage).toArray(), repairs]
}

/** What goes in, what comes out, and the repairs that are told. */
async function goes(
  t: Test,
  source: string,
  out: string,
  told: string[] = [],
  options?: TimestampRepairOptions
): Promise<void> {
  const [got, repairs] = await repaired(read(source), options)
  const letters = source.split(' ').map(word => word[0]!)
  t.equal(got.map(({ timestamp }, i) => letters[i]! + timestamp).join(' '), out, source)
  t.same(repairs.map(write), told, source)
}

t.test('what goes on passes, the same messages', async t => {
  const source = read('D0 V0 A0 v0 a5 v40 a28 a51 v80 D80 V80 v2080 a2051 a4051 v4080 d1000')
  const [got, repairs] = await repaired(source)
  t.equal(got.length, source.length)
  for (const [i, message] of got.entries()) t.equal(message, source[i])
  t.same(repairs, [])
})

t.test('each of several tracks has a clock of its own: one that is behind the others is no jump', async t => {
  const late = 'v1000 a1005 w900 b800 v1040 w940 a1028 b820 W940 v1080 w980 b840'
  await goes(t, late, late)
  await goes(t, 'v0 w0 v9000 w9000 v9040 w9040', 'v0 w0 v40 w40 v80 w80', [
    'jump video 0>9000 9000',
    'jump video 0>9000 9000'
  ])
  await goes(t, 'v1000 w990 v1040 w1030 w1000', 'v1000 w990 v1040 w1030 w1030', ['backward video 1030>1000 30'])
})

t.test('the wrap of 32 bits is no repair', async t => {
  await goes(t, 'v4294967256 a4294967290 v0 a17 v40', 'v4294967256 a4294967290 v0 a17 v40')
})

t.test('a wrap of 31 or 24 bits loses no millisecond', async t => {
  await goes(
    t,
    'v2147483608 a2147483640 a15 v0 v40 a38',
    'v2147483608 a2147483640 a2147483663 v2147483648 v2147483688 a2147483686',
    ['wrap audio 2147483640>15 2147483625', 'wrap video 2147483608>0 2147483608']
  )
  await goes(t, 'v16777210 v34 v74', 'v16777210 v16777250 v16777290', ['wrap video 16777210>34 16777176'])
  await goes(t, 'v16777210 v994 v1990', 'v16777210 v16778210 v16779206', ['wrap video 16777210>994 16776216'])
  await goes(t, 'v20000000 v3222764 v3222804', 'v20000000 v20000000 v20000020', [
    'wrap video 20000000>3222764 16777236'
  ])
  await goes(t, 'v100 v2147483698', 'v100 v140', ['jump video 100>2147483698 2147483598'])
  await goes(t, 'v16777210 v995', 'v16777210 v16777250', ['backward video 16777210>995 16776215'])
  await goes(t, 'v16777170 v16777210 v30 v16777212 v70', 'v16777170 v16777210 v16777246 v16777246 v16777286', [
    'wrap video 16777210>30 16777180'
  ])
})

t.test('it comes again and again', async t => {
  const source = Array.from({ length: 1200 }, (_, i) => 4_000_000 * i)
  const [got, repairs] = await repaired(
    source.map(at => video.frame(at % 2 ** 31)),
    { maxJumpMs: 2 ** 23 - 1 }
  )
  t.same(
    got.map(({ timestamp }) => timestamp),
    source.map(at => at % 2 ** 32)
  )
  t.same(
    repairs.map(({ kind }) => kind),
    ['wrap', 'wrap']
  )
})

t.test('a jump is closed by a usual frame, and the other track goes along', async t => {
  await goes(t, 'a0 a9000', 'a0 a40', ['jump audio 0>9000 9000'])
  await goes(t, 'a0 a23 a9000', 'a0 a23 a46', ['jump audio 23>9000 8977'])
  await goes(
    t,
    'v1000 a1005 v1033 a1028 v91033 a1051 v91066 a91051 a91074',
    'v1000 a1005 v1033 a1028 v1066 a1051 v1099 a1084 a1107',
    ['jump video 1033>91033 90000', 'jump audio 1051>91051 90000']
  )
})

t.test('a message of before a jump that comes late is no repair', async t => {
  await goes(t, 'v0 v40 v9000 v80 v9040 v9080', 'v0 v40 v80 v80 v120 v160', ['jump video 40>9000 8960'])
  await goes(t, 'v0 v1000 v2000 v3000 v9000 v3040 v9040', 'v0 v1000 v2000 v3000 v3040 v3040 v3080', [
    'jump video 3000>9000 6000'
  ])
  await goes(t, 'v0 v9000 v10000 v10960 v2000', 'v0 v40 v1040 v2000 v2000', ['jump video 0>9000 9000'])
  await goes(t, 'v0 v9000 v10000 v11000 v11001 v2041', 'v0 v40 v1040 v2040 v2041 v2042', [
    'jump video 0>9000 9000',
    'backward video 11001>2041 8960'
  ])
  await goes(t, 'v0 v40 v9000 v80 v120 v160', 'v0 v40 v80 v80 v120 v160', ['jump video 40>9000 8960'])
})

t.test('where one track jumps a little less than maxJumpMs, it goes along as well', async t => {
  await goes(t, 'v0 a0 v2001 a1990', 'v0 a0 v40 a29', ['jump video 0>2001 2001', 'jump audio 0>1990 1990'])
  await goes(t, 'v0 a0 a1990 v2001', 'v0 a0 a1990 v2001')
  await goes(t, 'v5000 a5000 v2999 a3010', 'v5000 a5000 v5040 a5051', [
    'backward video 5000>2999 2001',
    'backward audio 5000>3010 1990'
  ])
  await goes(t, 'v5000 a5000 a3010 v2999 a3033', 'v5000 a5000 a5000 v5040 a5074', [
    'backward audio 5000>3010 1990',
    'backward video 5000>2999 2001'
  ])
})

t.test('a pause of one track while another goes on is no jump', async t => {
  await goes(t, 'v0 a0 a1000 a2000 a3000 v3040', 'v0 a0 a1000 a2000 a3000 v3040')
  await goes(t, 'v0 a0 a1000 a2000 a3000 a93000 v93040', 'v0 a0 a1000 a2000 a3000 a3040 v3080', [
    'jump audio 3000>93000 90000',
    'jump video 0>93040 93040'
  ])
})

t.test('a new clock begins where the others have got to', async t => {
  await goes(t, 'v0 a0 a1000 a2000 a3000 v90000', 'v0 a0 a1000 a2000 a3000 v3000', ['jump video 0>90000 90000'])
  await goes(t, 'v5000 a5000 a6500 a8000 v0', 'v5000 a5000 a6500 a8000 v8000', ['backward video 5000>0 5000'])
})

t.test('a small step back waits for the source, a longer one is closed', async t => {
  await goes(t, 'v1000 v960 v990 v1040', 'v1000 v1000 v1000 v1040', ['backward video 1000>960 40'])
  await goes(t, 'v3000 v1000 v3040', 'v3000 v3000 v3040', ['backward video 3000>1000 2000'])
  await goes(t, 'v3000 v999 v1039', 'v3000 v3040 v3080', ['backward video 3000>999 2001'])
  await goes(t, 'a0 v0 v2040 v1040', 'a0 v0 v40 v40', ['jump video 0>2040 2040', 'backward video 2040>1040 1000'])
  await goes(t, 'v0 a0 v2460 a2460 v2500 a3960 a5000 v2470 v5010', 'v0 a0 v40 a40 v80 a1540 a2580 v80 v2590', [
    'jump video 0>2460 2460',
    'jump audio 0>2460 2460',
    'backward video 2500>2470 30'
  ])
  await goes(t, 'v5000 v4000 v2999', 'v5000 v5000 v5040', [
    'backward video 5000>4000 1000',
    'backward video 4000>2999 1001'
  ])
  await goes(t, 'v5000 a4990 v5040 v0 a5013 a10', 'v5000 a4990 v5040 v5080 a5013 a5090', [
    'backward video 5040>0 5040',
    'backward audio 5013>10 5003'
  ])
})

t.test('tracks that are not in order with each other are each by its own clock', async t => {
  const source = 'v500 a50 v540 a90 v580 a130'
  await goes(t, source, source)
})

t.test('sequence headers and metadata tell no time', async t => {
  await goes(t, 'D0 V0 v5000 A0 a4990 a5010 v5040 V0 v5080 D0', 'D0 V0 v5000 A5000 a5000 a5010 v5040 V5040 v5080 D5080')
  await goes(t, 'v1000 a1000 v90000 A1020 a1020', 'v1000 a1000 v1040 A1020 a1020', ['jump video 1000>90000 89000'])
  await goes(t, 'v5000 V6000 v0 v40', 'v5000 V6000 v6000 v6040', ['backward video 5000>0 5000'])
  await goes(t, 'v5000 v5040 V0 v0 v40', 'v5000 v5040 V5040 v5080 v5120', ['backward video 5040>0 5040'])
  await goes(t, 'v5000 V99000 v5040 V5080 v5080', 'v5000 V5000 v5040 V5080 v5080')
  await goes(t, 'v40 A0 a23', 'v40 A0 a23')
  await goes(t, 'v0 v90000 V90040 v90040', 'v0 v40 V80 v80', ['jump video 0>90000 90000'])
})

t.test('audio or video that begins far from where the stream is begins there', async t => {
  await goes(t, 'v90000 A0 a5 a28', 'v90000 A90000 a90000 a90023', ['backward audio 90000>5 89995'])
  await goes(t, 'v0 a90000 v40 a90023', 'v0 a0 v40 a23', ['jump audio 0>90000 90000'])
  await goes(t, 'a0 v90000 a90023', 'a0 v0 a23', ['jump video 0>90000 90000', 'jump audio 0>90023 90023'])
  await goes(t, 'v90000 a88000', 'v90000 a88000')
  await goes(t, 'v0 a0 v1900 a20 d3800', 'v0 a0 v1900 a20 d3800')
  await goes(t, 'v0 a0 v1900 a20 d3901', 'v0 a0 v1900 a20 d1900', ['jump data 1900>3901 2001'])
})

t.test('a track that begins between the jumps of the others is of one time or the other', async t => {
  await goes(t, 'v1000 a1000 v90000 d1020', 'v1000 a1000 v1040 d1020', ['jump video 1000>90000 89000'])
  await goes(t, 'v1000 v90000 a1020 a90010', 'v1000 v1040 a1020 a1050', [
    'jump video 1000>90000 89000',
    'jump audio 1020>90010 88990'
  ])
  await goes(t, 'v1000 a1000 v90000 d90010', 'v1000 a1000 v1040 d1050', ['jump video 1000>90000 89000'])
})

t.test('data may have 0 whatever the time is', async t => {
  await goes(t, 'd0 D0 A7936 a7959 V7948 v8015 d9000', 'd0 D0 A7936 a7959 V7948 v8015 d9000')
  await goes(t, 'v6000 v6040 d0 d6080', 'v6000 v6040 d0 d6080')
  await goes(t, 'd90000 v0 d40', 'd90000 v0 d40')
  await goes(t, 'v6000 D6000 d0', 'v6000 D6000 d6000')
  await goes(t, 'v1073741825 d0', 'v1073741825 d1073741825', ['backward data 1073741825>0 1073741825'])
  await goes(t, 'd0 d1900 d3800 d5700', 'd0 d1900 d3800 d5700')
  await goes(t, 'd0 d40 d9000', 'd0 d40 d80', ['jump data 40>9000 8960'])
})

t.test('what is no media passes untouched', async t => {
  const source = [
    video.frame(9000),
    { ...video.frame(0), type: 22 },
    { ...video.frame(50), type: 20 },
    video.frame(9040)
  ]
  for (const options of [{}, { rebase: true }]) {
    const [got] = await repaired(source, options)
    t.equal(got[1], source[1])
    t.equal(got[2], source[2])
    t.equal((got[3]!.timestamp - got[0]!.timestamp) | 0, 40)
  }
})

t.test('rebase: the first frame comes out at 0, and nothing ahead of it', async t => {
  const rebase = { rebase: true }
  await goes(t, 'D0 V0 v5000 a4990 v5040 a5013 V5050', 'D0 V0 v0 a0 v40 a13 V50', [], rebase)
  await goes(t, 'v4294967286 a4294967280 D0 v40', 'v0 a0 D0 v50', [], rebase)
  await goes(t, 'v5000 D4990', 'v0 D0', [], rebase)
  await goes(t, 'v5000 v0', 'v0 v40', ['backward video 5000>0 5000'], rebase)
  await goes(t, 'd0 D0 v90000 d90040 d0', 'd0 D0 v0 d40 d80', ['backward data 90040>0 90040'], rebase)
  await goes(t, 'd70 D0 d80', 'd0 D0 d10', [], rebase)
  await goes(t, 'v90000 d0 D90040 v90040', 'v0 d0 D40 v40', [], rebase)
})

t.test('rebase: nor does it forget what lies ahead of 0 when 32 bits wrap', async t => {
  const at = Array.from({ length: 1030 }, (_, i) => 1000 + i * 2 ** 22)
  const source = at.flatMap(each => [video.frame(each % 2 ** 32), audio.frame((each - 10) % 2 ** 32)])
  const [got, repairs] = await repaired(source, { rebase: true, maxJumpMs: 2 ** 23 - 1 })
  const expected = at.flatMap(each => [each - 1000, each - 1010]).map(each => (each < 0 ? 0 : each % 2 ** 32))
  t.same(
    got.map(({ timestamp }) => timestamp),
    expected
  )
  t.same(repairs, [])
})

t.test('without mend the repairs are told and the timestamps stay', async t => {
  const mend = { mend: false }
  await goes(
    t,
    'V0 v5000 v5040 V0 v90000 v90040 v89000',
    'V0 v5000 v5040 V0 v90000 v90040 v89000',
    ['jump video 5040>90000 84960', 'backward video 90040>89000 1040'],
    mend
  )
  const told = ['jump video 5000>90000 85000', 'backward video 90000>0 90000']
  const both = { ...mend, rebase: true }
  await goes(t, 'V0 v5000 a4990 V0 v90000 a5010 v0', 'V0 v0 a0 V0 v85000 a10 v4294962296', told, both)
})

t.test('maxJumpMs', async t => {
  await goes(t, 'v0 v100 v201', 'v0 v100 v200', ['jump video 100>201 101'], { maxJumpMs: 100 })
  await goes(t, 'v0 v9000 v18000', 'v0 v9000 v18000', [], { maxJumpMs: 9000 })
  await goes(t, 'a0 V24 v41 v60 v70', 'a0 V24 v24 v24 v29', ['jump video 0>41 41'], { maxJumpMs: 40 })
  await goes(t, 'v0 v40 v80', 'v0 v10 v20', ['jump video 0>40 40', 'jump video 40>80 40'], { maxJumpMs: 10 })
  for (const maxJumpMs of [0, -1, 1.5, Number.NaN, Number.POSITIVE_INFINITY, 2 ** 23]) {
    t.throws(() => timestampRepair({ maxJumpMs }), RangeError)
  }
  t.throws(() => timestampRepair({ mend: 'report' as never }), TypeError)
  t.throws(() => timestampRepair({ rebase: 0 as never }), TypeError)
})

t.test('FFmpeg begins again at 0 where its clock of 31 bits ends', async t => {
  const source = captured('extts-ffmpeg-publish-cross31', 'client')
  const [got, repairs] = await repaired(source)
  t.same(repairs.map(write), ['wrap audio 2147483625>0 2147483625', 'wrap video 2147483623>75 2147483548'])
  for (const [i, message] of got.entries()) {
    const { timestamp } = source[i]!
    const isBehind = isMedia(message) && i > source.findIndex(each => each.timestamp === 2147483625)
    t.same(message, { ...source[i], timestamp: isBehind ? timestamp + 2 ** 31 : timestamp })
  }
})

t.test('what other real programs sent goes on', async t => {
  for (const name of captureNames.filter(each => !each.includes('cross31'))) {
    for (const side of ['client', 'server'] as const) {
      const source = captured(name, side)
      const [got, repairs] = await repaired(source)
      t.same(repairs, [], `${name}, ${side}`)
      t.equal(
        got.findIndex((message, i) => message !== source[i]),
        -1,
        `${name}, ${side}`
      )
    }
  }
})

function captured(name: string, side: 'client' | 'server'): Message[] {
  const chunks = new ChunkReader()
  const assembled = new MessageReader()
  const messages: Message[] = []
  for (const { header, payload, last } of chunks.chunks(readCapture(name)[side].bytes.subarray(HANDSHAKE))) {
    const message = assembled.add(header, payload, 0, payload.length, last)
    if (message !== undefined) messages.push(message)
  }
  return messages
}

const maxJumpMs = 2000
const around = (ms: number, by: number) => fc.integer({ min: ms - by, max: ms + by })
const anyStep = fc.oneof(
  { weight: 6, arbitrary: around(30, 40) },
  ...[-(2 ** 31), -(2 ** 24), -maxJumpMs, 0, maxJumpMs].map(ms => around(ms, 2100)),
  around(0, 2 ** 31)
)

/** Each message some step behind the last one of its kind; the first within 2^30, for timestamps 2^31 apart have no order. */
const anyStream = fc
  .tuple(
    fc.nat(2 ** 32 - 1),
    fc.array(fc.tuple(fc.constantFrom('v', 'a', 'd', 'V', 'A', 'D'), anyStep), { maxLength: 60 })
  )
  .map(([start, steps]) => {
    const at: Record<string, number> = {}
    return steps.map(([letter, step]) => {
      const last = at[letter]
      const next = last === undefined ? start + (step % 2 ** 30) : last + step
      at[letter] = next
      return made[letter]!(next >>> 0)
    })
  })

t.test('no track goes back, and the stream makes no step of more than maxJumpMs', t =>
  holdsLater(
    t,
    'any stream',
    fc.asyncProperty(anyStream, fc.constantFrom(1, 40, maxJumpMs, 9000), fc.boolean(), async (source, max, rebase) => {
      const [got] = await repaired(source, { maxJumpMs: max, rebase })
      const isFrame = (message: Message) => message.type !== 18 && !isState(message)
      const frames = got.filter((_, i) => isFrame(source[i]!))
      let newest = frames[0]?.timestamp ?? 0
      const stepsAreSmall = frames.every(({ timestamp }) => {
        const step = (timestamp - newest) | 0
        if (step > 0) newest = timestamp
        return step <= max
      })
      const began = got.slice(source.findIndex(isFrame))
      const noneGoesBack = [8, 9, 18].every(type => {
        const track = began.filter(message => message.type === type)
        return track.every(({ timestamp }, i) => i === 0 || ((timestamp - track[i - 1]!.timestamp) | 0) >= 0)
      })
      return stepsAreSmall && (noneGoesBack || frames.length === 0)
    }),
    { numRuns: 1000 }
  )
)

t.test('audio and video stay in sync, however far their source jumps', t =>
  holdsLater(
    t,
    'any jump',
    fc.asyncProperty(
      fc.nat(2 ** 32 - 1),
      anyStep,
      fc.integer({ min: -500, max: 500 }),
      fc.constantFrom(16, 33, 40, 100),
      fc.constantFrom(10, 21, 23, 64),
      async (start, jump, late, videoMs, audioMs) => {
        const frames = (make: (timestamp: number) => Message, ms: number, lateMs: number) =>
          Array.from({ length: 8000 / ms }, (_, i) => ({
            at: i * ms + lateMs,
            message: make((start + i * ms + (i * ms >= 3000 ? jump : 0)) >>> 0)
          }))
        const source = [...frames(video.frame, videoMs, 0), ...frames(audio.frame, audioMs, late)]
          .sort((one, other) => one.at - other.at)
          .map(({ message }) => message)
        const [got, repairs] = await repaired(source)
        const shifts = got.slice(-20).map(({ timestamp }, i) => (timestamp - source.at(i - 20)!.timestamp) >>> 0)
        return repairs.length <= 2 && new Set(shifts).size === 1
      }
    )
  )
)
