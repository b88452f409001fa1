import { once } from 'node:events'
import net from 'node:net'
import { type Duplex, duplexPair, pipeline } from 'node:stream'
import { setTimeout as sleep, setImmediate as turnOfTheLoop } from 'node:timers/promises'
import fc from 'fast-check'
import {
  abortMessage,
  amfCommandParser,
  BatchChunks,
  ChunkReader,
  ChunkWriter,
  ClientHandshake,
  chunkDecoder,
  chunkEncoder,
  handshakeStream,
  isProtocolControlType,
  type Message,
  MessageBatch,
  MessageReader,
  MessageWriter,
  messageAssembler,
  messageChunker,
  messageWire,
  mirror,
  ProtocolError,
  setChunkSize,
  setPeerBandwidth,
  stage,
  windowAcknowledgementSize,
  windowAcknowledger
} from 'rtmpipe'
import t from 'tap'
import { captureNames, readCapture } from '../support/captures.ts'
import { cutAt } from '../support/chop.ts'
import { TestClock } from '../support/clock.ts'
import { collect } from '../support/collect.ts'
import { hex } from '../support/hex.ts'
import { holdsLater } from '../support/property.ts'

const pair = () => duplexPair() as [Duplex, Duplex]
const errorOf = (stream: Duplex) => new Promise<Error>(resolve => stream.once('error', resolve))
const random = (length: number) => Buffer.alloc(length, 7)
const clock = new TestClock()

const message = (fields: Partial<Message> = {}): Message => ({
  type: 9,
  messageStreamId: 1,
  chunkStreamId: 6,
  timestamp: 0,
  payload: Buffer.alloc(200, 0x61),
  ...fields
})

/** The tower of stages, wired as the map draws it. */
function tower(lower: Duplex): Duplex {
  const plain = handshakeStream(lower, { random, clock })
  const chunks = windowAcknowledger(mirror(chunkEncoder(), plain, chunkDecoder()))
  const announce = [windowAcknowledgementSize(2_500_000), setPeerBandwidth(2_500_000)]
  return mirror(messageChunker({ chunkSize: 4096, announce }), chunks, messageAssembler())
}

const wire = (lower: Duplex) => messageWire(lower, { random, clock, chunkSize: 4096 })

/** What a wire hands up, and what it sends, when these bytes come and these messages are written. */
async function run(make: (lower: Duplex) => Duplex, pieces: Iterable<Buffer>, writes: readonly Message[]) {
  const [near, far] = pair()
  const upper = make(near)
  const sent: Buffer[] = []
  far.on('data', bytes => sent.push(bytes))
  const messages = collect<Message>(upper)
  for (const piece of pieces) if (!far.write(piece)) await new Promise(resolve => far.once('drain', resolve))
  await sleep(2)
  for (const each of writes) upper.write(each)
  await sleep(2)
  far.end()
  const got = (await messages).filter(({ type }) => !isProtocolControlType(type))
  upper.destroy()
  return { got, sent: Buffer.concat(sent).toString('hex') }
}

t.test('the fused wire equals the tower, message for message and byte for byte', async t => {
  for (const name of captureNames) {
    const { bytes } = readCapture(name).client
    const writes = [message(), message({ type: 8, chunkStreamId: 4, timestamp: 23 }), message({ timestamp: 40 })]
    const [fused, wired] = await Promise.all([run(wire, [bytes], writes), run(tower, [bytes], writes)])
    t.same(fused.got, wired.got, `${name}: ${fused.got.length} messages`)
    t.equal(fused.sent, wired.sent, `${name}: ${fused.sent.length / 2} bytes`)
  }
})

