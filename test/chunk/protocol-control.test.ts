import {
  abortMessage,
  acknowledgement,
  isProtocolControlType,
  type Message,
  type ProtocolControl,
  readProtocolControl,
  setChunkSize,
  setPeerBandwidth,
  windowAcknowledgementSize
} from 'rtmpipe'
import t from 'tap'
import { AcknowledgementWindow } from '../../lib/chunk/acknowledgement-window.ts'
import { hex } from '../support/hex.ts'

const messages: [Message, number, Buffer, ProtocolControl][] = [
  [setChunkSize(4096), 1, hex`00001000`, { kind: 'SetChunkSize', chunkSize: 4096 }],
  [abortMessage(5), 2, hex`00000005`, { kind: 'Abort', chunkStreamId: 5 }],
  [acknowledgement(0xffffffff), 3, hex`ffffffff`, { kind: 'Acknowledgement', sequenceNumber: 0xffffffff }],
  [windowAcknowledgementSize(2500000), 5, hex`002625a0`, { kind: 'WindowAcknowledgementSize', windowSize: 2500000 }],
  [
    setPeerBandwidth(2500000, 'hard'),
    6,
    hex`002625a0 00`,
    { kind: 'SetPeerBandwidth', windowSize: 2500000, limitType: 'hard' }
  ],
  [
    setPeerBandwidth(2500000, 'soft'),
    6,
    hex`002625a0 01`,
    { kind: 'SetPeerBandwidth', windowSize: 2500000, limitType: 'soft' }
  ],
  [
    setPeerBandwidth(2500000),
    6,
    hex`002625a0 02`,
    { kind: 'SetPeerBandwidth', windowSize: 2500000, limitType: 'dynamic' }
  ]
]

for (const [message, type, payload, control] of messages) {
  t.test(JSON.stringify(control), async t => {
    t.same(message, { type, messageStreamId: 0, chunkStreamId: 2, timestamp: 0, payload }, 'is written')
    t.same(readProtocolControl(type, payload), control, 'is read')
    t.throws(
      () => readProtocolControl(type, payload.subarray(1)),
      { code: 'ERR_RTMP_CONTROL_LENGTH', layer: 'chunk' },
      'is never short'
    )
    t.same(readProtocolControl(type, hex`${payload} ff`), control, 'may have more behind it')
  })
}

t.test('types 1, 2, 3, 5 and 6 belong to one hop', async t => {
  t.same(Array.from({ length: 256 }, (_, type) => type).filter(isProtocolControlType), [1, 2, 3, 5, 6])
})

t.test('a limit type that is none is dynamic', async t => {
  t.match(readProtocolControl(6, hex`00001000 07`), { limitType: 'dynamic' })
})

t.test('a chunk size that cannot be', async t => {
  for (const size of [1, 0xffffff]) t.doesNotThrow(() => setChunkSize(size), `${size}`)
  for (const size of [0, -1, 0x1000000, Number.NaN]) t.throws(() => setChunkSize(size), RangeError, `${size}`)
})

const received = (window: AcknowledgementWindow, byteLength: number) => {
  window.receive(byteLength)
  return window.acknowledge()
}
const numbers = (answers: (Message | undefined)[]) =>
  answers.map(answer => answer && readProtocolControl(answer.type, answer.payload))

t.test('received bytes are acknowledged whenever they cross the window', async t => {
  const window = new AcknowledgementWindow()
  t.same(
    numbers([
      received(window, 2_499_999),
      received(window, 1),
      received(window, 2_499_999),
      received(window, 3_000_000)
    ]),
    [
      undefined,
      { kind: 'Acknowledgement', sequenceNumber: 2_503_073 },
      undefined,
      { kind: 'Acknowledgement', sequenceNumber: 8_003_072 }
    ]
  )
})

t.test('the peer says the window; below 4096 it is 4096', async t => {
  const window = new AcknowledgementWindow()
  window.heed({ kind: 'WindowAcknowledgementSize', windowSize: 10_000 })
  t.equal(received(window, 9_999), undefined)
  t.ok(received(window, 1))
  window.heed({ kind: 'WindowAcknowledgementSize', windowSize: 1 })
  t.equal(received(window, 4_095), undefined)
  t.ok(received(window, 1))
  for (const windowSize of [0, -1, Number.NaN]) t.throws(() => new AcknowledgementWindow({ windowSize }), RangeError)
})

t.test('the sequence number goes past 2^32', async t => {
  const window = new AcknowledgementWindow({ received: 2 ** 32 - 1000, windowSize: 5000 })
  t.same(numbers([received(window, 4999), received(window, 1)]), [
    undefined,
    { kind: 'Acknowledgement', sequenceNumber: 4000 }
  ])
  let last = 0
  for (let bytes = 0; bytes < 5 * 2 ** 30; bytes += 65536) {
    const [answer] = numbers([received(window, 65536)])
    if (answer?.kind !== 'Acknowledgement') return t.fail('each read crosses this window')
    last = answer.sequenceNumber
  }
  t.equal(last, (4000 + 5 * 2 ** 30) % 2 ** 32, '5 GiB on')
})

t.test('Set Peer Bandwidth is answered where it changes our window', async t => {
  const window = new AcknowledgementWindow()
  const limit = (windowSize: number, limitType: 'hard' | 'soft' | 'dynamic') => {
    window.heed({ kind: 'SetPeerBandwidth', windowSize, limitType })
    return numbers([window.answer()])[0]
  }
  t.same(limit(5_000_000, 'dynamic'), { kind: 'WindowAcknowledgementSize', windowSize: 5_000_000 })
  t.equal(limit(5_000_000, 'hard'), undefined, 'the same again')
  t.equal(limit(6_000_000, 'soft'), undefined, 'soft: never more than there is')
  t.same(limit(4_000_000, 'soft'), { kind: 'WindowAcknowledgementSize', windowSize: 4_000_000 })
  t.same(limit(6_000_000, 'hard'), { kind: 'WindowAcknowledgementSize', windowSize: 6_000_000 })
  for (const windowSize of [7_000_000, 8_000_000])
    window.heed({ kind: 'SetPeerBandwidth', windowSize, limitType: 'hard' })
  t.same(numbers([window.answer()]), [{ kind: 'WindowAcknowledgementSize', windowSize: 8_000_000 }], 'the last one')
  t.equal(window.answer(), undefined, 'once')
})
