import { deepStrictEqual } from 'node:assert'
import fc from 'fast-check'
import {
  Amf0Reader,
  Amf0Writer,
  Amf3Reader,
  AmfDate,
  type AmfObject,
  type AmfValue,
  Dictionary,
  EcmaArray,
  ExternalizableObject,
  propertiesOf,
  readAmf0,
  readAmf3,
  TypedObject,
  unsupported,
  Vector,
  writeAmf0,
  writeAmf3,
  Xml,
  XmlDocument
} from 'rtmpipe'
import t from 'tap'
import { hex } from '../support/hex.ts'
import { buffers, holds } from '../support/property.ts'

const object = (entries: Record<string, AmfValue>): AmfObject => Object.assign(Object.create(null), entries)
const collection = (name: string) => hex`0a 07 ${Buffer.of(name.length * 2 + 1)} ${Buffer.from(name)}`

/** Both ways: these bytes are this value, and this value is these bytes. */
const canonical: [string, Buffer, AmfValue][] = [
  ['undefined', hex`00`, undefined],
  ['null', hex`01`, null],
  ['false', hex`02`, false],
  ['true', hex`03`, true],
  ['an integer of one byte', hex`04 7f`, 127],
  ['an integer of two bytes', hex`04 8100`, 128],
  ['an integer of three bytes', hex`04 818000`, 16384],
  ['an integer of four bytes', hex`04 80c08000`, 2097152],
  ['the greatest integer', hex`04 bfffffff`, 2 ** 28 - 1],
  ['one more is a double', hex`05 41b0000000000000`, 2 ** 28],
  ['the least integer', hex`04 c0808000`, -(2 ** 28)],
  ['one less is a double', hex`05 c1b0000001000000`, -(2 ** 28) - 1],
  ['minus one', hex`04 ffffffff`, -1],
  ['minus zero', hex`05 8000000000000000`, -0],
  ['a double', hex`05 400c000000000000`, 3.5],
  ['a string', hex`06 07 61c3a9`, 'aé'],
  ['an empty string', hex`06 01`, ''],
  ['an XML document', hex`07 09 3c612f3e`, new XmlDocument('<a/>')],
  ['XML', hex`0b 09 3c612f3e`, new Xml('<a/>')],
  ['a date', hex`08 01 427266660b980000`, new AmfDate(1264438000000)],
  ['an array', hex`09 05 01 01 09 01 01`, [null, []]],
  ['an ECMA array', hex`09 01 03 61 03 01`, new EcmaArray(object({ a: true }), 0)],
  ['an array with names and indices', hex`09 03 03 61 03 01 04 05`, new EcmaArray(object({ a: true, 0: 5 }), 1)],
  ['an object', hex`0a 0b 01 03 61 01 03 62 00 01`, object({ a: null, b: undefined })],
  [
    'an object of a class',
    hex`0a 23 07 6f7267 03 61 03 62 01 03`,
    new TypedObject('org', object({ a: null, b: true }), { sealed: ['a', 'b'], isDynamic: false })
  ],
  [
    'an object of a class, with more than the class has',
    hex`0a 1b 07 6f7267 03 61 01 03 62 03 01`,
    new TypedObject('org', object({ a: null, b: true }), { sealed: ['a'], isDynamic: true })
  ],
  [
    'an object of a class without a name',
    hex`0a 13 01 03 61 01`,
    new TypedObject('', object({ a: null }), { sealed: ['a'], isDynamic: false })
  ],
  ['bytes', hex`0c 05 00ff`, hex`00ff`],
  ['a vector of int', hex`0d 05 01 00000001 ffffffff`, new Vector(Int32Array.of(1, -1), true)],
  ['a vector of uint', hex`0e 05 00 00000001 ffffffff`, new Vector(Uint32Array.of(1, 0xffffffff))],
  ['a vector of double', hex`0f 03 00 400c000000000000`, new Vector(Float64Array.of(3.5))],
  ['a vector of anything', hex`10 05 00 03 2a 04 01 06 03 61`, new Vector([1, 'a'])],
  ['a vector of a class', hex`10 03 01 03 41 01`, new Vector([null], true, 'A')],
  [
    'a dictionary',
    hex`11 05 00 06 03 61 04 01 09 01 01 01`,
    new Dictionary([
      ['a', 1],
      [[], null]
    ])
  ],
  ['a dictionary that forgets', hex`11 01 01`, new Dictionary([], true)],
  [
    'a collection of Flex',
    hex`${collection('flex.messaging.io.ArrayCollection')} 09 03 01 04 01`,
    new ExternalizableObject('flex.messaging.io.ArrayCollection', [1])
  ]
]

