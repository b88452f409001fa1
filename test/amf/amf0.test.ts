import { deepStrictEqual } from 'node:assert'
import fc from 'fast-check'
import {
  Amf0Reader,
  AmfDate,
  type AmfObject,
  type AmfValue,
  EcmaArray,
  propertiesOf,
  readAmf0,
  TypedObject,
  unsupported,
  writeAmf0,
  XmlDocument
} from 'rtmpipe'
import t from 'tap'
import { hex } from '../support/hex.ts'
import { buffers, holds } from '../support/property.ts'

const object = (entries: Record<string, AmfValue>): AmfObject => Object.assign(Object.create(null), entries)

/** Both ways: these bytes are this value, and this value is these bytes. */
const canonical: [string, Buffer, AmfValue][] = [
  ['a number', hex`00 400c000000000000`, 3.5],
  ['minus zero', hex`00 8000000000000000`, -0],
  ['infinity', hex`00 7ff0000000000000`, Number.POSITIVE_INFINITY],
  ['true', hex`01 01`, true],
  ['false', hex`01 00`, false],
  ['a string', hex`02 0003 61c3a9`, 'aé'],
  ['an empty string', hex`02 0000`, ''],
  ['null', hex`05`, null],
  ['undefined', hex`06`, undefined],
  ['an object', hex`03 0001 61 05 0001 62 06 0000 09`, object({ a: null, b: undefined })],
  ['an object with an empty key', hex`03 0000 02 0001 61 0000 09`, object({ '': 'a' })],
  ['an ECMA array', hex`08 00000001 0001 61 01 01 0000 09`, new EcmaArray(object({ a: true }))],
  ['an ECMA array whose count lies', hex`08 00000000 0001 61 01 01 0000 09`, new EcmaArray(object({ a: true }), 0)],
  ['a strict array', hex`0a 00000002 05 0a 00000000`, [null, []]],
  ['a date', hex`0b 427266660b980000 0000`, new AmfDate(1264438000000)],
  ['a date of before, with a time zone', hex`0b bff0000000000000 ff10`, new AmfDate(-1, -240)],
  ['unsupported', hex`0d`, unsupported],
  ['an XML document', hex`0f 00000004 3c612f3e`, new XmlDocument('<a/>')],
  ['a typed object', hex`10 0003 6f7267 0001 61 05 0000 09`, new TypedObject('org', object({ a: null }))]
]

for (const [name, bytes, value] of canonical) {
  t.test(name, async t => {
    t.strictSame(readAmf0(bytes), [value], 'is read')
    t.same(writeAmf0(value), bytes, 'is written')
  })
}

t.test('a string over 65535 bytes is a long string', async t => {
  const text = 'é'.repeat(32768)
  const bytes = Buffer.concat([hex`0c 00010000`, Buffer.from(text)])
  t.same(writeAmf0(text), bytes)
  t.same(readAmf0(bytes), [text])
  t.same(writeAmf0('a'.repeat(65535)).subarray(0, 3), hex`02 ffff`)
})

t.test('a short string in the long form is read', async t => {
  t.same(readAmf0(hex`0c 00000001 61`), ['a'])
})

t.test('NaN is read and written', async t => {
  t.same(writeAmf0(readAmf0(hex`00 7ff8000000000000`)[0]), hex`00 7ff8000000000000`)
})

t.test('any byte but 0 is true', async t => {
  t.same(readAmf0(hex`01 07`), [true])
})

t.test('an object met again is the same object, and goes out as a reference', async t => {
  const bytes = hex`0a 00000003  03 0001 61 05 0000 09  07 0001  07 0001`
  const [array] = readAmf0(bytes) as [AmfValue[]]
  t.equal(array[0], array[1])
  t.equal(array[0], array[2])
  t.same(writeAmf0(array), bytes)
})

t.test('an object may hold itself', async t => {
  const bytes = hex`03 0004 73656c66 07 0000 0000 09`
  const [value] = readAmf0(bytes) as [{ self: unknown }]
  t.equal(value.self, value)
  t.same(writeAmf0(value as never), bytes)
})

t.test('references count ECMA arrays, typed objects and strict arrays too', async t => {
  const bytes = hex`08 00000000 0000 09  10 0001 41 0000 09  0a 00000000  07 0000  07 0001  07 0002`
  const [ecma, typed, strict, first, second, third] = readAmf0(bytes)
  t.equal(first, ecma)
  t.equal(second, typed)
  t.equal(third, strict)
  t.same(writeAmf0(ecma, typed, strict, first, second, third), bytes)
})