t.test('and for any split of the input, with acknowledgements and aborts in it', async t => {
  const chunks = new ChunkWriter()
  const cutter = new MessageWriter()
  const script = (items: readonly Message[]) =>
    Buffer.concat([
      new ClientHandshake({ random }).hello(),
      Buffer.alloc(1536),
      ...items.flatMap(each => [...cutter.chunks(each)].map(chunk => chunks.write(chunk)))
    ])
  const input = script([
    windowAcknowledgementSize(4096),
    message({ payload: Buffer.alloc(9000, 1) }),
    setChunkSize(1000),
    setPeerBandwidth(10_000, 'hard'),
    message({ type: 8, chunkStreamId: 4, payload: Buffer.alloc(5000, 2) }),
    abortMessage(6),
    message({ timestamp: 0x1000000, payload: Buffer.alloc(3000, 3) }),
    message({ type: 20, chunkStreamId: 3, payload: Buffer.alloc(40, 4) })
  ])
  const whole = await run(wire, [input], [message()])
  t.equal(whole.got.length, 4)
  await holdsLater(
    t,
    'splits',
    fc.asyncProperty(fc.array(fc.nat(input.length), { maxLength: 12 }), async places => {
      const [fused, wired] = await Promise.all([
        run(wire, cutAt(input, places), [message()]),
        run(tower, cutAt(input, places), [message()])
      ])
      return (
        JSON.stringify(fused.got) === JSON.stringify(whole.got) &&
        JSON.stringify(wired.got) === JSON.stringify(whole.got) &&
        fused.sent === wired.sent
      )
    }),
    { numRuns: 40 }
  )
})

/** Two wires over each other. */
function both(options: Parameters<typeof messageWire>[1] = {}): [Duplex, Duplex] {
  const [near, far] = pair()
  return [messageWire(near, options), messageWire(far, { ...options, role: 'client' })]
}

t.test('messages go both ways', async t => {
  const [server, client] = both()
  const messages = [
    message(),
    message({ type: 8, chunkStreamId: 4 }),
    message({ payload: Buffer.alloc(200_000, 5), timestamp: 40 })
  ]
  for (const each of messages) {
    server.write(each)
    client.write(each)
  }
  server.end()
  client.end()
  t.same(await Promise.all([collect(server), collect(client)]), [messages, messages])
})

/** A peer by hand behind a wire: what it is sent, as chunks decode it. */
async function listener(options: Parameters<typeof messageWire>[1] = {}) {
  const [near, far] = pair()
  const server = messageWire(near, options)
  const sent: Buffer[] = []
  far.on('data', bytes => sent.push(bytes))
  far.write(Buffer.concat([new ClientHandshake().hello(), Buffer.alloc(1536)]))
  await turnOfTheLoop()
  const heard = () => {
    const chunks = new ChunkReader()
    const messages = new MessageReader()
    return [...chunks.chunks(Buffer.concat(sent).subarray(3073))].flatMap(
      ({ header, payload, last }) => messages.add(header, payload, 0, payload.length, last) ?? []
    )
  }
  const raw = () => Buffer.concat(sent)
  return { server, near, far, heard, raw }
}

t.test('what is of its hop goes out first', async t => {
  const { server, heard } = await listener()
  server.write(message({ payload: Buffer.alloc(5000) }))
  await turnOfTheLoop()
  t.same(
    heard().map(({ type, payload }) => [type, payload.length]),
    [
      [5, 4],
      [6, 5],
      [1, 4],
      [9, 5000]
    ]
  )
})

t.test('messages of one hop are heeded and not passed on', async t => {
  const [server, client] = both()
  const passed = collect<Message>(server)
  for (const each of [
    setChunkSize(200),
    abortMessage(9),
    windowAcknowledgementSize(5000),
    setPeerBandwidth(5000),
    message()
  ])
    client.write(each)
  client.end()
  t.same(
    (await passed).map(({ type }) => type),
    [9]
  )
})

t.test('what is received is acknowledged, handshake and all, in the turn that crosses the window', async t => {
  const { server, far, heard } = await listener({ windowSize: 10_000 })
  server.resume()
  const writer = new ChunkWriter()
  const chunked = Buffer.concat(
    [...new MessageWriter().chunks(message({ payload: Buffer.alloc(9000) }))].map(chunk => writer.write(chunk))
  )
  far.write(chunked.subarray(0, 9000))
  await turnOfTheLoop()
  t.same(heard(), [])
  far.write(chunked.subarray(9000))
  far.write(chunked)
  await sleep(5)
  const [acknowledged] = heard()
  t.equal(acknowledged?.type, 3)
  const count = acknowledged?.payload.readUInt32BE() ?? 0
  t.ok(count >= 3073 + 10_000 && count < 3073 + 10_000 + 130, `${count}`)
})

