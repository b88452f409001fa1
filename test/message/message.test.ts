import { Readable } from 'node:stream'
import fc from 'fast-check'
import {
  amfCommandParser,
  amfCommandSerializer,
  type Command,
  commandMessage,
  createCommand,
  dataMessage,
  errorCommand,
  isCommand,
  isMessage,
  type Message,
  onStatus,
  readAggregate,
  readCommand,
  readData,
  readUserControlEvent,
  resultCommand,
  type UserControlEvent,
  unwrapped,
  userControlMessage,
  Vector,
  wrapped,
  writeAmf0
} from 'rtmpipe'
import t from 'tap'
import { hex } from '../support/hex.ts'
import { buffers, holds } from '../support/property.ts'

const message = (type: number, payload: Buffer, fields: Partial<Message> = {}): Message => ({
  type,
  messageStreamId: 0,
  timestamp: 0,
  payload,
  ...fields
})

const events: [UserControlEvent, Buffer][] = [
  [{ kind: 'StreamBegin', messageStreamId: 1 }, hex`0000 00000001`],
  [{ kind: 'StreamEof', messageStreamId: 1 }, hex`0001 00000001`],
  [{ kind: 'StreamDry', messageStreamId: 1 }, hex`0002 00000001`],
  [{ kind: 'SetBufferLength', messageStreamId: 1, milliseconds: 3000 }, hex`0003 00000001 00000bb8`],
  [{ kind: 'StreamIsRecorded', messageStreamId: 1 }, hex`0004 00000001`],
  [{ kind: 'PingRequest', timestamp: 0xffffffff }, hex`0006 ffffffff`],
  [{ kind: 'PingResponse', timestamp: 5 }, hex`0007 00000005`],
  [{ kind: 'SwfVerificationRequest' }, hex`001a`],
  [{ kind: 'SwfVerificationResponse', signature: Buffer.alloc(42, 1) }, hex`001b ${Buffer.alloc(42, 1)}`],
  [{ kind: 'BufferEmpty', messageStreamId: 1 }, hex`001f 00000001`],
  [{ kind: 'BufferReady', messageStreamId: 1 }, hex`0020 00000001`],
  [{ kind: 'FlowSync', syncId: 1, count: 2 }, hex`0022 00000001 00000002`],
  [{ kind: 'SetKeepalive', serverPeriod: 15_000, peerPeriod: 10_000 }, hex`0029 00003a98 00002710`],
  [{ kind: 'Unknown', eventType: 8, data: hex`aabb` }, hex`0008 aabb`]
]

t.test('user control events', async t => {
  for (const [event, body] of events) {
    t.same(userControlMessage(event), message(4, body), `${event.kind} is written`)
    t.same(readUserControlEvent(body), event, `${event.kind} is read`)
    if (event.kind !== 'Unknown')
      t.same(readUserControlEvent(hex`${body} ff`), event, `${event.kind} may have more behind it`)
  }
})

t.test(
  'every event type there is, with bodies of every length up to 20, is read without a throw and written the same',
  async t => {
    let wrong = 0
    for (let type = 0; type < 65536; type++) {
      const body = Buffer.alloc(2 + (type % 21), 1)
      body.writeUInt16BE(type)
      const event = readUserControlEvent(body)
      if (event.kind === 'Unknown' && !userControlMessage(event).payload.equals(body)) wrong++
    }
    t.equal(wrong, 0)
    for (const body of [hex``, hex`00`, hex`0006`, hex`0003 00000001`]) {
      const event = readUserControlEvent(body)
      t.equal(event.kind, 'Unknown', 'too short')
      t.same(userControlMessage(event).payload, body)
    }
  }
)

const connect = hex`
  02 0007 636f6e6e656374  00 3ff0000000000000
  03 0003 617070 02 0004 6c697665 0000 09`

t.test('a command is its name, its transaction and what follows', async t => {
  const read = readCommand(message(20, connect, { timestamp: 9 }))
  t.same({ ...read }, createCommand('connect', 1, [{ app: 'live' }], { timestamp: 9 }))
  t.same(commandMessage({ ...read }).payload, connect, 'written anew, the same bytes')
})

