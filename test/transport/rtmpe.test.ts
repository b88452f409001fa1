import { type Duplex, duplexPair } from 'node:stream'
import { setImmediate as turnOfTheLoop } from 'node:timers/promises'
import { deflateSync } from 'node:zlib'
import fc from 'fast-check'
import {
  BatchChunks,
  ClientHandshake,
  type Encryption,
  handshakeStream,
  type Message,
  MessageBatch,
  type MessageWireOptions,
  messageWire,
  type SwfHash,
  swfHash,
  userControlMessage
} from 'rtmpipe'
import t from 'tap'
import { cutAt } from '../support/chop.ts'
import { TestClock } from '../support/clock.ts'
import { collect } from '../support/collect.ts'
import { hex } from '../support/hex.ts'
import { holdsLater } from '../support/property.ts'

const pair = () => duplexPair() as [Duplex, Duplex]
const errorOf = (stream: Duplex) => new Promise<Error>(resolve => stream.once('error', resolve))
const turns = async (count = 8) => {
  for (let i = 0; i < count; i++) await turnOfTheLoop()
}

const message = (fields: Partial<Message> = {}): Message => ({
  type: 9,
  messageStreamId: 1,
  chunkStreamId: 6,
  timestamp: 0,
  payload: Buffer.from('what nobody is to read'),
  ...fields
})

/** A way between two ends, and all that goes over it. */
function tapped(): { near: Duplex; far: Duplex; overheard: () => Buffer } {
  const [near, left] = pair()
  const [far, right] = pair()
  const heard: Buffer[] = []
  for (const [from, to] of [
    [left, right],
    [right, left]
  ] as const) {
    from.on('data', (bytes: Buffer) => {
      heard.push(Buffer.from(bytes))
      to.write(bytes)
    })
    from.on('end', () => to.end())
  }
  return { near, far, overheard: () => Buffer.concat(heard) }
}

t.test('streams: both hear what the other says, and nobody else does', async t => {
  for (const encryption of [undefined, 6, 8, 9] as (Encryption | undefined)[]) {
    const { near, far, overheard } = tapped()
    const server = handshakeStream(near)
    const client = handshakeStream(far, { role: 'client', ...(encryption && { encryption }) })
    // before the handshake has begun, the moment it is over, and later
    client.write('early secret ')
    server.write('early answer ')
    server.once('handshake', () => server.write('answer at the handshake '))
    client.once('handshake', () => client.write('secret at the handshake '))
    t.same([client.encryption, server.encryption], [undefined, undefined])
    const heard = Promise.all([server, client].map(each => collect<Buffer>(each)))
    await turns()
    t.same([client.encryption, server.encryption], [encryption, encryption])
    client.end('late secret')
    server.end('late answer')
    t.same(
      (await heard).map(pieces => `${Buffer.concat(pieces)}`),
      ['early secret secret at the handshake late secret', 'early answer answer at the handshake late answer']
    )
    t.equal(/secret|answer/.test(overheard().toString('latin1')), encryption === undefined, `${encryption}`)
  }
})

t.test('a server that does not encrypt, and a client that wants it', async t => {
  const [near, far] = pair()
  const server = handshakeStream(near, { encryption: false })
  const client = handshakeStream(far, { role: 'client', encryption: 6 })
  client.on('error', () => {})
  t.match(await errorOf(server), { code: 'ERR_RTMP_HANDSHAKE_VERSION' })
  client.destroy()
  const [other, plain] = pair()
  const refusing = handshakeStream(other, { role: 'client', encryption: 6 })
  const sent: Buffer[] = []
  plain.on('data', bytes => sent.push(bytes))
  refusing.write('secret')
  plain.write(Buffer.alloc(3073, 3))
  t.match(await errorOf(refusing), { code: 'ERR_RTMP_HANDSHAKE_VERSION' })
  t.equal(Buffer.concat(sent).length, 1537, 'C0 and C1, and no word in the clear')
  t.throws(() => handshakeStream(pair()[0], { encryption: 6 }), TypeError)
  t.throws(() => handshakeStream(pair()[0], { role: 'client', encryption: 5 as never }), TypeError)
})

