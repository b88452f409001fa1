import { deepStrictEqual } from 'node:assert'
import fc from 'fast-check'
import {
  type Chunk,
  type ChunkFormat,
  type ChunkHeader,
  ChunkReader,
  ChunkWriter,
  type Message,
  MessageReader,
  MessageWriter,
  setChunkSize
} from 'rtmpipe'
import t from 'tap'
import { cutAt } from '../support/chop.ts'
import { hex } from '../support/hex.ts'
import { holds } from '../support/property.ts'

const chunk = (header: Partial<ChunkHeader>, payload = hex`aa`): Chunk => ({
  header: { chunkStreamId: 4, timestamp: 0, length: payload.length, type: 8, messageStreamId: 1, ...header },
  payload,
  last: true,
  byteLength: 0
})

const write = (...chunks: Chunk[]) => {
  const writer = new ChunkWriter()
  return chunks.map(each => writer.write(each))
}

t.test('a header leaves out what the last one said', async t => {
  t.same(
    write(
      chunk({ timestamp: 1000 }),
      chunk({ timestamp: 1040 }, hex`bbbb`),
      chunk({ timestamp: 1080 }, hex`cccc`),
      chunk({ timestamp: 1120 }, hex`dddd`),
      chunk({ timestamp: 1130, messageStreamId: 2 }),
      chunk({ timestamp: 1130, type: 9, messageStreamId: 2 })
    ),
    [
      hex`04 0003e8 000001 08 01000000 aa`,
      hex`44 000028 000002 08 bbbb`,
      hex`84 000028 cccc`,
      hex`84 000028 dddd`,
      hex`04 00046a 000001 08 02000000 aa`,
      hex`44 000000 000001 09 aa`
    ],
    'and never begins a message with format 3 of its own accord'
  )
})

t.test('chunks that come at once are the same bytes in few buffers', async t => {
  for (const [chunkSize, buffers] of [
    [128, 3],
    [4096, 3],
    [65536, 2],
    [100_000, 2]
  ] as const) {
    const message = {
      type: 9,
      messageStreamId: 1,
      chunkStreamId: 6,
      timestamp: 7,
      payload: Buffer.alloc(130_000, 'abc')
    }
    const writer = new MessageWriter()
    writer.bytes(setChunkSize(chunkSize), new ChunkWriter())
    const chunks = [...writer.chunks(message)]
    const made = [...new ChunkWriter().buffers(chunks)]
    t.same(Buffer.concat(made), Buffer.concat(write(...chunks)))
    t.equal(made.length, buffers, `${chunks.length} chunks`)
    t.ok(made.every(({ length }) => length < 66_000 || chunkSize > 66_000))
  }
})

t.test('chunks ahead of one that cannot be written are given first', async t => {
  const made: Buffer[] = []
  t.throws(() => {
    for (const bytes of new ChunkWriter().buffers([chunk({}), chunk({}), chunk({ length: 1 }, hex`aabb`), chunk({})]))
      made.push(bytes)
  }, RangeError)
  t.same(made, [Buffer.concat(write(chunk({}), chunk({})))])
  t.throws(() => [...new ChunkWriter().buffers([chunk({ length: 1 }, hex`aabb`)])], RangeError)
})

t.test('a timestamp that goes back, or far ahead, takes the whole header', async t => {
  t.same(write(chunk({ timestamp: 1000 }), chunk({ timestamp: 999 })).at(-1), hex`04 0003e7 000001 08 01000000 aa`)
  t.same(write(chunk({}), chunk({ timestamp: 0xfffffe })).at(-1), hex`84 fffffe aa`)
  t.same(write(chunk({}), chunk({ timestamp: 0xffffff })).at(-1), hex`04 ffffff 000001 08 01000000 00ffffff aa`)
  t.same(
    write(chunk({ timestamp: 0xfffffff0 }), chunk({ timestamp: 0x10 })).at(-1),
    hex`84 000020 aa`,
    'past 2^32 is ahead'
  )
})

t.test('the extended timestamp is repeated on every format 3', async t => {
  const header = { timestamp: 0x01000005, length: 3 }
  const [first, second] = write(chunk(header, hex`aabb`), chunk(header, hex`cc`))
  t.same(first, hex`04 ffffff 000003 08 01000000 01000005 aabb`)
  t.same(second, hex`c4 01000005 cc`)
})