t.test('a peer that reads nothing gets one Acknowledgement when it reads again, not a hundred', async t => {
  const { server, far, heard } = await listener({ windowSize: 4096 })
  server.resume()
  far.pause()
  // fill the lower until it is full
  while (server.write(message({ payload: Buffer.alloc(20_000) })));
  const writer = new ChunkWriter()
  const cutter = new MessageWriter()
  for (let i = 0; i < 100; i++) {
    const chunks = [...cutter.chunks(message({ payload: Buffer.alloc(5000) }))].map(chunk => writer.write(chunk))
    if (!far.write(Buffer.concat(chunks))) await new Promise(resolve => far.once('drain', resolve))
  }
  await turnOfTheLoop()
  far.resume()
  await sleep(10)
  const acknowledgements = heard().filter(({ type }) => type === 3)
  t.ok(acknowledgements.length >= 1 && acknowledgements.length <= 3, `${acknowledgements.length}`)
  const last = acknowledgements.at(-1)!.payload.readUInt32BE()
  t.ok(last > 500_000, `and it tells all: ${last}`)
  server.destroy()
})

t.test('its error is named once, with code, layer and byte, and destroys what is below', async t => {
  const { server, far } = await listener({ strict: true })
  server.resume()
  const errors: Error[] = []
  server.on('error', error => errors.push(error))
  far.write(hex`03 000000 000000 14 00000000  c5`)
  await turnOfTheLoop()
  await turnOfTheLoop()
  t.equal(errors.length, 1)
  t.match(errors[0], {
    name: 'ProtocolError',
    code: 'ERR_RTMP_CHUNK_FORMAT_UNKNOWN_STREAM',
    layer: 'chunk',
    offset: 12
  })
  t.type(errors[0], ProtocolError)
})

t.test('what the caller does wrong is an error of the caller’s', async t => {
  const { server } = await listener()
  server.write(message({ chunkStreamId: 1 }))
  t.type(await errorOf(server), RangeError)
})

t.test('a reader that is slow holds the peer back', async t => {
  const { server, far } = await listener()
  const writer = new ChunkWriter()
  const cutter = new MessageWriter()
  let written = 0
  for (;;) {
    const chunks = [...cutter.chunks(message({ payload: Buffer.alloc(1000) }))].map(chunk => writer.write(chunk))
    written++
    if (!far.write(Buffer.concat(chunks))) break
    await turnOfTheLoop()
  }
  t.ok(written < 500, `${written} messages of 1 KB`)
  t.ok(server.readableLength <= 16)
  const got = collect<Message>(server)
  far.end()
  t.equal((await got).length, written)
})

t.test('64 KB of empty messages are not 65,000 objects', async t => {
  const { server, far } = await listener()
  const flood = Buffer.alloc(65_000, 0xc4)
  far.write(Buffer.concat([hex`04 000000 000000 08 01000000`, flood]))
  await turnOfTheLoop()
  await turnOfTheLoop()
  t.ok(server.readableLength <= 17, `${server.readableLength}`)
  const got = collect<Message>(server)
  far.end()
  t.equal((await got).length, 65_001)
})

t.test('the end of the peer in the middle of a message is an event, and then the end', async t => {
  const { server, far } = await listener()
  const cuts: unknown[] = []
  server.on('truncated', cut => cuts.push(cut))
  const got = collect(server)
  far.end(hex`06 000000 000064 09 01000000 aaaa`)
  t.same(await got, [])
  t.same(cuts, [{ layer: 'chunk', offset: 14, missing: 98 }])
})

t.test('when the peer has ended there is time to flush, and then it is over', async t => {
  const own = new TestClock()
  const { server, far } = await listener({ clock: own })
  const ended = collect(server)
  server.on('error', () => t.fail('no error'))
  far.end()
  await ended
  t.equal(server.destroyed, false)
  server.write(message())
  own.pass(1999)
  t.equal(server.destroyed, false)
  own.pass(1)
  t.equal(server.destroyed, true)
  t.equal(own.timers, 0)
})