/** A server's wire and a client's, and what each hears. */
function wires(
  options: { server?: MessageWireOptions; client?: MessageWireOptions } = {},
  { near, far } = tapped() as { near: Duplex; far: Duplex }
) {
  const server = messageWire(near, { ...options.server, role: 'server' })
  const client = messageWire(far, { ...options.client, role: 'client' })
  const heard = { server: [] as Message[], client: [] as Message[] }
  server.on('data', each => heard.server.push(each))
  client.on('data', each => heard.client.push(each))
  for (const each of [server, client]) each.on('error', () => {})
  return { server, client, heard }
}

t.test('wires: messages, batches and answers are enciphered in the order in which they are written', async t => {
  for (const encryption of [6, 8, 9] as const) {
    const way = tapped()
    // every message crosses the window, so Acknowledgements go out in between
    const { server, client, heard } = wires(
      { client: { encryption, windowSize: 4096 }, server: { windowSize: 4096 } },
      way
    )
    const batch = new MessageBatch([message({ payload: Buffer.alloc(6000, 'batched ') })])
    for (let i = 0; i < 10; i++) {
      client.write(message({ timestamp: i, payload: Buffer.alloc(5000, 'published ') }))
      server.write(message({ timestamp: i, payload: Buffer.alloc(5000, 'played ') }))
      server.write({ batch, messageStreamId: 7 })
      await turns(1)
    }
    await turns()
    t.equal(server.encryption, encryption)
    t.equal(heard.server.length, 10)
    t.equal(heard.client.length, 20)
    t.ok(heard.client.every(({ payload }) => /^(played|batched) /.test(`${payload}`)))
    t.notMatch(way.overheard().toString('latin1'), /published|played|batched/)
    t.same([server.destroyed, client.destroyed], [false, false])
  }
})

t.test('the bytes that a batch shares with other players stay as they are', async t => {
  const ways = [tapped(), tapped(), tapped()]
  const encryptions = [6, undefined, 9] as const
  const all = ways.map((way, i) => wires({ client: { ...(encryptions[i] && { encryption: encryptions[i] }) } }, way))
  await turns()
  const batch = new MessageBatch([message({ payload: Buffer.alloc(300, 'shared ') })])
  const shared = batch.encoded(new BatchChunks(65_536, 1))
  const before = Buffer.from(shared)
  for (let i = 0; i < 3; i++) for (const { server } of all) server.write({ batch, messageStreamId: 1 })
  await turns()
  t.same(shared, before)
  for (const { heard } of all)
    t.same(
      heard.client.map(({ payload }) => `${payload}`.slice(0, 7)),
      Array(3).fill('shared ')
    )
  t.same(
    ways.map(({ overheard }) => overheard().includes('shared')),
    [false, true, false]
  )
})

t.test('however the bytes are cut, wires hear the same', async t => {
  await holdsLater(
    t,
    'cuts',
    fc.asyncProperty(
      fc.constantFrom(6, 8, 9),
      fc.array(fc.nat(9000), { maxLength: 6 }),
      fc.array(fc.nat(300), { maxLength: 4 }),
      async (encryption, places, lengths) => {
        const [near, far] = pair()
        const handshake = new ClientHandshake({ encryption })
        const server = messageWire(near, { clock: new TestClock() })
        const heard = collect<Message>(server)
        far.write(handshake.hello())
        const answer: Buffer[] = []
        far.on('data', bytes => answer.push(bytes))
        while (Buffer.concat(answer).length < 3073) await turnOfTheLoop()
        const { reply } = handshake.feed(Buffer.concat(answer))
        const [left, right] = pair()
        // a clear wire makes the chunks, which are enciphered here
        const chunks = collect<Buffer>(right)
        const cutter = messageWire(left, { role: 'client', clock: new TestClock() })
        cutter.on('error', () => {})
        right.write(Buffer.concat([Buffer.of(3), Buffer.alloc(3072)]))
        for (const length of lengths) cutter.write(message({ payload: Buffer.alloc(length, 1) }))
        cutter.end()
        const clear = Buffer.concat(await chunks).subarray(3073)
        const bytes = Buffer.concat([reply!, handshake.ciphers!.outgoing.turn(clear)])
        for (const piece of cutAt(bytes, places)) far.write(piece)
        far.end()
        const got = (await heard).map(({ payload }) => payload.length)
        return JSON.stringify(got) === JSON.stringify(lengths)
      }
    ),
    { numRuns: 25 }
  )
})

const film: SwfHash = { hash: Buffer.alloc(32, 0x5a), size: 12_345 }
const other: SwfHash = { hash: Buffer.alloc(32, 0xa5), size: 12_345 }
const connect = message({ type: 20, messageStreamId: 0, chunkStreamId: 3 })

