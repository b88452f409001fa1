import fc from 'fast-check'
import type { Message } from 'rtmpipe'
import t from 'tap'
import { type FlowMessage, ReceiveBuffer } from '../../../lib/rtmfp/flow/receive-buffer.ts'
import { SequenceSet } from '../../../lib/rtmfp/flow/sequence-set.ts'
import { readFlowMessage, writeFlowMessage } from '../../../lib/rtmfp/flow-mapping/flow-message.ts'
import { flowMetadata, readFlowMetadata } from '../../../lib/rtmfp/flow-mapping/flow-metadata.ts'
import type { UserData } from '../../../lib/rtmfp/wire/user-data.ts'
import { hex } from '../../support/hex.ts'
import { holds } from '../../support/property.ts'

const fragment = (sequenceNumber: number, told: Partial<UserData> | string = {}): UserData => ({
  kind: 'UserData',
  flowId: 2,
  sequenceNumber,
  forwardSequenceNumber: 0,
  fragmentControl: 'whole',
  abandon: false,
  final: false,
  options: [],
  data: Buffer.of(sequenceNumber & 0xff),
  ...(typeof told === 'string' ? { fragmentControl: told as UserData['fragmentControl'] } : told)
})

function* taken(buffer: ReceiveBuffer): Generator<FlowMessage, void> {
  for (let message = buffer.take(); message !== undefined; message = buffer.take()) yield message
}

/** The numbers of the first fragments of the messages that can be taken. */
const numbers = (buffer: ReceiveBuffer): number[] => [...taken(buffer)].map(({ sequenceNumber }) => sequenceNumber)

t.test('a set of numbers is ranges, and any other set of the same', async t => {
  const steps = fc.array(fc.tuple(fc.boolean(), fc.integer({ min: 1, max: 60 })), { maxLength: 80 })
  holds(
    t,
    'any numbers, in any order',
    fc.property(steps, fc.integer({ min: 1, max: 8 }), (steps, maxGaps) => {
      const [numbers, model] = [new SequenceSet(maxGaps), new Set([0])]
      for (const [isUpTo, number] of steps) {
        if (isUpTo) numbers.addUpTo(number)
        else if (!numbers.add(number)) {
          t.equal(numbers.gaps, maxGaps, 'refused for the gap alone')
          continue
        }
        for (let each = isUpTo ? 0 : number; each <= number; each++) model.add(each)
      }
      for (let each = 0; each < 62; each++) if (numbers.has(each) !== model.has(each)) t.fail(`${each}`)
      const all = [[0, numbers.cumulative], ...numbers.ranges()]
      t.ok(
        all.every(([first], i) => i === 0 || first! > all[i - 1]![1]! + 1),
        'a gap between any two'
      )
      t.equal(numbers.highest, Math.max(...model))
    })
  )
})

t.test('messages leave in order, each with all its fragments (RFC 7016, 3.6.3.3)', async t => {
  const buffer = new ReceiveBuffer()
  for (const each of [fragment(4, 'middle'), fragment(2), fragment(5, 'end'), fragment(6)])
    t.equal(buffer.add(each), 'new')
  t.same(numbers(buffer), [])
  t.same(
    [buffer.cumulativeAck, buffer.received, buffer.gaps, buffer.bufferedBytes],
    [
      0,
      [
        [2, 2],
        [4, 6]
      ],
      2,
      4
    ]
  )
  t.equal(buffer.add(fragment(1)), 'new')
  t.same(numbers(buffer), [1, 2])
  t.equal(buffer.add(fragment(3, 'begin')), 'new')
  t.same(
    [...taken(buffer)],
    [
      { sequenceNumber: 3, fragments: 3, payload: hex`030405` },
      { sequenceNumber: 6, fragments: 1, payload: hex`06` }
    ]
  )
  t.same([buffer.cumulativeAck, buffer.received, buffer.bufferedBytes], [6, [], 0])
  for (const each of [1, 4, 6]) t.equal(buffer.add(fragment(each, { data: hex`ee` })), 'duplicate')
  t.same(numbers(buffer), [])
})

t.test('in network order each leaves when it is complete', async t => {
  const buffer = new ReceiveBuffer({ order: 'network' })
  buffer.add(fragment(5))
  buffer.add(fragment(3, 'end'))
  t.same(numbers(buffer), [5])
  buffer.add(fragment(2, 'begin'))
  t.same(numbers(buffer), [2])
  t.same([buffer.cumulativeAck, buffer.bufferedBytes], [0, 0])
})