t.test('keys such as __proto__ are data', async t => {
  const body = hex`0009 5f5f70726f746f5f5f 03 0008 706f6c6c75746564 01 01 0000 09 000b 636f6e7374727563746f72 05 0000 09`
  for (const [kind, bytes] of [
    ['object', hex`03 ${body}`],
    ['ECMA array', hex`08 00000002 ${body}`],
    ['typed object', hex`10 0001 41 ${body}`]
  ] as const) {
    const [value] = readAmf0(bytes)
    const properties = propertiesOf(value)!
    t.equal(Object.getPrototypeOf(properties), null, `${kind}: no prototype`)
    t.same(Object.keys(properties), ['__proto__', 'constructor'], `${kind}: own keys`)
    t.equal(({} as Record<string, unknown>).polluted, undefined, `${kind}: nobody else's`)
    t.same(writeAmf0(value), bytes, `${kind}: written the same`)
    t.same(Object.keys({ ...properties }), ['__proto__', 'constructor'], `${kind}: kept by a spread`)
  }
})

t.test('keys that look like indices keep their place', async t => {
  const bytes = hex`03 0001 62 05 0001 31 05 0001 61 05 0001 30 05 0000 09`
  const [value] = readAmf0(bytes)
  t.same(writeAmf0(value), bytes)
  t.same(
    readAmf0(writeAmf0({ ...(value as object), c: 1 })),
    [object({ 0: null, 1: null, a: null, b: null, c: 1 })],
    'a new one is in no order'
  )
})

t.test('the named values of whatever has them', async t => {
  const properties = { a: 1 }
  for (const value of [properties, new EcmaArray(properties), new TypedObject('A', properties)])
    t.equal(propertiesOf(value), properties)
  for (const value of [
    null,
    undefined,
    'a',
    1,
    true,
    [1],
    new AmfDate(0),
    new XmlDocument(''),
    unsupported
  ] as AmfValue[]) {
    t.equal(propertiesOf(value), undefined, `${String(value)}`)
  }
})

t.test('what AMF0 cannot say is a TypeError or a RangeError at once', async t => {
  t.throws(() => writeAmf0((() => 1) as never), TypeError)
  t.throws(() => writeAmf0(1n as never), TypeError)
  t.throws(() => writeAmf0(new Map() as never), { name: 'TypeError', message: /Map/ })
  t.throws(() => writeAmf0({ ['k'.repeat(65536)]: 1 }), RangeError)
})

t.test('bytes that are no value', async t => {
  const cases: [string, Buffer, string, number][] = [
    ['nothing where a number should be', hex`00 4000`, 'ERR_RTMP_TRUNCATED', 1],
    ['a string longer than the rest', hex`02 ffff 61`, 'ERR_RTMP_TRUNCATED', 3],
    ['a long string of 4 GB', hex`0c ffffffff 61`, 'ERR_RTMP_TRUNCATED', 5],
    ['an object without an end', hex`03 0001 61 05`, 'ERR_RTMP_TRUNCATED', 5],
    ['an object end on its own', hex`09`, 'ERR_RTMP_AMF_MARKER', 0],
    ['a movie clip', hex`04`, 'ERR_RTMP_AMF_MARKER', 0],
    ['a record set', hex`0e`, 'ERR_RTMP_AMF_MARKER', 0],
    ['an unknown marker', hex`05 61`, 'ERR_RTMP_AMF_MARKER', 1],
    ['a strict array of 2^32 - 1', hex`0a ffffffff 05`, 'ERR_RTMP_AMF_COUNT', 0],
    ['a strict array of one more than there is', hex`0a 00000003 0505`, 'ERR_RTMP_AMF_COUNT', 0],
    ['a reference to nothing', hex`07 0000`, 'ERR_RTMP_AMF_REFERENCE', 0],
    ['a reference to what comes later', hex`0a 00000002 07 0001 0a 00000000`, 'ERR_RTMP_AMF_REFERENCE', 5],
    ['the switch to an AMF3 that is none', hex`05 11 12`, 'ERR_RTMP_AMF_MARKER', 2]
  ]
  for (const [name, bytes, code, offset] of cases) {
    t.throws(() => readAmf0(bytes), { name: 'ProtocolError', layer: 'amf', code, offset }, name)
  }
})