t.test('a peer that takes no byte for stallMs is ended; one that takes some is not', async t => {
  const own = new TestClock()
  const { server, far } = await listener({ clock: own, limits: { stallMs: 30_000 } })
  const fill = () => {
    far.pause()
    while (server.write(message({ payload: Buffer.alloc(20_000) })));
  }
  t.equal(server.isStalled, false)
  fill()
  t.equal(server.isStalled, true)
  own.pass(29_999)
  far.resume()
  await sleep(5)
  t.equal(server.isStalled, false)
  fill()
  own.pass(29_999)
  t.equal(server.destroyed, false, 'it took something meanwhile')
  const error = errorOf(server)
  own.pass(1)
  t.match(await error, { code: 'ERR_RTMP_STALLED' })
  t.equal(own.timers, 0)
})

t.test('a wire tells when its peer was last heard, and whether it is we who do not read', async t => {
  const own = new TestClock()
  const { server, far } = await listener({ clock: own })
  // it fills what waits between us
  const frame = hex`04 000000 000001 09 01000000 aa`
  far.write(Buffer.alloc(100 * frame.length, frame))
  await sleep(5)
  t.equal(server.isHeldBack, true, 'nobody reads it')
  server.resume()
  await sleep(5)
  t.equal(server.isHeldBack, false)
  own.pass(100)
  // half a message is a sign of life
  far.write(frame.subarray(0, 6))
  await sleep(5)
  own.pass(100)
  t.equal(server.heardAt, 100)
  far.pause()
  while (server.write(message({ payload: Buffer.alloc(20_000) })));
  own.pass(100)
  t.equal(server.heardAt, 100)
  far.resume()
  await sleep(5)
  t.equal(server.heardAt, 300, 'it took what waited')
  server.destroy()
})

t.test('who has kept acknowledging owes it once more than twice as much is on its way', async t => {
  const { server, near, far } = await listener()
  // as a socket counts
  const sent = Object.assign(near, { bytesWritten: 0 })
  server.resume()
  const acknowledges = async () => {
    far.write(hex`02 000000 000004 03 00000000 00000001`)
    await sleep(5)
  }
  for (let i = 0; i < 3; i++) {
    sent.bytesWritten += 1000
    t.equal(server.owesAcknowledgement, false)
    await acknowledges()
  }
  sent.bytesWritten += 2000
  t.equal(server.owesAcknowledgement, false)
  sent.bytesWritten += 1
  t.equal(server.owesAcknowledgement, true)
  await acknowledges()
  t.equal(server.owesAcknowledgement, false)
  server.destroy()
})

t.test('a batch goes out as its own bytes, and what follows on its chunk streams takes the whole header', async t => {
  const { server, heard, raw } = await listener({ chunkSize: 128 })
  const batch = new MessageBatch([
    message({ payload: Buffer.alloc(300, 1) }),
    message({ type: 8, timestamp: 5, payload: Buffer.alloc(10, 2) })
  ])
  server.write(message({ timestamp: 1 }))
  server.write({ batch, messageStreamId: 7 })
  server.write(message({ timestamp: 2 }))
  server.write({ batch, messageStreamId: 7 })
  await turnOfTheLoop()
  t.same(
    heard().map(({ type, messageStreamId, timestamp, payload }) => [type, messageStreamId, timestamp, payload.length]),
    [
      [5, 0, 0, 4],
      [6, 0, 0, 5],
      [9, 1, 1, 200],
      [9, 7, 0, 300],
      [8, 7, 5, 10],
      [9, 1, 2, 200],
      [9, 7, 0, 300],
      [8, 7, 5, 10]
    ]
  )
  t.ok(raw().includes(batch.encoded(new BatchChunks(128, 7))))
  t.equal(batch.encoded(new BatchChunks(128, 7)), batch.encoded(new BatchChunks(128, 7)), 'made once')
  t.not(batch.encoded(new BatchChunks(4096, 7)), batch.encoded(new BatchChunks(128, 7)))
  t.not(batch.encoded(new BatchChunks(128, 8)), batch.encoded(new BatchChunks(128, 7)))
})