t.test('SWF verification: a client that is one of those that are allowed', async t => {
  for (const encryption of [undefined, 6] as const) {
    for (const digest of ['simple', 0, 1] as const) {
      if (encryption !== undefined && digest === 'simple') continue
      const clock = new TestClock()
      const { server, client, heard } = wires({
        server: { swf: [other, film], clock },
        client: { swf: film, digest, ...(encryption && { encryption }) }
      })
      await turns()
      t.equal(clock.timers, 0, 'nothing is asked before anything is said')
      client.write(connect)
      await turns()
      client.write(message())
      await turns()
      t.equal(clock.timers, 0, 'the answer has come')
      clock.pass(60_000)
      t.same([server.destroyed, client.destroyed], [false, false])
      t.same([heard.server.map(({ type }) => type), heard.client], [[20, 9], []], 'both took their part themselves')
      server.destroy()
      client.destroy()
    }
  }
})

t.test('SWF verification: a client that is another one, or none, or says so too late', async t => {
  const wrong = { code: 'ERR_RTMP_SWF', layer: 'message' } as const
  for (const swf of [other, { ...film, size: 12_346 }]) {
    const { server, client } = wires({ server: { swf: film }, client: { swf } })
    client.write(connect)
    t.match(await errorOf(server), { ...wrong, message: /another SWF/ })
  }
  const clock = new TestClock()
  const { server, client, heard } = wires({ server: { swf: film, clock, limits: { handshakeMs: 5000 } } })
  client.write(connect)
  await turns()
  t.match(heard.client, [userControlMessage({ kind: 'SwfVerificationRequest' })], 'whoever has no SWF sees the request')
  client.write(userControlMessage({ kind: 'PingResponse', timestamp: 1 }))
  client.write(userControlMessage({ kind: 'SwfVerificationRequest' }))
  await turns()
  t.equal(heard.server.length, 3, 'other events pass')
  t.equal(heard.client.length, 1, 'and a server is no SWF')
  clock.pass(4999)
  t.equal(server.destroyed, false)
  const late = errorOf(server)
  clock.pass(1)
  t.match(await late, { ...wrong, message: /no response within limits.handshakeMs/ })
  t.equal(clock.timers, 0)
})

t.test('SWF verification: a server that asks and asks but reads no answer gets no more of them', async t => {
  const [near, far] = pair()
  const server = messageWire(near, { clock: new TestClock() })
  const client = messageWire(far, { role: 'client', swf: film, clock: new TestClock() }).resume()
  await turns()
  const request = userControlMessage({ kind: 'SwfVerificationRequest' })
  for (let i = 0; i < 5000; i++) {
    if (!server.write(request)) await new Promise(resolve => server.once('drain', resolve))
  }
  await turns()
  t.equal(far.writableNeedDrain, true, 'answers wait')
  t.ok(far.writableLength <= far.writableHighWaterMark + 64, `${far.writableLength} bytes wait`)
  server.destroy()
  client.destroy()
})

t.test('SWF verification: what is no hash is the caller’s mistake', async t => {
  const wire = (swf: unknown, role: 'server' | 'client' = 'server') =>
    messageWire(pair()[0], { role, swf: swf as SwfHash })
  t.throws(() => wire({ hash: Buffer.alloc(31), size: 1 }), TypeError)
  t.throws(() => wire([film, { size: 1 }]), TypeError)
  for (const size of [0, -1, 1.5, 2 ** 32]) t.throws(() => wire({ ...film, size }), RangeError)
  t.throws(() => wire([film, other], 'client'), TypeError)
})

t.test('an SWF has the same hash, compressed or not', async t => {
  const body = Buffer.alloc(500, 'SWF')
  const header = (signature: string) => Buffer.concat([Buffer.from(signature), hex`0a ${'fc010000'}`])
  const plain = Buffer.concat([header('FWS'), body])
  t.equal(plain.readUInt32LE(4), plain.length)
  const hash = swfHash(plain)
  t.equal(hash.size, 508)
  t.same(swfHash(Buffer.concat([header('CWS'), deflateSync(body)])), hash)
  for (const none of ['', 'FWS', 'ZWS\n........', '<html></html>'])
    t.throws(() => swfHash(Buffer.from(none)), TypeError)
  t.throws(
    () => swfHash(Buffer.concat([header('CWS'), deflateSync(Buffer.alloc(10_000))])),
    RangeError,
    'longer than it says'
  )
})