t.test('type 17 is a zero byte and then the same (errata 7.2)', async t => {
  const read = readCommand(message(17, hex`00 ${connect}`))
  t.equal(read.encoding, 3)
  t.equal(read.name, 'connect')
  t.same(commandMessage({ ...read }), message(17, hex`00 ${connect}`))
  t.equal(readCommand(message(17, connect)).name, 'connect', 'some leave the byte out')
})

t.test('type 17 and type 15 carry what AMF0 has no word for, in AMF3', async t => {
  const made = commandMessage(createCommand('keep', 2, [null, hex`00ff`], { encoding: 3 }))
  t.same(made, message(17, hex`00 ${writeAmf0('keep', 2, null)} 11 0c 05 00ff`))
  const read = readCommand(made)
  t.same(read.args, [null, hex`00ff`])
  t.same(commandMessage({ ...read }), made, 'written anew')
  t.throws(() => commandMessage({ ...read, encoding: 0 }), TypeError)
  const data = dataMessage(['onCuePoint', new Vector(Int32Array.of(1))], { encoding: 3 })
  t.same(data, message(15, hex`00 ${writeAmf0('onCuePoint')} 11 0d 03 00 00000001`))
  t.strictSame(readData(data), ['onCuePoint', new Vector(Int32Array.of(1))])
})

t.test('a command that is cut behind its name has no transaction', async t => {
  t.match(readCommand(message(20, writeAmf0('onFCPublish'))), { name: 'onFCPublish', transactionId: 0, args: [] })
})

t.test('what is no command', async t => {
  const cases: [string, Buffer, string][] = [
    ['nothing', hex``, 'ERR_RTMP_COMMAND'],
    ['a number for a name', writeAmf0(1, 1), 'ERR_RTMP_COMMAND'],
    ['a string for a transaction', writeAmf0('connect', 'one'), 'ERR_RTMP_COMMAND'],
    ['null for a transaction', writeAmf0('connect', null), 'ERR_RTMP_COMMAND'],
    ['a value that is cut', connect.subarray(0, 30), 'ERR_RTMP_TRUNCATED'],
    ['a switch to AMF3 that is none', hex`${writeAmf0('connect', 1)} 11 12`, 'ERR_RTMP_AMF_MARKER'],
    [
      'a value that nests too deep',
      hex`${writeAmf0('connect', 1)} ${Buffer.concat(Array(65).fill(hex`0a 00000001`))} 05`,
      'ERR_RTMP_AMF_DEPTH'
    ]
  ]
  for (const [name, body, code] of cases)
    t.throws(() => readCommand(message(20, body)), { name: 'ProtocolError', code }, name)
})

t.test('an untouched command leaves as the bytes that came, a changed one anew', async t => {
  // an ECMA array that lies of its count, a short string in the long form
  const odd = hex`02 0001 78 00 0000000000000000 08 000000ff 0000 09 0c 00000001 61`
  const source = message(20, odd)
  const read = readCommand(source)
  t.equal(commandMessage(read), source)
  t.same(
    commandMessage({ ...read, name: 'y' }).payload,
    hex`02 0001 79 00 0000000000000000 08 000000ff 0000 09 02 0001 61`
  )
})

t.test('a command cannot be changed in place: nobody would see it go out', async t => {
  const read = readCommand(message(20, connect)) as unknown as { name: string; args: { app: string }[] }
  t.throws(() => (read.name = 'x'), TypeError)
  t.throws(() => read.args.push({ app: 'x' }), TypeError)
  t.throws(() => (read.args[0]!.app = 'x'), TypeError)
})

t.test('answers', async t => {
  const asked = createCommand('createStream', 4, [null], { encoding: 3 })
  t.same(resultCommand(asked, null, 1), createCommand('_result', 4, [null, 1], { encoding: 3 }))
  t.same(errorCommand(asked, null, { code: 'no' }), createCommand('_error', 4, [null, { code: 'no' }], { encoding: 3 }))
  t.same(
    onStatus(1, 'NetStream.Play.Start', 'here it comes'),
    createCommand(
      'onStatus',
      0,
      [null, { level: 'status', code: 'NetStream.Play.Start', description: 'here it comes' }],
      {
        messageStreamId: 1
      }
    )
  )
})

