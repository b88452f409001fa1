import fc from 'fast-check'
import { type Chunk, ChunkReader, type ChunkReaderOptions, MessageReader } from 'rtmpipe'
import t from 'tap'
import { bytewise, cut, cutAt } from '../support/chop.ts'
import { hex } from '../support/hex.ts'
import { alive } from '../support/memory.ts'
import { buffers, holds } from '../support/property.ts'

function read(bytes: Buffer | Iterable<Buffer>, options?: ChunkReaderOptions): Chunk[] {
  const reader = new ChunkReader(options)
  const pieces = Buffer.isBuffer(bytes) ? [bytes] : bytes
  return [...pieces].flatMap(piece => [...reader.chunks(piece)])
}

/** A chunk in a line: format, chunk stream, timestamp, type, message stream, payload, and whether it is the last. */
const line = ({ header: h, payload, last }: Chunk) =>
  `${h.format} ${h.chunkStreamId} @${h.timestamp} t${h.type} m${h.messageStreamId} ${payload.length}/${h.length}${last ? '.' : ''}`

t.test('the four formats', async t => {
  const wire = hex`
    06 000064 000003 09 01000000  aaaaaa
    46 000014 000002 08           bbbb
    86 00000a                     cccc
    c6                            dddd`
  t.same(read(wire).map(line), [
    '0 6 @100 t9 m1 3/3.',
    '1 6 @120 t8 m1 2/2.',
    '2 6 @130 t8 m1 2/2.',
    '3 6 @140 t8 m1 2/2.'
  ])
  t.same(
    read(wire).map(({ byteLength }) => byteLength),
    [15, 10, 6, 3]
  )
})

t.test('a message longer than the chunk size comes in chunks of format 3', async t => {
  const body = Buffer.alloc(300, 0x61)
  const wire = hex`04 000000 00012c 09 01000000 ${body.subarray(0, 128)}  c4 ${body.subarray(128, 256)}  c4 ${body.subarray(256)}`
  t.same(read(wire).map(line), ['0 4 @0 t9 m1 128/300', '3 4 @0 t9 m1 128/300', '3 4 @0 t9 m1 44/300.'])
})

t.test(
  'where the bytes are ours, chunks that lie side by side are one run, moved together over their headers',
  async t => {
    const [one, two] = [Buffer.alloc(128, 1), Buffer.alloc(72, 2)]
    const wire = () => hex`06 000000 0000c8 09 01000000 ${one} c6 ${two} 04 000000 000001 08 01000000 33`
    const runs = (bytes: Buffer, ours: boolean) => {
      const reader = new ChunkReader()
      reader.feed(bytes, ours)
      const found: string[] = []
      while (reader.next()) found.push(`${reader.start}-${reader.end} ${reader.byteLength}${reader.last ? '.' : ''}`)
      return found
    }
    const [theirs, ours] = [wire(), wire()]
    t.same(runs(theirs, false), ['12-140 140', '141-213 73.', '225-226 13.'])
    t.same(theirs, wire(), 'what is not ours is not touched')
    t.same(runs(ours, true), ['12-212 213.', '225-226 13.'])
    t.same(ours.subarray(12, 212), Buffer.concat([one, two]))
    const between = hex`06 000000 0000c8 09 01000000 ${one} 04 000000 000001 08 01000000 33 c6 ${two}`
    t.same(runs(between, true), ['12-140 140', '152-153 13.', '154-226 73.'], 'and not where another lies between them')
  }
)

t.test('the three forms of the basic header', async t => {
  const ids: [string, number][] = [
    ['02', 2],
    ['3f', 63],
    ['00 00', 64],
    ['00 ff', 319],
    ['01 00 00', 64],
    ['01 00 01', 320],
    ['01 01 00', 65],
    ['01 ff ff', 65599]
  ]
  for (const [header, id] of ids)
    t.equal(read(hex`${header} 000000 000001 08 00000000 aa`)[0]?.header.chunkStreamId, id, header)
})

t.test('message stream ids are little-endian', async t => {
  t.equal(read(hex`03 000000 000001 08 04030201 aa`)[0]?.header.messageStreamId, 0x01020304)
})

