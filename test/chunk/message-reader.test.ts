import { type ChunkHeader, type Message, MessageReader, MessageWriter, setChunkSize } from 'rtmpipe'
import t from 'tap'

const header = (chunkStreamId: number, length: number): ChunkHeader => ({
  chunkStreamId,
  timestamp: 7,
  length,
  type: 9,
  messageStreamId: 1
})

const message = (length: number, fields: Partial<Message> = {}): Message => ({
  type: 9,
  messageStreamId: 1,
  chunkStreamId: 6,
  timestamp: 0,
  payload: Buffer.alloc(length, 0x61),
  ...fields
})

t.test('a message that is announced costs nothing until its bytes come', async t => {
  const reader = new MessageReader()
  for (let id = 2; id < 66; id++) reader.add(header(id, 10_000_000), Buffer.of(1), 0, 1, false)
  t.ok(reader.held <= 64 * 4, `${reader.held} bytes for 64 messages of 10 MB`)
})

t.test('unfinished messages hold no more together than they may', async t => {
  const reader = new MessageReader({ limits: { bufferedBytes: 10_000 } })
  const piece = Buffer.alloc(1000)
  // four times what has come
  reader.add(header(4, 9000), piece, 0, 1000, false)
  reader.add(header(5, 9000), piece, 0, 1000, false)
  reader.add(header(7, 9000), Buffer.alloc(500), 0, 500, false)
  t.equal(reader.held, 10_000, 'up to the last byte')
  t.throws(() => reader.add(header(6, 9000), piece, 0, 1000, false), {
    code: 'ERR_RTMP_BUFFERED_TOO_MUCH',
    layer: 'message'
  })
})

t.test('a header that announces too much is refused here too', async t => {
  const reader = new MessageReader({ limits: { messageBytes: 100 } })
  t.doesNotThrow(() => reader.add(header(5, 100), Buffer.of(1), 0, 1, false))
  t.throws(() => reader.add(header(4, 101), Buffer.of(1), 0, 1, false), {
    code: 'ERR_RTMP_MESSAGE_TOO_LONG',
    layer: 'message'
  })
})

t.test('Abort drops what it names and no more', async t => {
  const reader = new MessageReader()
  reader.add(header(4, 4), Buffer.of(1, 2), 0, 2, false)
  reader.add(header(5, 4), Buffer.of(3, 4), 0, 2, false)
  reader.heed({ kind: 'Abort', chunkStreamId: 4 })
  t.same(reader.cut(), { layer: 'message', offset: 2, missing: 2 })
  t.same(reader.add(header(4, 1), Buffer.of(9), 0, 1, true)?.payload, Buffer.of(9))
  t.same(reader.add(header(5, 4), Buffer.of(5, 6), 0, 2, true)?.payload, Buffer.of(3, 4, 5, 6))
  t.equal(reader.held, 0)
})

t.test('a small payload does not pin the bytes it was read in; a large one is not copied', async t => {
  const read = Buffer.alloc(65536)
  const small = new MessageReader().add(header(4, 30), read, 100, 130, true)
  t.not(small?.payload.buffer, read.buffer)
  const large = new MessageReader().add(header(6, 20_000), read, 100, 20_100, true)
  t.equal(large?.payload.buffer, read.buffer)
  const chunk = read.subarray(100, 130)
  const ofChunk = new MessageReader().add(header(4, 30), chunk, 0, 30, true)
  t.not(ofChunk?.payload.buffer, read.buffer, 'nor where a Chunk was cut out of them')
})

t.test('nor does a frame of several chunks pin a block of Node’s buffer pool', async t => {
  const reader = new MessageReader()
  reader.add(header(6, 8000), Buffer.alloc(4096), 0, 4096, false)
  const frame = reader.add(header(6, 8000), Buffer.alloc(3904), 0, 3904, true)
  t.equal(frame?.payload.buffer.byteLength, 8000)
})

t.test('our own chunk size', async t => {
  const sizes = (writer: MessageWriter, ...messages: Message[]) =>
    messages.flatMap(each => [...writer.chunks(each)].map(({ payload, header }) => `t${header.type} ${payload.length}`))
  t.same(sizes(new MessageWriter(), message(300)), ['t9 128', 't9 128', 't9 44'], 'is 128 until told')
  t.same(
    sizes(new MessageWriter(), message(200), setChunkSize(150), message(200)),
    ['t9 128', 't9 72', 't1 4', 't9 150', 't9 50'],
    'changes in band'
  )
  t.same(
    sizes(new MessageWriter({ chunkSize: 4096 }), message(200), message(9000)),
    ['t1 4', 't9 200', 't9 4096', 't9 4096', 't9 808'],
    'is announced once'
  )
  t.same(sizes(new MessageWriter({ chunkSize: 128 }), message(1)), ['t9 1'], '128 need not be announced')
  t.same(sizes(new MessageWriter(), message(0), message(128)), ['t9 0', 't9 128'])
  for (const chunkSize of [0, 127, 1.5, 0x1000000, Number.NaN])
    t.throws(() => new MessageWriter({ chunkSize }), RangeError, `${chunkSize}`)
  t.throws(() => [...new MessageWriter().chunks(setChunkSize(127))], RangeError, 'never below 128')
  for (const payload of [Buffer.alloc(4), Buffer.alloc(3)])
    t.throws(() => [...new MessageWriter().chunks({ ...setChunkSize(128), payload })], RangeError, 'no fault of a peer')
  t.equal([...new MessageWriter({ chunkSize: 0xffffff }).chunks(message(0xffffff))].length, 2)
  t.throws(() => [...new MessageWriter().chunks(message(0x1000000))], RangeError, 'no message over 2^24 - 1 bytes')
})

t.test("chunks share the message's payload", async t => {
  const whole = message(300)
  for (const { payload } of new MessageWriter().chunks(whole)) t.equal(payload.buffer, whole.payload.buffer)
})