for (const [name, bytes, value] of canonical) {
  t.test(name, async t => {
    t.strictSame(readAmf3(bytes), [value], 'is read')
    t.same(writeAmf3(value), bytes, 'is written')
    t.strictSame(readAmf0(hex`05 11 ${bytes} 05`), [null, value, null], 'is read in AMF0, which goes on behind it')
  })
}

t.test('an integer that is written as a double is read', async t => {
  t.same(readAmf3(hex`05 4000000000000000`), [2])
})

t.test('a string met again goes out as a reference, the empty one does not', async t => {
  const bytes = hex`09 0d 01 06 03 61 06 01 06 00 06 01 06 03 62 06 02`
  t.same(readAmf3(bytes), [['a', '', 'a', '', 'b', 'b']])
  t.same(writeAmf3(['a', '', 'a', '', 'b', 'b']), bytes)
})

t.test('names of members, classes and keys are strings as others', async t => {
  const bytes = hex`09 05 01 0a 13 03 41 03 6b 06 02 06 00`
  const value = [new TypedObject('A', object({ k: 'k' }), { sealed: ['k'], isDynamic: false }), 'A']
  t.strictSame(readAmf3(bytes), [value])
  t.same(writeAmf3(value), bytes)
})

t.test('a class met again goes out as a reference', async t => {
  const bytes = hex`09 07 01 0a 13 03 41 03 6b 04 01 0a 01 04 02 0a 0b 01 01`
  const [array] = readAmf3(bytes) as [AmfValue[]]
  t.same(
    array.map(each => propertiesOf(each)),
    [{ k: 1 }, { k: 2 }, {}]
  )
  t.same(writeAmf3(array), bytes)
})

t.test('an object met again is the same object, and goes out as a reference', async t => {
  const date = new AmfDate(0)
  const bytes = hex`09 0d 01 08 01 0000000000000000 08 02 0c 01 0c 04 0d 01 00 0d 06`
  const [array] = readAmf3(bytes) as [AmfValue[]]
  t.equal(new Set(array).size, 3)
  t.equal(array[0], array[1])
  t.same(writeAmf3(array), bytes)
  t.same(writeAmf3([date, date]).length, 3 + 10 + 2)
})

t.test('an object may hold itself, of every kind', async t => {
  const kinds: [string, Buffer, (value: never) => unknown][] = [
    ['array', hex`09 03 01 09 00`, ([self]: AmfValue[]) => self],
    ['ECMA array', hex`09 01 03 61 09 00 01`, ({ properties }: EcmaArray) => properties.a],
    ['object', hex`0a 0b 01 03 61 0a 00 01`, ({ a }: AmfObject) => a],
    ['typed object', hex`0a 13 03 41 03 61 0a 00`, ({ properties }: TypedObject) => properties.a],
    ['vector', hex`10 03 00 03 2a 10 00`, ({ items }: Vector) => items[0]],
    ['key of a dictionary', hex`11 03 00 11 00 01`, ({ entries }: Dictionary) => entries[0]![0]],
    [
      'collection',
      hex`${collection('flex.messaging.io.ObjectProxy')} 0a 00`,
      ({ value }: ExternalizableObject) => value
    ]
  ]
  for (const [kind, bytes, self] of kinds) {
    const [value] = readAmf3(bytes)
    t.equal(self(value as never), value, kind)
    t.same(writeAmf3(value), bytes, `${kind}, written`)
  }
})