t.test(
  'format 3 that begins a message adds the last delta; after format 0 that is its timestamp (5.3.1.2.4)',
  async t => {
    t.same(read(hex`04 0003e8 000001 08 01000000 aa  c4 bb  c4 cc`).map(line), [
      '0 4 @1000 t8 m1 1/1.',
      '3 4 @2000 t8 m1 1/1.',
      '3 4 @3000 t8 m1 1/1.'
    ])
    t.same(read(hex`04 0003e8 000001 08 01000000 aa  84 000017 bb  c4 cc`).map(line).slice(1), [
      '2 4 @1023 t8 m1 1/1.',
      '3 4 @1046 t8 m1 1/1.'
    ])
  }
)

t.test('an empty message is one chunk', async t => {
  t.same(read(hex`04 000000 000000 08 01000000  04 000001 000001 08 01000000 aa`).map(line), [
    '0 4 @0 t8 m1 0/0.',
    '0 4 @1 t8 m1 1/1.'
  ])
})

t.test('chunk streams interleave', async t => {
  const video = Buffer.alloc(200, 0x76)
  const wire = hex`
    06 000000 0000c8 09 01000000 ${video.subarray(0, 128)}
    04 000005 000002 08 01000000 aaaa
    c6 ${video.subarray(128)}`
  t.same(read(wire).map(line), ['0 6 @0 t9 m1 128/200', '0 4 @5 t8 m1 2/2.', '3 6 @0 t9 m1 72/200.'])
})

t.test('chunk streams that open with format 1, 2 or 3 build on zeros', async t => {
  t.same(read(hex`42 000000 000004 03 000004d2`).map(line), ['1 2 @0 t3 m0 4/4.'], 'as librtmp acknowledges')
  t.same(read(hex`85 00000a  c5`).map(line), ['2 5 @10 t0 m0 0/0.', '3 5 @20 t0 m0 0/0.'])
  for (const header of ['42 000000 000004 03 00000000', '82 000000', 'c2']) {
    const code = 'ERR_RTMP_CHUNK_FORMAT_UNKNOWN_STREAM'
    t.throws(() => read(hex`03 000000 000000 08 00000000 ${header}`, { strict: true }), {
      code,
      layer: 'chunk',
      offset: 12
    })
  }
})

t.test('Set Chunk Size holds from the next chunk on, in the middle of other messages too', async t => {
  const body = Buffer.alloc(300, 0x61)
  const wire = hex`
    04 000000 00012c 09 01000000 ${body.subarray(0, 128)}
    02 000000 000004 01 00000000 00001000
    c4 ${body.subarray(128)}`
  t.same(read(wire).map(line), ['0 4 @0 t9 m1 128/300', '0 2 @0 t1 m0 4/4.', '3 4 @0 t9 m1 172/300.'])
  t.same(read(wire)[1]?.control, { kind: 'SetChunkSize', chunkSize: 4096 })
})

t.test('chunk sizes at their bounds', async t => {
  const reader = new ChunkReader()
  const announce = (size: string) => [...reader.chunks(hex`02 000000 000004 01 00000000 ${size}`)]
  for (const [size, is] of [
    ['00000001', 1],
    ['0000007f', 127],
    ['00ffffff', 0xffffff],
    ['01000000', 0xffffff],
    ['7fffffff', 0xffffff],
    ['80000001', 1]
  ] as const) {
    // one byte a chunk needs the header of each
    const cut = reader.chunkSize === 1
    if (cut) [...reader.chunks(hex`02 000000 000004 01 00000000 00 c2 00 c2 10 c2 00`)]
    announce(size)
    t.equal(reader.chunkSize, is, size)
  }
  t.throws(() => read(hex`02 000000 000004 01 00000000 00000000`), {
    code: 'ERR_RTMP_CHUNK_SIZE',
    layer: 'chunk',
    offset: 0
  })
  t.throws(() => read(hex`02 000000 000004 01 00000000 80000000`), { code: 'ERR_RTMP_CHUNK_SIZE' })
  t.throws(() => read(hex`02 000000 000003 01 00000000 000000`), { code: 'ERR_RTMP_CONTROL_LENGTH', offset: 0 })
  t.same(
    read(hex`02 000000 000005 01 00000000 0000100000`)[0]?.control,
    { kind: 'SetChunkSize', chunkSize: 4096 },
    'more bytes than fields'
  )
})