t.test('the parser turns commands and passes the rest; the serializer the other way', async t => {
  const video = message(9, hex`17`)
  const source = message(20, connect)
  const parsed = await Readable.from([video, source]).pipe(amfCommandParser()).toArray()
  t.equal(parsed[0], video)
  t.match(parsed[1], { name: 'connect' })
  t.same(parsed.map(isCommand), [false, true])
  t.same(parsed.map(isMessage), [true, false])
  const serialized = await Readable.from([...parsed, { ...parsed[1], name: 'x' }])
    .pipe(amfCommandSerializer())
    .toArray()
  t.equal(serialized[0], video)
  t.equal(serialized[1], source)
  t.equal(serialized[2]?.type, 20)
})

t.test('the parser ends with a typed error', async t => {
  const parser = amfCommandParser({ limits: { amfDepth: 1 } })
  parser.write(message(20, writeAmf0('x', 1, { deep: {} })))
  t.match(await new Promise(resolve => parser.on('error', resolve)), { code: 'ERR_RTMP_AMF_DEPTH', layer: 'amf' })
})

t.test('the serializer ends with what AMF0 cannot say', async t => {
  const serializer = amfCommandSerializer()
  serializer.write(createCommand('x', 1, [(() => 1) as never]))
  t.type(await new Promise(resolve => serializer.on('error', resolve)), TypeError)
})

t.test('data messages', async t => {
  const metadata = ['onMetaData', { width: 320 }]
  const made = dataMessage(metadata, { messageStreamId: 1 })
  t.same(made, message(18, writeAmf0(...metadata), { messageStreamId: 1 }))
  t.same(readData(made), metadata)
  t.same(readData(message(15, hex`00 ${writeAmf0(...metadata)}`)), metadata, 'type 15 with its zero byte')
  t.throws(() => readData(message(18, hex`02 ffff`)), { code: 'ERR_RTMP_TRUNCATED' })
})

t.test('@setDataFrame is taken off, and nothing else', async t => {
  const inner = writeAmf0('onMetaData', { width: 320 })
  t.same(unwrapped(message(18, Buffer.concat([writeAmf0('@setDataFrame'), inner]))), message(18, inner))
  t.same(
    unwrapped(message(15, Buffer.concat([hex`00`, writeAmf0('@setDataFrame'), inner]))),
    message(15, hex`00 ${inner}`)
  )
  for (const other of [
    message(18, inner),
    message(9, writeAmf0('@setDataFrame')),
    message(18, hex``),
    message(18, hex`02 000d 40`)
  ]) {
    t.equal(unwrapped(other), other)
  }
})

t.test('a publisher puts @setDataFrame on data, and on nothing else', async t => {
  const inner = writeAmf0('onMetaData', { width: 320 })
  const wrapper = writeAmf0('@setDataFrame')
  t.same(wrapped(message(18, inner)), message(18, hex`${wrapper}${inner}`))
  t.same(wrapped(message(15, hex`00 ${inner}`)), message(15, hex`00 ${wrapper}${inner}`))
  for (const data of [message(18, inner), message(15, hex`00 ${inner}`), message(18, hex``)]) {
    t.same(unwrapped(wrapped(data)), data)
    t.equal(wrapped(wrapped(data)).payload.length, data.payload.length + wrapper.length, 'and but once')
  }
  for (const other of [message(9, inner), message(20, inner)]) t.equal(wrapped(other), other)
})

const part = (type: number, timestamp: number, body: Buffer) =>
  hex`${Buffer.of(type)} ${body.length.toString(16).padStart(6, '0')} ${(timestamp & 0xffffff).toString(16).padStart(6, '0')} ${Buffer.of(timestamp >>> 24)} 000000 ${body} ${(body.length + 11).toString(16).padStart(8, '0')}`