t.test(
  'a batch on the fast path is written at the end of the turn, a long one at once: all wires take it before any writes',
  async t => {
    const { server, far, heard } = await listener()
    const wire = server
    const batch = (timestamp: number, length = 200) =>
      new MessageBatch([message({ timestamp, payload: Buffer.alloc(length) })])
    far.pause()
    server.write(message({ timestamp: 1 }))
    await turnOfTheLoop()
    const before = far.readableLength
    t.ok(wire.takeBatchNow(batch(2), 1))
    t.ok(wire.takeNow(message({ timestamp: 3 })))
    t.equal(far.readableLength, before)
    await new Promise<void>(resolve => process.nextTick(resolve))
    t.ok(far.readableLength > before)
    far.resume()
    await turnOfTheLoop()
    far.pause()
    t.ok(wire.takeBatchNow(batch(4, 100_000), 1))
    t.ok(far.readableLength > 100_000)
    far.resume()
    await turnOfTheLoop()
    t.same(
      heard().flatMap(({ type, timestamp }) => (type === 9 ? [timestamp] : [])),
      [1, 2, 3, 4]
    )
    wire.destroy()
  }
)

t.test('an addressed batch takes the fast path as it is written', async t => {
  const { server, heard } = await listener()
  const batch = new MessageBatch([message(), message({ type: 8, timestamp: 5 })])
  t.ok(server.takeNow({ batch, messageStreamId: 7 }))
  server.write({ batch, messageStreamId: 8 })
  t.ok(server.takeNow(message({ messageStreamId: 9 })))
  await turnOfTheLoop()
  t.same(
    heard().flatMap(({ type, messageStreamId }) => (isProtocolControlType(type) ? [] : [[type, messageStreamId]])),
    [
      [9, 7],
      [8, 7],
      [9, 8],
      [8, 8],
      [9, 9]
    ]
  )
  t.equal(server.destroyed, false)
})

t.test('a wire counts bytes and messages, both ways', async t => {
  const { server, far, raw } = await listener()
  server.resume()
  const none = server.counters
  t.match(none, { bytesIn: 3073, bytesOut: 3073, messagesIn: 0, messagesOut: 0 }, 'the handshake')
  const writer = new ChunkWriter()
  const cutter = new MessageWriter()
  const said = Buffer.concat(
    [setChunkSize(500), message(), message({ type: 8 })].map(each => cutter.bytes(each, writer))
  )
  far.write(said.subarray(0, 100))
  await turnOfTheLoop()
  t.match(server.counters, { bytesIn: 3173, messagesIn: 0 }, 'half a message')
  far.write(said.subarray(100))
  await turnOfTheLoop()
  t.match(server.counters, { bytesIn: 3073 + said.length, messagesIn: 2 }, 'not what steers the hop')
  const batch = new MessageBatch([message(), message({ type: 8 }), message({ timestamp: 40 })])
  server.write(message())
  server.takeNow(message({ messageStreamId: 2 }))
  server.write({ batch, messageStreamId: 1 })
  server.takeBatchNow(batch, 1)
  await turnOfTheLoop()
  t.match(server.counters, { bytesOut: raw().length, messagesOut: 8 }, 'a batch as its messages')
  t.same(none, { bytesIn: 3073, bytesOut: 3073, messagesIn: 0, messagesOut: 0 }, 'what was told stays as it was')
})

/** Ways to leave: behind the last byte, so that what is written then is refused, and by a reset. */
const leaves = {
  end: async (far: net.Socket) => {
    far.end()
    await once(far, 'finish')
    far.destroy()
  },
  reset: async (far: net.Socket) => void far.resetAndDestroy()
}