t.test('control messages are understood even at chunk size 1', async t => {
  const wire = hex`
    02 000000 000004 01 00000000 00000001
    02 000000 000005 06 00000000 00 c2 26 c2 25 c2 a0 c2 01`
  const controls = read(wire).flatMap(({ control }) => control ?? [])
  t.same(controls, [
    { kind: 'SetChunkSize', chunkSize: 1 },
    { kind: 'SetPeerBandwidth', windowSize: 2500000, limitType: 'soft' }
  ])
})

t.test('Abort forgets the message in progress; timestamps go on from it (errata 6)', async t => {
  const wire = hex`
    04 000064 0000c8 09 01000000 ${Buffer.alloc(128)}
    02 000000 000004 02 00000000 00000004
    44 00000a 000001 09 aa`
  t.same(read(wire).map(line), ['0 4 @100 t9 m1 128/200', '0 2 @0 t2 m0 4/4.', '1 4 @110 t9 m1 1/1.'])
  t.same(read(wire)[1]?.control, { kind: 'Abort', chunkStreamId: 4 })
  t.doesNotThrow(
    () => read(hex`02 000000 000004 02 00000000 00000009  02 000000 000004 02 00000000 ffffffff`),
    'of a stream that has none'
  )
})

t.test('a header in the middle of a message is an error', async t => {
  const begun = hex`04 000000 0000c8 09 01000000 ${Buffer.alloc(128)}`
  for (const header of ['04 000000 0000c8 09 01000000', '44 000000 000064 09', '44 000000 0000c8 08']) {
    t.throws(() => read(hex`${begun} ${header}`), { code: 'ERR_RTMP_CHUNK_UNFINISHED_MESSAGE', offset: 140 })
  }
})

t.test('a message goes on in chunks of format 1 that repeat its length and type, and in those of format 2', async t => {
  const [one, two, three] = [Buffer.alloc(128, 1), Buffer.alloc(128, 2), Buffer.alloc(44, 3)]
  const wire = hex`
    04 0003e8 00012c 09 01000000 ${one}  44 000014 00012c 09 ${two}  84 000007 ${three}
    84 000014 ${one} 84 ffffff 00000014 ${two} c4 ${three}`
  const lines = [
    '0 4 @1000 t9 m1 128/300',
    '1 4 @1000 t9 m1 128/300',
    '2 4 @1000 t9 m1 44/300.',
    '2 4 @1020 t9 m1 128/300',
    '2 4 @1020 t9 m1 128/300',
    '3 4 @1020 t9 m1 44/300.'
  ]
  for (const pieces of [[wire], bytewise(wire)]) {
    const chunks = read(pieces)
    t.same(chunks.map(line), lines, 'the timestamp is that of its first chunk')
    t.same(Buffer.concat(chunks.map(({ payload }) => payload)), Buffer.concat([one, two, three, one, two, three]))
  }
  const reader = new ChunkReader()
  reader.feed(Buffer.from(wire), true)
  const runs: Buffer[] = []
  while (reader.next()) runs.push(Buffer.from(reader.source.subarray(reader.start, reader.end)))
  t.same(Buffer.concat(runs), Buffer.concat([one, two, three, one, two, three]), 'where the bytes are ours too')
  for (const header of ['44 000000 0000c8 09', '84 000000']) {
    const strictly = hex`04 000000 0000c8 09 01000000 ${Buffer.alloc(128)} ${header}`
    t.throws(() => read(strictly, { strict: true }), { code: 'ERR_RTMP_CHUNK_UNFINISHED_MESSAGE', offset: 140 })
  }
})