t.test('keys such as __proto__ are data', async t => {
  const proto = hex`13 5f5f70726f746f5f5f`
  const kinds: [string, Buffer][] = [
    ['object', hex`0a 0b 01 ${proto} 03 01`],
    ['ECMA array', hex`09 01 ${proto} 03 01`],
    ['typed object', hex`0a 13 03 41 ${proto} 03`]
  ]
  for (const [kind, bytes] of kinds) {
    const [value] = readAmf3(bytes)
    const properties = propertiesOf(value)!
    t.equal(Object.getPrototypeOf(properties), null, `${kind}: no prototype`)
    t.same(Object.keys(properties), ['__proto__'], `${kind}: own keys`)
    t.same(writeAmf3(value), bytes, `${kind}: written the same`)
  }
})

t.test('keys that look like indices keep their place', async t => {
  for (const bytes of [
    hex`0a 0b 01 03 62 01 03 31 01 03 61 01 03 30 01 01`,
    hex`09 03 03 61 01 05 3432 01 01 04 07`,
    hex`0a 23 03 41 03 31 03 30 01 03`
  ]) {
    t.same(writeAmf3(readAmf3(bytes)[0]), bytes)
  }
})

t.test('in AMF0 an array with names and indices is an ECMA array', async t => {
  const [mixed] = readAmf3(hex`09 03 03 61 03 01 04 05`)
  t.same(writeAmf0(mixed), hex`08 00000001 0001 61 0101 0001 30 00 4014000000000000 000009`)
})

t.test('an object that names its class goes out in AMF3 as of a class that has just its names', async t => {
  t.same(writeAmf3(new TypedObject('A', { b: 1, a: 2 })), hex`0a 23 03 41 03 62 03 61 04 01 04 02`)
})

t.test('AMF0 that switches to AMF3', async t => {
  t.test('for one value each time, with one set of tables in a body', async t => {
    const values = readAmf0(hex`11 0a 0b 01 03 61 06 03 62 01  02 0001 61  11 06 02  11 0a 00  0a 00000001 11 06 00`)
    t.same(values, [{ a: 'b' }, 'a', 'b', { a: 'b' }, ['a']])
    t.equal(values[3], values[0], 'a reference is to what was read in AMF3')
  })
  t.test('counts depth and values together', async t => {
    const deep = (count: number) => Buffer.concat([...Array(count).fill(hex`0a 00000001`), hex`11 09 03 01 01`])
    t.same(readAmf0(deep(63)).length, 1)
    t.throws(() => readAmf0(deep(64)), { code: 'ERR_RTMP_AMF_DEPTH', offset: 64 * 5 + 1 })
    t.throws(() => readAmf0(hex`05 05 11 09 05 01 01 01`, { limits: { amfNodes: 4 } }), { code: 'ERR_RTMP_AMF_NODES' })
  })
  t.test('is written for what AMF0 has no word for, to a peer that reads it', async t => {
    const values = [hex`00ff`, new Vector([1]), new Dictionary([]), new Xml('a')] as const
    for (const value of values)
      t.throws(() => writeAmf0(value), { name: 'TypeError', message: `AMF0 cannot encode a ${value.constructor.name}` })
    const written = new Amf0Writer({ amf3: true }).write([1, ...values, values[0]]).done()
    t.same(
      written,
      hex`0a 00000006 00 3ff0000000000000 11 0c 05 00ff 11 10 03 00 03 2a 04 01 11 11 01 00 11 0b 03 61 11 0c 00`
    )
    t.strictSame(readAmf0(written), [[1, ...values, values[0]]])
  })
})

t.test('what AMF3 cannot say is a TypeError at once', async t => {
  t.throws(() => writeAmf3((() => 1) as never), TypeError)
  t.throws(() => writeAmf3(1n as never), TypeError)
  t.throws(() => writeAmf3(unsupported), TypeError)
  t.throws(() => writeAmf3(new Map() as never), { name: 'TypeError', message: /Map/ })
  t.throws(() => writeAmf3({ '': 1 }), { name: 'TypeError', message: /empty property name/ })
  t.throws(() => writeAmf3(new TypedObject('A', { b: 1 }, { sealed: [], isDynamic: false })), TypeError)
})