for (const [how, leave] of Object.entries(leaves)) {
  t.test(`what a peer said is read, though it has left by ${how} and our writes find it gone`, async t => {
    const listening = net.createServer({ noDelay: true, allowHalfOpen: true })
    await once(listening.listen(0, '127.0.0.1'), 'listening')
    t.teardown(() => listening.close())
    const writer = new ChunkWriter()
    const cutter = new MessageWriter()
    const frames = Array.from({ length: 80 }, (_, timestamp) => message({ timestamp, payload: Buffer.alloc(1000) }))
    const bytes = Buffer.concat(frames.map(frame => cutter.bytes(frame, writer)))
    // a reset is an error, upon which a mirror destroys its stages with what is on its way there
    for (const make of how === 'end' ? [wire, tower] : [wire]) {
      const far = net.connect((listening.address() as net.AddressInfo).port, '127.0.0.1').resume()
      const [near] = (await once(listening, 'connection')) as [net.Socket]
      const upper = make(near).on('error', () => {})
      const over = new Promise(resolve => upper.once('end', resolve).once('close', resolve))
      far.write(Buffer.concat([new ClientHandshake({ random }).hello(), Buffer.alloc(1536), bytes]))
      while (near.bytesRead < 40_000) await sleep(1)
      const closed = once(far, 'close')
      await leave(far)
      await closed
      for (let i = 0; i < 10; i++) {
        upper.write(message())
        await sleep(1)
      }
      const heard: number[] = []
      upper.on('data', async ({ timestamp, type }: Message) => {
        if (type === 9) heard.push(timestamp)
        upper.pause()
        await turnOfTheLoop()
        upper.resume()
      })
      await over
      t.same(heard, [...frames.keys()])
      upper.destroy()
    }
  })
}

t.test('a payload that a socket has read is put together where it lies, unless somebody else listens', async t => {
  const listening = net.createServer({ noDelay: true })
  await once(listening.listen(0, '127.0.0.1'), 'listening')
  const writer = new ChunkWriter()
  const payload = Buffer.from(Array.from({ length: 5000 }, (_, i) => i & 255))
  const bytes = Buffer.concat([
    new ClientHandshake({ random }).hello(),
    Buffer.alloc(1536),
    new MessageWriter().bytes(message({ payload }), writer)
  ])
  for (const isAlone of [true, false]) {
    const far = net.connect((listening.address() as net.AddressInfo).port, '127.0.0.1').resume()
    const [near] = (await once(listening, 'connection')) as [net.Socket]
    const wire = messageWire(near)
    const read: Buffer[] = []
    if (!isAlone) near.on('data', piece => read.push(piece))
    far.write(bytes)
    const [heard] = (await once(wire, 'data')) as [Message]
    t.same(heard.payload, payload)
    t.equal(heard.payload.buffer.byteLength === bytes.length, isAlone, 'whether it lies in the memory of the read')
    if (!isAlone) t.same(Buffer.concat(read), bytes, 'who listens along has what came')
    wire.destroy()
    far.destroy()
  }
  listening.close()
})

t.test('a batch may be the first to go out', async t => {
  const { server, heard } = await listener()
  server.write({ batch: new MessageBatch([message()]), messageStreamId: 1 })
  await turnOfTheLoop()
  t.same(
    heard().map(({ type }) => type),
    [5, 6, 1, 9]
  )
})

t.test('a loop through a session ends where it began, with its last words', async t => {
  const [server, client] = both()
  const answered = stage<{ name?: string }, unknown>((item, push) => {
    if (item.name !== undefined) push(message({ payload: Buffer.from(item.name) }))
  })
  const bye = new Promise(resolve => pipeline(server, amfCommandParser(), answered(), server, resolve))
  client.write(message({ type: 20, payload: hex`02 0003 627965 00 0000000000000000` }))
  client.end()
  t.same(
    (await collect<Message>(client)).map(({ payload }) => payload.toString()),
    ['bye']
  )
  t.notOk(await bye)
})

t.test('the acknowledger of the tower takes in what is of its hop', async t => {
  const [near, far] = duplexPair({ objectMode: true }) as [Duplex, Duplex]
  const upper = windowAcknowledger(near, { windowSize: 4096 })
  const passed = collect<{ header: { type: number } }>(upper)
  const answers: { header: { type: number }; payload: Buffer }[] = []
  far.on('data', chunk => answers.push(chunk))
  const reader = new ChunkReader()
  const writer = new ChunkWriter()
  const cutter = new MessageWriter()
  const messages = [
    windowAcknowledgementSize(5000),
    setChunkSize(300),
    abortMessage(5),
    setPeerBandwidth(7000),
    message({ payload: Buffer.alloc(5000) })
  ]
  for (const each of messages)
    for (const chunk of cutter.chunks(each)) for (const read of reader.chunks(writer.write(chunk))) far.write(read)
  far.end()
  const types = new Set((await passed).map(({ header }) => header.type))
  t.same([...types], [1, 2, 9])
  t.same(
    answers.map(({ header }) => header.type),
    [5, 3]
  )
})