t.test('extended timestamps', async t => {
  t.same(read(hex`04 ffffff 000001 08 01000000 00ffffff aa  44 ffffff 000001 08 01000000 bb`).map(line), [
    '0 4 @16777215 t8 m1 1/1.',
    '1 4 @33554431 t8 m1 1/1.'
  ])
  t.equal(read(hex`04 fffffe 000001 08 01000000 aa`)[0]?.header.timestamp, 0xfffffe, '0xfffffe needs none')
})

t.test('timestamps have 32 bits, unsigned', async t => {
  t.same(
    read(hex`04 ffffff 000001 08 01000000 7fffffff aa  84 000005 bb`).map(line).at(-1),
    '2 4 @2147483652 t8 m1 1/1.'
  )
})

t.test('timestamps wrap at 2^32', async t => {
  t.same(read(hex`04 ffffff 000001 08 01000000 fffffff0 aa  84 000020 bb`).map(line), [
    '0 4 @4294967280 t8 m1 1/1.',
    '2 4 @16 t8 m1 1/1.'
  ])
})

/** Two messages of 200 bytes at 2^24 + 5, 2^24 + 10; each continues with format 3, with and without the extended timestamp. */
const long = (fill: number) => Buffer.alloc(200, fill)
const split = (body: Buffer, repeated: string) => hex`${body.subarray(0, 128)} c6 ${repeated} ${body.subarray(128)}`

t.test('format 3 repeats the extended timestamp, as it must', async t => {
  const wire = hex`
    06 ffffff 0000c8 09 01000000 01000005 ${split(long(0x61), '01000005')}
    06 ffffff 0000c8 09 01000000 0100000a ${split(long(0x62), '0100000a')}`
  const chunks = read(wire)
  t.same(chunks.map(line), [
    '0 6 @16777221 t9 m1 128/200',
    '3 6 @16777221 t9 m1 72/200.',
    '0 6 @16777226 t9 m1 128/200',
    '3 6 @16777226 t9 m1 72/200.'
  ])
  t.same(Buffer.concat(chunks.map(({ payload }) => payload)), Buffer.concat([long(0x61), long(0x62)]))
})

t.test('format 3 without it, from writers that leave it out (obs-studio pull request 10097)', async t => {
  const wire = hex`
    06 ffffff 0000c8 09 01000000 01000005 ${split(long(0x61), '')}
    06 ffffff 0000c8 09 01000000 0100000a ${split(long(0x62), '')}`
  t.same(Buffer.concat(read(wire).map(({ payload }) => payload)), Buffer.concat([long(0x61), long(0x62)]))
  t.same(
    Buffer.concat(read(bytewise(wire)).map(({ payload }) => payload)),
    Buffer.concat([long(0x61), long(0x62)]),
    'each byte alone'
  )
})

t.test('format 3 behind an extended delta: the delta or the absolute timestamp stand there', async t => {
  const delta = '02000000'
  const absolute = '03000005'
  for (const repeated of [delta, absolute, '']) {
    const wire = hex`06 ffffff 000001 09 01000000 01000005 aa  46 ffffff 0000c8 09 ${delta} ${split(long(0x61), repeated)}`
    const chunks = read(wire)
    t.same(
      chunks.map(line).slice(1),
      ['1 6 @50331653 t9 m1 128/200', '3 6 @50331653 t9 m1 72/200.'],
      repeated || 'absent'
    )
    t.same(Buffer.concat(chunks.slice(1).map(({ payload }) => payload)), long(0x61), repeated || 'absent')
  }
})

t.test('what the first format 3 chunk shows holds, though a payload begin with the very timestamp', async t => {
  const tricky = Buffer.concat([
    Buffer.alloc(128, 1),
    hex`01000005`,
    Buffer.alloc(124, 2),
    hex`01000005`,
    Buffer.alloc(44, 3)
  ])
  const cut = (repeated: string) =>
    hex`${tricky.subarray(0, 128)} c6 ${repeated} ${tricky.subarray(128, 256)} c6 ${repeated} ${tricky.subarray(256)}`
  const first = hex`06 ffffff 0000c8 09 01000000 01000005`
  const header = hex`06 ffffff 000130 09 01000000 01000005`
  for (const repeated of ['01000005', '']) {
    const wire = hex`${first} ${split(long(0x61), repeated)} ${header} ${cut(repeated)}`
    t.same(
      Buffer.concat(read(wire).map(({ payload }) => payload)),
      Buffer.concat([long(0x61), tricky]),
      repeated || 'absent'
    )
  }
})