t.test('bytes that are no value', async t => {
  const cases: [string, Buffer, string, number][] = [
    ['an unknown marker', hex`01 12`, 'ERR_RTMP_AMF_MARKER', 1],
    ['nothing where an integer should be', hex`04 ff`, 'ERR_RTMP_TRUNCATED', 2],
    ['a string longer than the rest', hex`06 07 61`, 'ERR_RTMP_TRUNCATED', 2],
    ['bytes longer than the rest', hex`0c ffffffff 61`, 'ERR_RTMP_TRUNCATED', 5],
    ['a string that was not sent', hex`06 00`, 'ERR_RTMP_AMF_REFERENCE', 1],
    ['an object that was not sent', hex`09 03 01 09 02`, 'ERR_RTMP_AMF_REFERENCE', 3],
    ['a class that was not sent', hex`0a 01`, 'ERR_RTMP_AMF_REFERENCE', 0],
    ['an array of 2^28 - 1', hex`09 ffffffff 01`, 'ERR_RTMP_AMF_COUNT', 0],
    ['a vector of int, one too many', hex`0d 05 00 00000000`, 'ERR_RTMP_AMF_COUNT', 0],
    ['a vector of double, one too many', hex`0f 05 00 0000000000000000`, 'ERR_RTMP_AMF_COUNT', 0],
    ['a vector of anything, one too many', hex`10 05 00 01 01`, 'ERR_RTMP_AMF_COUNT', 0],
    ['a dictionary, one too many', hex`11 05 00 01 01`, 'ERR_RTMP_AMF_COUNT', 0],
    ['a class of 2^25 - 1 names', hex`0a fffffff3 01 03 61`, 'ERR_RTMP_AMF_COUNT', 0],
    ['an object that only its class can read', hex`0a 07 03 58 ab`, 'ERR_RTMP_AMF_EXTERNALIZABLE', 0],
    ['another of that class', hex`09 03 01 0a 07 03 58 ab`, 'ERR_RTMP_AMF_EXTERNALIZABLE', 3]
  ]
  for (const [name, bytes, code, offset] of cases) {
    t.throws(() => readAmf3(bytes), { name: 'ProtocolError', layer: 'amf', code, offset }, name)
  }
})

t.test('depth is bounded in every kind of container', async t => {
  const containers: [string, Buffer, Buffer][] = [
    ['array', hex`09 03 01`, hex``],
    ['ECMA array', hex`09 01 03 61`, hex`01`],
    ['object', hex`0a 0b 01 03 61`, hex`01`],
    ['typed object', hex`0a 13 03 41 03 61`, hex``],
    ['vector', hex`10 03 00 03 2a`, hex``],
    ['dictionary', hex`11 03 00 01`, hex``],
    ['collection', collection('flex.messaging.io.ArrayList'), hex``]
  ]
  for (const [kind, open, close] of containers) {
    const nested = (depth: number) => Buffer.concat([...Array(depth).fill(open), hex`01`, ...Array(depth).fill(close)])
    t.doesNotThrow(() => readAmf3(nested(64)), `${kind}: 64`)
    t.throws(() => readAmf3(nested(65)), { code: 'ERR_RTMP_AMF_DEPTH', offset: 64 * open.length }, `${kind}: 65`)
    t.throws(() => readAmf3(nested(100_000)), { code: 'ERR_RTMP_AMF_DEPTH' }, `${kind}: 100,000`)
  }
})

t.test('the number of values is bounded, names of a class counted', async t => {
  const limits = { amfNodes: 4 }
  t.same(readAmf3(hex`09 07 01 01 01 01`, { limits }), [[null, null, null]])
  t.throws(() => readAmf3(hex`09 09 01 01 01 01 01`, { limits }), { code: 'ERR_RTMP_AMF_NODES' })
  t.throws(() => readAmf3(hex`0a 43 01 01 01 01 01 01`, { limits }), { code: 'ERR_RTMP_AMF_NODES', offset: 6 })
})

t.test('bytes are a view of the body', async t => {
  const body = hex`0c 05 00ff`
  const [bytes] = readAmf3(body) as [Buffer]
  t.equal(bytes.buffer, body.buffer)
  t.ok(Buffer.isBuffer(bytes))
})