t.test('a format that is asked for is used where it tells the truth', async t => {
  const formats = (...headers: Partial<ChunkHeader>[]) =>
    write(...headers.map(header => chunk(header))).map(([first]) => first! >> 6)
  t.same(formats({ format: 1 }), [0], 'a fresh chunk stream has nothing to build on')
  t.same(formats({}, { format: 0 }), [0, 0])
  t.same(formats({}, { format: 1 }), [0, 1])
  t.same(formats({}, { format: 3 }), [0, 3])
  t.same(formats({ timestamp: 5 }, { timestamp: 6, format: 3 }), [0, 2], 'another delta')
  t.same(formats({ timestamp: 5 }, { timestamp: 10, format: 3 }), [0, 3], 'after format 0 the delta is the timestamp')
  t.same(formats({}, { format: 3, type: 9 }), [0, 1], 'another type')
  t.same(formats({}, { format: 2, messageStreamId: 2 }), [0, 0], 'another message stream')
  const [, extended] = write(chunk({}), chunk({ format: 1, timestamp: 0x1000000 }))
  t.same(extended, hex`44 ffffff 000001 08 01000000 aa`, 'an extended delta')
})

t.test('what no reader could understand is a RangeError at once', async t => {
  const wrong: [string, ...Chunk[]][] = [
    ['chunk stream id 1', chunk({ chunkStreamId: 1 })],
    ['chunk stream id 65600', chunk({ chunkStreamId: 65600 })],
    ['chunk stream id 2.5', chunk({ chunkStreamId: 2.5 })],
    ['a negative timestamp', chunk({ timestamp: -1 })],
    ['a timestamp of 2^32', chunk({ timestamp: 2 ** 32 })],
    ['a message of 2^24 bytes', chunk({ length: 2 ** 24 })],
    ['message type 256', chunk({ type: 256 })],
    ['a message stream id of 2^32', chunk({ messageStreamId: 2 ** 32 })],
    ['more payload than the message has', chunk({ length: 1 }, hex`aabb`)],
    ['another message in the middle of one', chunk({ length: 3 }), chunk({ length: 4 })]
  ]
  for (const [name, ...chunks] of wrong) t.throws(() => write(...chunks), RangeError, name)
  const writer = new ChunkWriter()
  writer.write(chunk({}))
  t.throws(() => writer.write(chunk({ length: 1 }, hex`aabb`)), RangeError)
  t.same(writer.write(chunk({})), hex`84 000000 aa`, 'and leaves no trace')
})

/** The messages in these pieces, in how many runs they were found, and the bytes their chunks took. */
function heard(pieces: Iterable<Buffer>, ours: boolean) {
  const [reader, assembler] = [new ChunkReader(), new MessageReader()]
  const messages: Message[] = []
  let [runs, byteLength] = [0, 0]
  for (const piece of pieces) {
    reader.feed(piece, ours)
    for (; reader.next(); runs++) {
      if (reader.chunkEnd) byteLength += reader.byteLength
      const message = assembler.add(reader.header, reader.source, reader.start, reader.end, reader.last)
      if (message !== undefined) messages.push(message)
    }
  }
  // as they stand when all has been read: nothing that came later has written over them
  return { messages: messages.map(each => ({ ...each, payload: Buffer.from(each.payload) })), runs, byteLength }
}

const id = fc.oneof(fc.integer({ min: 2, max: 8 }), fc.constantFrom(63, 64, 319, 320, 65599))
const time = fc.oneof(
  fc.nat(100),
  fc.constantFrom(0xfffffe, 0xffffff, 0x1000000, 0x7fffffff, 0x80000000, 0xffffffff),
  fc.nat(0xffffffff)
)
const message: fc.Arbitrary<Message> = fc.record(
  {
    // not those that the writer itself heeds
    type: fc.oneof(fc.constantFrom(8, 9, 18, 20), fc.integer({ min: 7, max: 255 })),
    messageStreamId: fc.oneof(fc.nat(2), fc.constantFrom(0xffffffff)),
    chunkStreamId: id,
    timestamp: time,
    payload: fc
      .oneof({ weight: 5, arbitrary: fc.nat(600) }, { weight: 1, arbitrary: fc.nat(9000) })
      .map(length => Buffer.alloc(length, length & 255))
  },
  { noNullPrototype: true }
)
const sizes = fc.option(fc.constantFrom(128, 129, 1000, 4096, 65536))
const written = fc.array(fc.tuple(message, sizes), { maxLength: 20 })

