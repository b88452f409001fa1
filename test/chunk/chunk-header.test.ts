import { deepStrictEqual } from 'node:assert'
import fc from 'fast-check'
import t from 'tap'
import type { ChunkFormat } from '../../lib/chunk/chunk.ts'
import {
  HeaderFields,
  putBasicHeader,
  putMessageHeader,
  readBasicHeader,
  readMessageHeader,
  repeatedTimestamp
} from '../../lib/chunk/chunk-header.ts'
import { hex } from '../support/hex.ts'
import { holds } from '../support/property.ts'

const chunkStreamIds = fc.oneof(
  fc.integer({ min: 2, max: 65_599 }),
  fc.constantFrom(2, 3, 63, 64, 65, 319, 320, 321, 65_599)
)
const deltas = fc.oneof(
  fc.integer({ min: 0, max: 0xffffffff }),
  fc.constantFrom(0, 0xfffffe, 0xffffff, 0x1000000, 0xffffffff)
)

/** A header as it is written, and what may stand ahead of it and behind. */
const written = fc.record({
  format: fc.constantFrom<ChunkFormat>(0, 1, 2, 3),
  chunkStreamId: chunkStreamIds,
  delta: deltas,
  length: fc.integer({ min: 0, max: 0xffffff }),
  type: fc.integer({ min: 0, max: 0xff }),
  messageStreamId: fc.integer({ min: 0, max: 0xffffffff }),
  at: fc.nat(20)
})

t.test('a header that was written is read as it was, and not before all of it is there', async t => {
  holds(
    t,
    'headers',
    fc.property(written, ({ at, ...header }) => {
      const { format, delta } = header
      const fields = { ...header, extended: delta >= 0xffffff ? delta : undefined }
      const bytes = Buffer.alloc(at + 30, 0xee)
      const start = putBasicHeader(bytes, at, format, header.chunkStreamId)
      const end = putMessageHeader(bytes, start, format, fields)

      const into = new HeaderFields()
      deepStrictEqual(readBasicHeader(bytes, at, into), start)
      let read = readMessageHeader(bytes, start, into)
      // what no field of format 3 announces
      const state = { header: { ...header, timestamp: delta }, delta, repeats: true }
      if (format === 3 && fields.extended !== undefined) read += repeatedTimestamp(state, fields.extended, bytes, read)!
      deepStrictEqual(read, end)
      const left = new HeaderFields()
      deepStrictEqual(
        { ...into },
        {
          ...left,
          format,
          chunkStreamId: header.chunkStreamId,
          ...(format < 3 && { delta, extended: fields.extended }),
          ...(format < 2 && { length: header.length, type: header.type }),
          ...(format < 1 && { messageStreamId: header.messageStreamId })
        },
        'what its format leaves out is not touched'
      )

      for (let length = 0; at + length < (format === 3 ? start : end); length++) {
        const cut = bytes.subarray(0, at + length)
        const begun = readBasicHeader(cut, at, into)
        if (begun !== 0) deepStrictEqual(readMessageHeader(cut, begun, into), 0)
        else deepStrictEqual(at + length < start, true)
      }
      return true
    }),
    { numRuns: 1000 }
  )
})

t.test('a chunk stream id is read in a longer form than it needs', async t => {
  const into = new HeaderFields()
  for (const [bytes, id] of [
    [hex`c3`, 3],
    [hex`c0 00`, 64],
    [hex`c1 00 00`, 64],
    [hex`c1 ff 00`, 319],
    [hex`c1 ff ff`, 65_599]
  ] as const) {
    t.equal(readBasicHeader(bytes, 0, into), bytes.length)
    t.match(into, { format: 3, chunkStreamId: id })
  }
})