t.test('without it, a payload that begins like it, cut where that shows', async t => {
  const body = Buffer.concat([Buffer.alloc(128, 0x61), hex`010000`, Buffer.alloc(69, 0x62)])
  const wire = hex`06 ffffff 0000c8 09 01000000 01000005 ${split(body, '')} 06 000000 000001 09 01000000 aa`
  for (let at = 0; at <= wire.length; at++) {
    const chunks = read(cutAt(wire, [at]))
    const payload = Buffer.concat(chunks.map(chunk => chunk.payload))
    if (!payload.equals(Buffer.concat([body, hex`aa`]))) t.fail(`cut at ${at}`)
  }
  const chunks = read(bytewise(wire))
  t.same(chunks.map(line), ['0 6 @16777221 t9 m1 128/200', '3 6 @16777221 t9 m1 72/200.', '0 6 @0 t9 m1 1/1.'])
  t.same(Buffer.concat(chunks.map(({ payload }) => payload)), Buffer.concat([body, hex`aa`]), 'each byte alone')
})

t.test('a new message by format 3 behind an extended delta adds the delta again', async t => {
  for (const [first, second] of [
    ['01000000', '01000000'],
    ['02000005', '03000005'],
    ['', '']
  ] as const) {
    const wire = hex`06 000005 000001 09 01000000 aa  86 ffffff 01000000 bb  c6 ${first} cc  c6 ${second} dd`
    t.same(
      read(wire).map(({ header }) => header.timestamp),
      [5, 16777221, 33554437, 50331653],
      first || 'absent'
    )
  }
})

t.test('what is announced is bounded', async t => {
  const announces = (length: string) => hex`06 000000 ${length} 09 01000000`
  t.throws(() => read(announces('a00001')), { code: 'ERR_RTMP_MESSAGE_TOO_LONG', layer: 'chunk', offset: 0 })
  t.doesNotThrow(() => read(announces('a00000')))
  t.throws(() => read(announces('000065'), { limits: { messageBytes: 100 } }), { code: 'ERR_RTMP_MESSAGE_TOO_LONG' })
  const opens = (count: number) =>
    Array.from({ length: count }, (_, i) => hex`00 ${Buffer.of(i)} 000000 0000c8 09 01000000 ${Buffer.alloc(128)}`)
  t.doesNotThrow(() => read(opens(64)))
  t.throws(() => read(opens(65)), { code: 'ERR_RTMP_CHUNK_TOO_MANY_STREAMS', offset: 64 * 141 })
  const finished = Array.from({ length: 200 }, (_, i) => hex`00 ${Buffer.of(i)} 000000 000001 09 01000000 aa`)
  t.equal(read(finished).length, 200, 'streams whose messages are finished do not count')
  const empty = Array.from({ length: 200 }, (_, i) => hex`00 ${Buffer.of(i)} 000000 000000 09 01000000`)
  t.equal(read(empty).length, 200, 'nor those whose messages are empty')
  t.throws(
    () => read([...empty, ...opens(65)]),
    { code: 'ERR_RTMP_CHUNK_TOO_MANY_STREAMS' },
    'which do not make room either'
  )
})

t.test('every chunk stream id there is', async t => {
  const reader = new ChunkReader({ limits: { chunkStreamHeaders: 65_598 } })
  const wrong: number[] = []
  for (let id = 2; id <= 65599; id++) {
    const header =
      id < 64 ? Buffer.of(id) : id < 320 ? Buffer.of(0, id - 64) : Buffer.of(1, (id - 64) & 255, (id - 64) >> 8)
    const [chunk] = reader.chunks(hex`${header} 000000 000001 08 01000000 aa`)
    if (chunk?.header.chunkStreamId !== id) wrong.push(id)
  }
  t.same(wrong, [])
})