t.test('what the sender gives up is not waited for (3.6.2.3)', async t => {
  const buffer = new ReceiveBuffer()
  buffer.add(fragment(2, 'begin'))
  buffer.add(fragment(5))
  t.same(numbers(buffer), [])
  buffer.add(fragment(7, { forwardSequenceNumber: 4 }))
  t.same([buffer.cumulativeAck, buffer.forwardSequenceNumber, buffer.received], [5, 4, [[7, 7]]])
  t.same(numbers(buffer), [5], '2 has no end')
  t.equal(buffer.bufferedBytes, 1, 'of 7')
  t.equal(buffer.add(fragment(3)), 'duplicate', 'what comes behind its time')
  buffer.add(fragment(6, { forwardSequenceNumber: 6, abandon: true, data: hex`` }))
  t.same(numbers(buffer), [7])

  const given = new ReceiveBuffer()
  given.add(fragment(1, 'begin'))
  given.add(fragment(2, { abandon: true, fragmentControl: 'middle', data: hex`ee` }))
  given.add(fragment(3, 'end'))
  given.add(fragment(4))
  t.same(numbers(given), [4], 'a message without its middle')
  t.equal(given.bufferedBytes, 0)

  const late = new ReceiveBuffer()
  late.add(fragment(2, { forwardSequenceNumber: 2 }))
  t.same(numbers(late), [2], 'given up in the fragment that brings it')
})

t.test('fragments that contradict each other make no message, and hold none up', async t => {
  const buffer = new ReceiveBuffer()
  const controls = ['begin', 'begin', 'end', 'end', 'middle', 'whole', 'begin', 'whole', 'begin', 'middle']
  for (const [i, control] of controls.entries()) buffer.add(fragment(i + 1, control))
  t.same(
    [...taken(buffer)].map(({ sequenceNumber, fragments }) => [sequenceNumber, fragments]),
    [
      [2, 2],
      [6, 1],
      [8, 1]
    ]
  )
  t.equal(buffer.bufferedBytes, 2, 'the last two go on')
  t.equal(buffer.add(fragment(11, 'end')), 'new')
  t.same(numbers(buffer), [9])
})

t.test('the last fragment of a flow', async t => {
  const buffer = new ReceiveBuffer()
  buffer.add(fragment(3, { final: true }))
  t.same([buffer.finalSequenceNumber, buffer.isComplete], [3, false])
  t.equal(buffer.add(fragment(4)), 'refused')
  t.equal(buffer.add(fragment(3, { final: false })), 'duplicate')
  buffer.add(fragment(1))
  buffer.add(fragment(2, { final: true }))
  t.same([buffer.finalSequenceNumber, buffer.isComplete, numbers(buffer)], [3, true, [1, 2, 3]])

  const early = new ReceiveBuffer()
  early.add(fragment(5))
  for (const number of [0, 2]) early.add(fragment(number, { final: true }))
  t.same([early.finalSequenceNumber, early.isComplete], [undefined, false], 'it is not ahead of what has come')
})

t.test('a rejected flow holds nothing, and is acknowledged', async t => {
  const buffer = new ReceiveBuffer()
  buffer.add(fragment(2))
  buffer.reject()
  t.equal(buffer.bufferedBytes, 0)
  t.equal(buffer.add(fragment(1)), 'new')
  t.same([buffer.cumulativeAck, numbers(buffer)], [2, []])
})

t.test('bounds: gaps, bytes, the length of a message', async t => {
  const gaps = new ReceiveBuffer({ limits: { rtmfpGaps: 2 } })
  t.same(
    [fragment(3), fragment(2 ** 40), fragment(9), fragment(4), fragment(1)].map(each => gaps.add(each)),
    ['new', 'new', 'refused', 'new', 'new']
  )
  t.same(gaps.received, [
    [3, 4],
    [2 ** 40, 2 ** 40]
  ])
  t.same(numbers(gaps), [1])
  gaps.add(fragment(2 ** 45, { forwardSequenceNumber: 2 ** 45 - 1 }))
  t.same([gaps.cumulativeAck, gaps.gaps, numbers(gaps)], [2 ** 45, 0, [3, 4, 2 ** 40, 2 ** 45]])

  const bytes = new ReceiveBuffer({ limits: { rtmfpFlowBytes: 400 } })
  const data = Buffer.alloc(100)
  t.same(
    [3, 5, 1, 2].map(each => bytes.add(fragment(each, { data }))),
    ['new', 'refused', 'new', 'refused'],
    '1 is the next one, and was not taken'
  )
  t.same(numbers(bytes), [1])
  t.same(
    [2, 4].map(each => bytes.add(fragment(each, { data }))),
    ['new', 'refused']
  )
  t.same(numbers(bytes), [2, 3])
  const empty = new ReceiveBuffer({ limits: { rtmfpFlowBytes: 1024, rtmfpGaps: 1e6 } })
  const kept = Array.from({ length: 100 }, (_, i) => empty.add(fragment(3 + i, { data: hex`` })))
  t.equal(kept.filter(each => each === 'new').length, 8, 'empty fragments count too')

  const long = new ReceiveBuffer({ limits: { messageBytes: 5, rtmfpFlowBytes: 1 } })
  for (let i = 1; i <= 5; i++) t.equal(long.add(fragment(i, i === 1 ? 'begin' : 'middle')), 'new', 'the next has room')
  t.throws(() => long.add(fragment(6, 'middle')), {
    name: 'ProtocolError',
    code: 'ERR_RTMP_MESSAGE_TOO_LONG',
    layer: 'rtmfp'
  })
  long.reject()
  t.equal(long.bufferedBytes, 0)
  const endless = new ReceiveBuffer({ limits: { messageBytes: 1280 } })
  const piece = (number: number) => endless.add(fragment(number, { fragmentControl: 'middle', data: hex`` }))
  endless.add(fragment(1, 'begin'))
  for (let i = 2; i <= 1034; i++) piece(i)
  t.throws(() => piece(1035), { code: 'ERR_RTMP_MESSAGE_TOO_LONG' }, 'of nothing, without an end')
})

