import fc from 'fast-check'
import t from 'tap'
import { ByteCollector } from '../../lib/bytes/byte-collector.ts'
import { ByteQueue } from '../../lib/bytes/byte-queue.ts'
import { ByteReader } from '../../lib/bytes/byte-reader.ts'
import { ByteWindow } from '../../lib/bytes/byte-window.ts'
import { ByteWriter } from '../../lib/bytes/byte-writer.ts'
import { alive } from '../support/memory.ts'
import { buffers, holds } from '../support/property.ts'

t.test('what is pushed comes out in order, however it is taken', async t => {
  holds(
    t,
    'any bytes',
    fc.property(
      fc.array(buffers(3000), { maxLength: 12 }),
      fc.array(fc.nat(4000), { maxLength: 30 }),
      (pushed, lengths) => {
        const queue = new ByteQueue()
        for (const bytes of pushed) queue.push(bytes)
        const taken = lengths.map(length => queue.take(length)).filter(bytes => bytes !== undefined)
        const whole = Buffer.concat([...taken, queue.rest()])
        return whole.equals(Buffer.concat(pushed)) && queue.length === 0
      }
    )
  )
})

t.test('pushed and taken by turns, every byte is there to look at', async t => {
  holds(
    t,
    'any bytes',
    fc.property(fc.array(fc.tuple(buffers(40), fc.nat(60)), { maxLength: 200 }), turns => {
      const queue = new ByteQueue()
      let waiting = Buffer.alloc(0)
      for (const [bytes, length] of turns) {
        queue.push(bytes)
        waiting = Buffer.concat([waiting, bytes])
        for (let i = 0; i < waiting.length; i++) if (queue.at(i) !== waiting[i]) return false
        const taken = queue.take(length)
        if ((taken === undefined) !== length > waiting.length) return false
        if (taken === undefined) continue
        if (!taken.equals(waiting.subarray(0, length))) return false
        waiting = waiting.subarray(length)
      }
      return true
    })
  )
})

t.test('what lies in one slice is a view, not a copy', async t => {
  const queue = new ByteQueue()
  const bytes = Buffer.alloc(5000, 1)
  queue.push(bytes)
  t.equal(queue.take(1200)?.buffer, bytes.buffer)
  t.equal(queue.take(3000)?.byteOffset, bytes.byteOffset + 1200)
})

t.test('a peer that drips bytes costs bytes, not objects', async t => {
  const queue = new ByteQueue()
  const dripped = 200_000
  const before = alive()
  for (let i = 0; i < dripped; i++) queue.push(Buffer.of(i & 255))
  const grown = alive() - before
  t.ok(grown < dripped * 10, `${grown} bytes for ${dripped}`)
  t.equal(queue.take(dripped)?.[dripped - 1], (dripped - 1) & 255)
})

t.test('a collector gives what was added, and holds no more than four times that', async t => {
  holds(
    t,
    'any bytes',
    fc.property(fc.array(buffers(300), { minLength: 1, maxLength: 20 }), fc.nat(0xffffff), (pieces, more) => {
      const whole = Buffer.concat(pieces)
      const collector = new ByteCollector(whole.length + more)
      for (const piece of pieces) {
        collector.add(piece, 0, piece.length)
        if (collector.held > 4 * collector.filled) return false
      }
      return collector.taken().equals(whole)
    })
  )
})

t.test('a collector whose whole has arrived makes one buffer of that size', async t => {
  const source = Buffer.alloc(10_000, 7)
  const collector = new ByteCollector(6000)
  collector.add(source, 1000, 1128)
  t.equal(collector.held, 6000)
})

t.test('a reader past its end says where, and nothing else', async t => {
  const reader = new ByteReader(Buffer.of(1, 2, 3), 'amf')
  t.equal(reader.u16(), 0x0102)
  t.throws(() => reader.u32(), { code: 'ERR_RTMP_TRUNCATED', layer: 'amf', offset: 2 })
  t.equal(reader.u8(), 3, 'and has not moved')
  t.throws(() => reader.utf8(1), { code: 'ERR_RTMP_TRUNCATED', offset: 3 })
})

t.test('a reader reads what a writer wrote', async t => {
  const writer = new ByteWriter(1)
  writer.u8(1).u16(0x0203).i16(-2).u24(0x040506).u32(0xfffffffe).f64(-0.5).utf8('žluť').raw(Buffer.of(9, 8))
  const reader = new ByteReader(writer.done(), 'flv')
  t.equal(reader.u8(), 1)
  t.equal(reader.u16(), 0x0203)
  t.equal(reader.i16(), -2)
  t.equal(reader.u24(), 0x040506)
  t.equal(reader.u32(), 0xfffffffe)
  t.equal(reader.f64(), -0.5)
  t.equal(reader.utf8(Buffer.byteLength('žluť')), 'žluť')
  t.same(reader.view(2), Buffer.of(9, 8))
  t.equal(reader.left, 0)
})

t.test('bytes that are not UTF-8 become U+FFFD', async t => {
  t.equal(new ByteReader(Buffer.of(0x63, 0xe9), 'amf').utf8(2), 'c\ufffd')
})

t.test('what waits in a window lies in one piece, and what was taken is not written over', async t => {
  holds(
    t,
    'any bytes',
    fc.property(fc.array(fc.tuple(buffers(40), fc.nat(60)), { maxLength: 200 }), turns => {
      const window = new ByteWindow()
      const taken: Buffer[] = []
      for (const [bytes, length] of turns) {
        window.push(bytes)
        taken.push(window.take(Math.min(length, window.bytes.length)))
      }
      return Buffer.concat([...taken, window.bytes]).equals(Buffer.concat(turns.map(([bytes]) => bytes)))
    })
  )
})