t.test('an aggregate is its parts, at their distance from its timestamp', async t => {
  const body = Buffer.concat([part(8, 1000, hex`aa`), part(9, 1040, hex`bbbb`), part(18, 0x01000000, hex``)])
  t.same(
    [...readAggregate(message(22, body, { messageStreamId: 1, timestamp: 5000 }))].map(
      ({ type, timestamp, payload, messageStreamId }) => [type, timestamp, payload.length, messageStreamId]
    ),
    [
      [8, 5000, 1, 1],
      [9, 5040, 2, 1],
      [18, 5000 + 0x01000000 - 1000, 0, 1]
    ]
  )
  t.same(
    [...readAggregate(message(22, part(8, 0, hex`aa`), { timestamp: 7 }))].map(({ timestamp }) => timestamp),
    [7],
    'a first part at 0'
  )
})

t.test('an aggregate whose parts do not fit', async t => {
  const wrong = hex`08 000005 000000 00 000000 aabb`
  t.throws(() => [...readAggregate(message(22, wrong))], { code: 'ERR_RTMP_AGGREGATE', layer: 'message', offset: 0 })
  const [nested, ...more] = [...readAggregate(message(22, part(22, 0, part(22, 0, hex``))))]
  t.equal(nested?.type, 22, 'one inside is not looked into')
  t.equal(more.length, 0)
  const empties = Buffer.concat(Array(100_000).fill(part(8, 0, hex``)))
  t.equal([...readAggregate(message(22, empties))].length, 100_000, 'each step goes on')
})

t.test('any body of a command is a command or a ProtocolError, and goes out again', async t => {
  const known: Command[] = [
    createCommand('connect', 1, [{ app: 'live' }]),
    onStatus(1, 'a', 'b'),
    createCommand('play', 0, [null, 'x', -2000])
  ]
  const mutated = fc
    .tuple(fc.constantFrom(...known), fc.array(fc.tuple(fc.nat(60), fc.nat(255)), { maxLength: 4 }))
    .map(([base, changes]) => {
      const body = Buffer.from(commandMessage(base).payload)
      for (const [at, byte] of changes) if (at < body.length) body[at] = byte
      return body
    })
  holds(
    t,
    'bodies',
    fc.property(fc.oneof(mutated, buffers(80)), fc.constantFrom(17, 20), (body, type) => {
      try {
        const read = readCommand(message(type, body))
        return readCommand(commandMessage({ ...read })).name === read.name
      } catch (thrown) {
        return (thrown as Error).name === 'ProtocolError'
      }
    }),
    { numRuns: 3000 }
  )
})

t.test('any body of a user control event is one, and what is known of it goes out again', async t => {
  holds(
    t,
    'events',
    fc.property(
      fc.oneof(fc.constantFrom(0, 1, 2, 3, 4, 6, 7, 26, 27, 31, 32), fc.nat(0xffff)),
      buffers(50),
      (type, rest) => {
        const read = readUserControlEvent(Buffer.concat([Buffer.of(type >> 8, type & 255), rest]))
        const written = userControlMessage(read).payload
        t.same(readUserControlEvent(written), read)
        return written.equals(Buffer.concat([Buffer.of(type >> 8, type & 255), rest]).subarray(0, written.length))
      }
    ),
    { numRuns: 300 }
  )
})

t.test(
  'any body of an aggregate is messages within it, or a ProtocolError; a shorter one holds the first of them',
  async t => {
    const parts = (payload: Buffer): string[] => {
      const found: string[] = []
      try {
        for (const { type, timestamp, payload: part } of readAggregate(message(22, payload)))
          found.push(`${type}@${timestamp} ${part.toString('hex')}`)
      } catch (thrown) {
        if ((thrown as Error).name !== 'ProtocolError') throw thrown
      }
      return found
    }
    const part = fc
      .tuple(fc.nat(255), buffers(20), fc.nat(30))
      .map(([type, body, length]) =>
        Buffer.concat([
          Buffer.of(type, 0, 0, length > 20 ? length : body.length, 0, 0, 0, 0, 0, 0, 0),
          body,
          Buffer.alloc(4)
        ])
      )
    const aggregate = fc
      .array(fc.oneof({ weight: 5, arbitrary: part }, buffers(15)), { maxLength: 6 })
      .map(all => Buffer.concat(all))
    holds(
      t,
      'bodies',
      fc.property(aggregate, fc.nat(200), (body, length) => {
        const all = parts(body)
        const first = parts(body.subarray(0, length))
        return first.every((each, i) => each === all[i])
      }),
      { numRuns: 1000 }
    )
  }
)