t.test('the end of the input tells what was cut', async t => {
  const cuts: [string, Buffer, number | undefined][] = [
    ['between chunks', hex`04 000000 000001 08 01000000 aa`, undefined],
    ['in a basic header', hex`01 00`, 1],
    ['in a message header', hex`04 000000 00`, 1],
    ['behind a header', hex`04 000000 000008 08 01000000`, 8],
    ['in a payload', hex`04 000000 000008 08 01000000 aaaa`, 6],
    ['between the chunks of a message', hex`04 000000 0000c8 08 01000000 ${Buffer.alloc(128)}`, 72]
  ]
  for (const [where, bytes, missing] of cuts) {
    const reader = new ChunkReader()
    for (const _ of reader.chunks(bytes));
    t.same(reader.cut(), missing === undefined ? undefined : { layer: 'chunk', offset: bytes.length, missing }, where)
  }
})

t.test('1 MiB at chunk size 1 takes memory of its size, not an object a byte', async t => {
  const length = 1 << 20
  const chunks = Buffer.alloc(2 * length, 0xc6)
  for (let i = 0; i < length; i++) chunks[2 * i + 1] = i & 255
  const wire = hex`02 000000 000004 01 00000000 00000001  06 000000 100000 09 01000000 ${chunks.subarray(1, -1)}`
  const reader = new ChunkReader()
  const messages = new MessageReader()
  const before = alive()
  for (const piece of cut(wire, 1)) {
    reader.feed(piece)
    while (reader.next()) messages.add(reader.header, reader.source, reader.start, reader.end, reader.last)
  }
  t.ok(messages.held <= 2 * length, `${messages.held} bytes held of ${length}, all but the last`)
  t.ok(alive() - before < 3 * length, 'and no more alive')
  reader.feed(chunks.subarray(-1))
  reader.next()
  const whole = messages.add(reader.header, reader.source, reader.start, reader.end, reader.last)
  t.ok(whole?.payload.every((byte, i) => byte === (i & 255)))
})

t.test('any way to cut any bytes gives the same chunks, or the same error', async t => {
  const outcome = (pieces: Iterable<Buffer>) => {
    const lines: string[] = []
    const reader = new ChunkReader()
    try {
      for (const piece of pieces) {
        for (const chunk of reader.chunks(piece))
          lines.push(`${line(chunk)} ${chunk.byteLength} ${chunk.payload.toString('hex')}`)
      }
    } catch (error) {
      return [...lines, `${error}`]
    }
    return [...lines, JSON.stringify(reader.cut())]
  }
  /** Bytes that are likely to be chunks. */
  const header = fc
    .tuple(
      fc.constantFrom(0x04, 0x44, 0x84, 0xc4, 0x06, 0xc6, 0x02),
      fc.constantFrom('000000', '000028', 'ffffff'),
      fc.nat(300),
      fc.constantFrom(8, 9, 1, 2)
    )
    .map(([first, time, length, type]) => {
      const size = [11, 7, 3, 0][first >> 6]!
      return Buffer.concat([
        Buffer.of(first),
        hex`${time} ${length.toString(16).padStart(6, '0')} 0${`${type}`} 01000000`.subarray(0, size)
      ])
    })
  const wire = fc.array(fc.oneof(header, buffers(150)), { maxLength: 12 }).map(parts => Buffer.concat(parts))
  holds(
    t,
    'any bytes, cut anywhere',
    fc.property(wire, fc.array(fc.nat(1500), { maxLength: 20 }), (bytes, places) => {
      const whole = outcome([bytes])
      const cut = outcome(cutAt(bytes, places))
      return (
        JSON.stringify(cut) === JSON.stringify(whole) &&
        JSON.stringify(outcome(bytewise(bytes))) === JSON.stringify(whole)
      )
    }),
    { numRuns: 1500 }
  )
  holds(
    t,
    'what came first stays as it was, whatever comes behind it',
    fc.property(wire, fc.nat(1500), (bytes, length) => {
      const first = outcome([bytes.subarray(0, length)]).slice(0, -1)
      return JSON.stringify(outcome([bytes]).slice(0, first.length)) === JSON.stringify(first)
    }),
    { numRuns: 1000 }
  )
})