t.test('messages cut into chunks, written, read and put together are the same messages', async t => {
  holds(
    t,
    'messages',
    fc.property(written, sizes, (items, chunkSize) => {
      const cutter = new MessageWriter(chunkSize === null ? {} : { chunkSize })
      const writer = new ChunkWriter()
      const reader = new ChunkReader()
      const assembler = new MessageReader()
      const again: Message[] = []
      const sent: Message[] =
        chunkSize === null || chunkSize === 128 || items.length === 0 ? [] : [setChunkSize(chunkSize)]
      for (const [each, size] of items) {
        for (const one of size === null ? [each] : [setChunkSize(size), each]) {
          sent.push(one)
          for (const made of cutter.chunks(one)) {
            const read = [...reader.chunks(writer.write(made))]
            deepStrictEqual(read.length, 1)
            const { header, payload, last } = read[0]!
            deepStrictEqual(
              { ...header, format: undefined, payload, last },
              { ...made.header, format: undefined, payload: made.payload, last: made.last }
            )
            const whole = assembler.add(header, payload, 0, payload.length, last)
            if (whole !== undefined) again.push(whole)
          }
        }
      }
      deepStrictEqual(again, sent)
      return reader.cut() === undefined && assembler.cut() === undefined && assembler.held === 0
    }),
    { numRuns: 300 }
  )
})

t.test('bytes that are ours are put together where they lie, cut anywhere, and are the same messages', async t => {
  holds(
    t,
    'messages',
    fc.property(written, sizes, fc.array(fc.nat(20_000), { maxLength: 6 }), (items, chunkSize, places) => {
      const cutter = new MessageWriter(chunkSize === null ? {} : { chunkSize })
      const writer = new ChunkWriter()
      const bytes = Buffer.concat(items.map(([each]) => cutter.bytes(each, writer)))
      const [theirs, ours] = [heard(cutAt(bytes, places), false), heard(cutAt(Buffer.from(bytes), places), true)]
      deepStrictEqual(ours.messages, theirs.messages)
      return ours.byteLength === theirs.byteLength && ours.runs <= theirs.runs
    }),
    { numRuns: 300 }
  )
})

t.test('the bytes of a message in one buffer are those of its chunks', async t => {
  holds(
    t,
    'messages',
    fc.property(written, sizes, (items, chunkSize) => {
      const options = chunkSize === null ? {} : { chunkSize }
      const [one, other] = [new MessageWriter(options), new MessageWriter(options)]
      const [oneWriter, otherWriter] = [new ChunkWriter(), new ChunkWriter()]
      return items.every(([each]) => {
        const pieces = [...one.chunks(each)].map(made => oneWriter.write(made))
        return Buffer.concat(pieces).equals(other.bytes(each, otherWriter))
      })
    }),
    { numRuns: 300 }
  )
})

t.test('a message that names no chunk stream goes out on the usual one of its type', async t => {
  const writer = new MessageWriter()
  const on = (type: number, rest: Partial<Message> = {}) =>
    [...writer.chunks({ type, messageStreamId: 1, timestamp: 0, payload: Buffer.alloc(4, 1), ...rest })].map(
      ({ header }) => header.chunkStreamId
    )
  const usual = { 2: [2, 3, 4, 5, 6], 3: [16, 17, 19, 20, 99], 4: [8], 5: [15, 18, 22], 6: [9] }
  for (const [id, types] of Object.entries(usual)) for (const type of types) t.same(on(type), [Number(id)], `${type}`)
  t.same(on(9, { chunkStreamId: 8 }), [8], 'a preference is kept')
  t.same(on(9, { payload: Buffer.alloc(300) }), [6, 6, 6], 'one for all of its chunks')
})

t.test('chunks that were read are written as the bytes they were, whatever formats they have', async t => {
  const format = fc.option(fc.constantFrom<ChunkFormat>(0, 1, 2, 3), { nil: undefined })
  holds(
    t,
    'chunks',
    fc.property(fc.array(fc.tuple(id, time, format), { maxLength: 30 }), items => {
      const writer = new ChunkWriter()
      const bytes = Buffer.concat(
        items.map(([chunkStreamId, timestamp, wanted]) =>
          writer.write(chunk({ chunkStreamId, timestamp, ...(wanted !== undefined && { format: wanted }) }))
        )
      )
      const again = new ChunkWriter()
      const read = [...new ChunkReader().chunks(bytes)]
      deepStrictEqual(
        read.map(({ header }) => header.timestamp),
        items.map(([, timestamp]) => timestamp)
      )
      return Buffer.concat(read.map(each => again.write(each))).equals(bytes)
    }),
    { numRuns: 500 }
  )
})