const key = fc.oneof(
  fc.string({ minLength: 1 }),
  fc.constantFrom('__proto__', 'constructor', '0', '17', '-1', '01', 'toString')
)
const named = (value: fc.Arbitrary<unknown>) =>
  fc.array(fc.tuple(key, value), { maxLength: 6 }).map(entries => {
    const made: Record<string, AmfValue> = Object.create(null)
    for (const [name, inner] of entries) made[name] = inner as AmfValue
    return made as AmfObject
  })
const numbers = fc.oneof(
  fc.int32Array({ maxLength: 4 }),
  fc.uint32Array({ maxLength: 4 }),
  fc.float64Array({ maxLength: 4 })
)

const { value: amfValue } = fc.letrec(tie => ({
  value: fc.oneof(
    { maxDepth: 5, withCrossShrink: true },
    fc.double(),
    fc.integer(),
    fc.boolean(),
    fc.string({ unit: 'binary' }),
    fc.constantFrom(null, undefined),
    fc.double().map(ms => new AmfDate(ms)),
    fc.string().map(text => new XmlDocument(text)),
    fc.string().map(text => new Xml(text)),
    buffers(20),
    fc.tuple(numbers, fc.boolean()).map(([items, isFixed]) => new Vector(items, isFixed)),
    fc.array(tie('value'), { maxLength: 5 }),
    fc
      .tuple(fc.array(tie('value'), { maxLength: 5 }), fc.boolean(), fc.string())
      .map(([items, isFixed, name]) => new Vector(items as AmfValue[], isFixed, name)),
    fc
      .tuple(fc.array(fc.tuple(tie('value'), tie('value')), { maxLength: 4 }), fc.boolean())
      .map(([entries, hasWeakKeys]) => new Dictionary(entries as [AmfValue, AmfValue][], hasWeakKeys)),
    tie('value').map(value => new ExternalizableObject('flex.messaging.io.ArrayCollection', value as AmfValue)),
    named(tie('value')),
    named(tie('value')).map(properties => new EcmaArray({ ...properties, name: 1 })),
    fc.tuple(fc.string(), named(tie('value')), fc.boolean(), fc.nat(6)).map(([name, properties, isDynamic, count]) => {
      const keys = Object.keys(properties)
      return new TypedObject(name, properties, { sealed: isDynamic ? keys.slice(0, count) : keys, isDynamic })
    })
  )
}))

t.test('any value is read as it was written, and written again as it was read', async t => {
  holds(
    t,
    'values',
    fc.property(fc.array(amfValue as fc.Arbitrary<AmfValue>, { maxLength: 4 }), values => {
      const bytes = writeAmf3(...values)
      const read = readAmf3(bytes)
      const again = writeAmf3(...read)
      deepStrictEqual(readAmf3(again), read)
      return again.equals(bytes)
    }),
    { numRuns: 500 }
  )
})

t.test('any bytes are values, or a ProtocolError; what was accepted can be written', async t => {
  holds(
    t,
    'bytes',
    fc.property(buffers(60), fc.constantFrom(4, 6, 9, 0x0a, 0x0c, 0x0d, 0x10, 0x11), (input, first) => {
      if (input.length > 0) input[0] = first
      let values: AmfValue[]
      try {
        values = readAmf3(input)
      } catch (error) {
        return (error as Error).name === 'ProtocolError'
      }
      const again = writeAmf3(...values)
      return writeAmf3(...readAmf3(again)).equals(again)
    }),
    { numRuns: 2000 }
  )
})

t.test('a value cut anywhere is short of bytes, and nothing worse', async t => {
  for (const [name, bytes] of canonical) {
    for (let length = 1; length < bytes.length; length++) {
      const reader = new Amf3Reader(bytes.subarray(0, length))
      t.throws(() => reader.read(), { code: /ERR_RTMP_(TRUNCATED|AMF_COUNT)/ }, `${name}, ${length} bytes`)
    }
    const reader = new Amf0Reader(hex`11 ${bytes}`)
    reader.read()
    t.ok(reader.done, `${name}, to its last byte`)
  }
})