t.test('depth is bounded in every kind of container', async t => {
  const containers: [string, Buffer, Buffer][] = [
    ['object', hex`03 0001 61`, hex`0000 09`],
    ['ECMA array', hex`08 00000001 0001 61`, hex`0000 09`],
    ['typed object', hex`10 0001 41 0001 61`, hex`0000 09`],
    ['strict array', hex`0a 00000001`, hex``]
  ]
  for (const [kind, open, close] of containers) {
    const nested = (depth: number) => Buffer.concat([...Array(depth).fill(open), hex`05`, ...Array(depth).fill(close)])
    t.doesNotThrow(() => readAmf0(nested(64)), `${kind}: 64`)
    t.throws(() => readAmf0(nested(65)), { code: 'ERR_RTMP_AMF_DEPTH', offset: 64 * open.length }, `${kind}: 65`)
    t.throws(() => readAmf0(nested(100_000)), { code: 'ERR_RTMP_AMF_DEPTH' }, `${kind}: 100,000`)
    t.throws(
      () => readAmf0(nested(4), { limits: { amfDepth: 3 } }),
      { code: 'ERR_RTMP_AMF_DEPTH' },
      `${kind}: a limit of one's own`
    )
    t.same(writeAmf0(readAmf0(nested(64))[0]), nested(64), `${kind}: written again`)
  }
})

t.test('the number of values is bounded', async t => {
  const array = (count: number) => {
    const bytes = Buffer.alloc(5 + count, 5)
    bytes[0] = 0x0a
    bytes.writeUInt32BE(count, 1)
    return bytes
  }
  t.equal((readAmf0(array(99_999))[0] as AmfValue[]).length, 99_999)
  t.throws(() => readAmf0(array(100_000)), { code: 'ERR_RTMP_AMF_NODES' })
  t.throws(() => readAmf0(array(3), { limits: { amfNodes: 3 } }), { code: 'ERR_RTMP_AMF_NODES' })
})

t.test('one array referred to a thousand times is one array', async t => {
  const inner = Buffer.concat([hex`0a 00000400`, Buffer.alloc(1024, 5)])
  const bytes = Buffer.concat([hex`0a 00000401`, inner, ...Array(1024).fill(hex`07 0001`)])
  const [outer] = readAmf0(bytes) as [AmfValue[]]
  t.equal(new Set(outer).size, 1)
  t.same(writeAmf0(outer), bytes)
})

const key = fc.oneof(fc.string(), fc.constantFrom('__proto__', 'constructor', '', '0', '17', 'toString'))
const named = (value: fc.Arbitrary<unknown>) =>
  fc.array(fc.tuple(key, value), { maxLength: 6 }).map(entries => {
    const made: Record<string, AmfValue> = Object.create(null)
    for (const [name, inner] of entries) made[name] = inner as AmfValue
    return made as AmfObject
  })

const { value: amfValue } = fc.letrec(tie => ({
  value: fc.oneof(
    { maxDepth: 5, withCrossShrink: true },
    fc.double(),
    fc.boolean(),
    fc.string({ unit: 'binary' }),
    fc.constantFrom(null, undefined, unsupported),
    fc.tuple(fc.double(), fc.integer({ min: -32768, max: 32767 })).map(([ms, zone]) => new AmfDate(ms, zone)),
    fc.string().map(text => new XmlDocument(text)),
    fc.array(tie('value'), { maxLength: 5 }),
    named(tie('value')),
    fc.tuple(named(tie('value')), fc.nat(0xffffffff)).map(([properties, count]) => new EcmaArray(properties, count)),
    fc.tuple(fc.string(), named(tie('value'))).map(([name, properties]) => new TypedObject(name, properties))
  )
}))

t.test('any value is read as it was written, and written again as it was read', async t => {
  holds(
    t,
    'values',
    fc.property(fc.array(amfValue as fc.Arbitrary<AmfValue>, { maxLength: 4 }), values => {
      const bytes = writeAmf0(...values)
      const read = readAmf0(bytes)
      deepStrictEqual(read, values)
      return writeAmf0(...read).equals(bytes)
    }),
    { numRuns: 500 }
  )
})

t.test('any bytes are values, or a ProtocolError; what was accepted can be written', async t => {
  holds(
    t,
    'bytes',
    fc.property(buffers(60), fc.constantFrom(0, 2, 3, 8, 10, 16), (input, first) => {
      if (input.length > 0) input[0] = first
      let values: AmfValue[]
      try {
        values = readAmf0(input)
      } catch (error) {
        return (error as Error).name === 'ProtocolError'
      }
      const again = writeAmf0(...values)
      return writeAmf0(...readAmf0(again)).equals(again)
    }),
    { numRuns: 2000 }
  )
})

t.test('a value cut anywhere is short of bytes, and nothing worse', async t => {
  for (const [name, bytes] of canonical) {
    for (let length = 1; length < bytes.length; length++) {
      const reader = new Amf0Reader(bytes.subarray(0, length))
      t.throws(() => reader.read(), { code: /ERR_RTMP_(TRUNCATED|AMF_COUNT)/ }, `${name}, ${length} bytes`)
    }
  }
})