t.test('a fragment that waits does not hold on to a much larger packet', async t => {
  const packet = Buffer.from(new ArrayBuffer(4096))
  const buffer = new ReceiveBuffer()
  buffer.add(fragment(2, { data: packet.subarray(0, 4000) }))
  buffer.add(fragment(3, { data: packet.subarray(4000) }))
  buffer.add(fragment(1))
  const [, large, small] = [...taken(buffer)]
  t.equal(large!.payload.buffer, packet.buffer)
  t.not(small!.payload.buffer, packet.buffer)
})

t.test('fragments in any order, lost, repeated and given up, give messages once and in order', async t => {
  const message = fc.record({ fragments: fc.integer({ min: 1, max: 5 }), abandoned: fc.boolean() })
  holds(
    t,
    'any arrival',
    fc.property(
      fc.array(message, { minLength: 1, maxLength: 8 }),
      fc.infiniteStream(fc.nat()),
      fc.boolean(),
      (messages, dice, isNetwork) => {
        const sent = messages.flatMap(({ fragments, abandoned }, id) =>
          Array.from({ length: fragments }, (_, i) => {
            const control = fragments === 1 ? 'whole' : i === 0 ? 'begin' : i === fragments - 1 ? 'end' : 'middle'
            return { id, abandon: abandoned && i === fragments - 1, control, data: Buffer.of(id, i) } as const
          })
        )
        const order = [...sent.keys(), ...sent.keys()]
          .map(i => [dice.next().value as number, i])
          .sort(([a], [b]) => a! - b!)
        const buffer = new ReceiveBuffer({ order: isNetwork ? 'network' : 'sequence' })
        const came: FlowMessage[] = []
        for (const [, i] of order) {
          const { abandon, control, data } = sent[i!]!
          buffer.add(
            fragment(i! + 1, {
              abandon,
              fragmentControl: control,
              data: abandon ? hex`` : data,
              final: i === sent.length - 1
            })
          )
          came.push(...taken(buffer))
        }
        if (isNetwork) came.sort((a, b) => a.sequenceNumber - b.sequenceNumber)
        const whole = messages.flatMap(({ fragments, abandoned }, id) =>
          abandoned ? [] : [Buffer.concat(Array.from({ length: fragments }, (_, i) => Buffer.of(id, i)))]
        )
        t.same(
          came.map(({ payload }) => payload),
          whole
        )
        t.same([buffer.isComplete, buffer.bufferedBytes, buffer.gaps], [true, 0, 0])
      }
    )
  )
})

t.test('RTMP in flows: metadata and message header (RFC 7425, 5.1)', async t => {
  for (const [bytes, messageStreamId, receiveOrder] of [
    [hex`54430400`, 0, 'sequence'],
    [hex`54430501`, 1, 'network'],
    [hex`544304822c`, 300, 'sequence']
  ] as const) {
    t.same(readFlowMetadata(bytes), { messageStreamId, receiveOrder })
    t.same(flowMetadata({ messageStreamId, receiveOrder }), bytes)
  }
  for (const other of [hex``, hex`54`, hex`5443`, hex`544304`, hex`544304ff`, hex`54430001`, hex`54440400`])
    t.equal(readFlowMetadata(other), undefined, `${other.toString('hex')} is of another protocol`)
  const message: Message = { type: 9, messageStreamId: 1, timestamp: 0xfffffffe, payload: hex`1701` }
  t.same(writeFlowMessage(message), hex`09 fffffffe 1701`)
  t.same(readFlowMessage(hex`09 fffffffe 1701`, 1), message)
  for (let length = 0; length < 5; length++)
    t.throws(() => readFlowMessage(hex`09 fffffffe`.subarray(0, length), 1), {
      name: 'ProtocolError',
      code: 'ERR_RTMP_TRUNCATED',
      layer: 'rtmfp'
    })
})
