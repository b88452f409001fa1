import fc from 'fast-check'
import t from 'tap'
import { CongestionWindow } from '../../../lib/rtmfp/flow/congestion-window.ts'
import { Flows, type FlowsOptions } from '../../../lib/rtmfp/flow/flows.ts'
import type { ReceivingFlow, ReceivingFlowOptions } from '../../../lib/rtmfp/flow/receiving-flow.ts'
import type { SendingFlowOptions } from '../../../lib/rtmfp/flow/sending-flows.ts'
import { TimeCriticalData } from '../../../lib/rtmfp/flow/time-critical.ts'
import { Timestamps } from '../../../lib/rtmfp/session/timestamps.ts'
import type { SequenceRange } from '../../../lib/rtmfp/wire/acknowledgement.ts'
import type { RtmfpChunk } from '../../../lib/rtmfp/wire/chunk.ts'
import { flowOptions } from '../../../lib/rtmfp/wire/flow-options.ts'
import { PacketMode, writePacket } from '../../../lib/rtmfp/wire/packet.ts'
import type { UserData } from '../../../lib/rtmfp/wire/user-data.ts'

import { holds } from '../../support/property.ts'
import { chunks } from '../../support/rtmfp-chunks.ts'

const ROOM = 1140
const metadata = Buffer.from('TC')
const header = { mode: PacketMode.Initiator, timestamp: undefined, timestampEcho: undefined }

/** The flows of a session that is not there: what it would send, and what it is given. */
class Side {
  readonly timestamps = new Timestamps()
  readonly flows: Flows
  readonly said: string[] = []
  now = 0
  readonly path = { room: ROOM, certainRoom: ROOM, timestamps: this.timestamps, wake() {} }

  constructor(options: FlowsOptions = {}) {
    this.flows = new Flows(this.path, options)
  }

  open(options: Partial<SendingFlowOptions> = {}) {
    return this.flows.open({
      metadata,
      drained: () => this.said.push('drained'),
      ended: (why, code) => this.said.push(`${why}${code === undefined ? '' : ` ${code}`}`),
      ...options
    })
  }

  /** The packets that it has to send, each as a line. */
  sent(): string[] {
    const lines: string[] = []
    for (let packet = this.flows.fill(ROOM, this.now); packet; packet = this.flows.fill(ROOM, this.now)) {
      const { chunks, timeCritical, timeCriticalReverse } = packet
      const { length } = writePacket({ ...header, timeCritical, timeCriticalReverse, chunks })
      if (length > ROOM + 1) throw new Error(`a packet of ${length} bytes`)
      lines.push([...(timeCritical ? ['TC'] : []), ...chunks.map(line)].join(' | '))
      if (lines.length > 1000) throw new Error('it never stops')
    }
    return lines
  }

  take(chunks: RtmfpChunk[], flags: { timeCritical?: boolean; timeCriticalReverse?: boolean } = {}): void {
    for (const chunk of chunks) this.flows.receive(chunk, this.now)
    this.flows.received({ ...header, timeCritical: false, timeCriticalReverse: false, ...flags }, this.now)
  }

  pass(ms: number): void {
    this.now += ms
    this.flows.elapsed(this.now)
  }
}

/** `10` and `11` are User Data and Next User Data: flow, sequence number and its offset from the forward one, and what it is. */
function line(chunk: RtmfpChunk): string {
  if (chunk.kind === 'UserData' || chunk.kind === 'NextUserData') {
    const { flowId, sequenceNumber, forwardSequenceNumber, fragmentControl, abandon, final, options, data } = chunk
    const numbers = `${flowId}:${sequenceNumber}-${sequenceNumber - forwardSequenceNumber}`
    const flags = [abandon ? 'abandon' : '', final ? 'final' : '', options.length > 0 ? 'options' : ''].filter(Boolean)
    return [chunk.kind === 'UserData' ? '10' : '11', numbers, fragmentControl, data.length, ...flags].join(' ')
  }
  if (chunk.kind === 'RangeAck')
    return `ack ${chunk.flowId} ${chunk.bufferBlocksAvailable} ${chunk.cumulativeAck} ${JSON.stringify(chunk.received)}`
  if (chunk.kind === 'FlowException') return `exception ${chunk.flowId} ${chunk.exceptionCode}`
  return `${chunk.kind} ${'flowId' in chunk ? chunk.flowId : ''}`
}

const ack = (flowId: number, cumulativeAck: number, received: SequenceRange[] = [], blocks = 64): RtmfpChunk => ({
  kind: 'RangeAck',
  flowId,
  bufferBlocksAvailable: blocks,
  cumulativeAck,
  received
})

const data = (flowId: number, sequenceNumber: number, told: Partial<UserData> = {}): UserData => ({
  kind: 'UserData',
  flowId,
  sequenceNumber,
  forwardSequenceNumber: 0,
  fragmentControl: 'whole',
  abandon: false,
  final: false,
  options: flowOptions({ metadata }),
  data: Buffer.of(sequenceNumber & 0xff),
  ...told
})

t.test(
  'a message is cut to what a packet has room for; options are said until an acknowledgement (RFC 7016, 3.6.2)',
  async t => {
    const side = new Side()
    const flow = side.open()
    flow.write(Buffer.alloc(1500), side.now)
    flow.write(Buffer.alloc(0), side.now)
    flow.write(Buffer.alloc(2000), side.now)
    t.same(side.sent(), [
      '10 1:1-1 begin 1101 options',
      '10 1:2-2 end 399 options | 11 1:3-3 whole 0',
      '10 1:4-4 begin 1101 options',
      '10 1:5-5 end 899 options'
    ])
    t.equal(flow.queuedBytes, 3500)
    side.take([ack(1, 3)])
    t.same([flow.queuedBytes, flow.outstandingBytes], [2000, 2024])
    flow.write(Buffer.alloc(1100), side.now)
    flow.write(Buffer.alloc(8), side.now)
    t.same(side.sent(), ['10 1:6-3 whole 1100 | 11 1:7-4 whole 8'])
    side.take([ack(1, 3, [[5, 7]])])
    side.take([ack(1, 7)])
    t.same([flow.queuedBytes, flow.outstandingBytes], [0, 0])
  }
)

t.test('a message that goes to many is one buffer: fragments are views of it, and nothing writes into it', async t => {
  const message = Buffer.allocUnsafeSlow(5000).fill(7)
  for (let i = 0; i < 3; i++) {
    const side = new Side()
    side.open().write(message, side.now, { startWithinMs: 100 })
    const fragments = side.flows.fill(ROOM, side.now)!.chunks as UserData[]
    t.ok(fragments.every(({ data }) => data.buffer === message.buffer))
    side.sent()
    side.take([ack(1, 1)])
    side.flows.over()
  }
  t.ok(message.equals(Buffer.alloc(5000, 7)))
})

t.test('what may be late is cut to the room that there is; where that has become less, it goes alone', async t => {
  const side = new Side()
  const flow = side.open()
  side.path.room = 1400
  flow.write(Buffer.alloc(1300), side.now, { finishWithinMs: 1000 })
  flow.write(Buffer.alloc(1300), side.now)
  flow.write(Buffer.alloc(1300), side.now, { startWithinMs: 1000 })
  side.open().write(Buffer.alloc(10), side.now)
  const lengths = () => {
    const packet = side.flows.fill(ROOM, side.now)
    return packet?.chunks.map(chunk => (chunk.kind === 'UserData' ? chunk.data.length : 0))
  }
  t.same([lengths(), lengths(), lengths()], [[1300], [10, 1101], [199]], 'no other has room beside a long one')
  t.same([lengths(), lengths()], [[1300], undefined])
})

t.test(
  'what three later packets were acknowledged without is sent again (3.6.2.5); after a timeout, all is (3.6.2.6)',
  async t => {
    const side = new Side()
    const flow = side.open({ capacityBytes: 1e6 })
    for (let i = 0; i < 4; i++) flow.write(Buffer.alloc(1100), side.now)
    t.equal(side.sent().length, 4)
    side.take([ack(1, 0, [[2, 2]])])
    side.take([ack(1, 0, [[2, 3]])])
    t.same(side.sent(), [], 'missed twice')
    side.take([ack(1, 0, [[2, 4]])])
    t.same(side.sent(), ['10 1:1-1 whole 1100'])
    flow.write(Buffer.alloc(10), side.now)
    t.equal(side.sent().length, 1)
    side.take([ack(1, 0, [[2, 5]])])
    t.same(side.sent(), [], 'missed once, since it was sent again')
    const { erto } = side.timestamps
    t.equal(side.flows.nextTimeout(), erto)
    side.pass(erto)
    t.equal(side.flows.congestion.windowBytes, 1460)
    t.ok(side.timestamps.erto > erto, 'the next timeout is later')
    t.equal(flow.outstandingBytes, 0)
    t.same(side.sent(), ['10 1:1-1 whole 1100'])
    side.take([ack(1, 5)])
    t.same(side.sent(), [])
    side.pass(10_000)
    t.equal(side.flows.nextTimeout(), Number.POSITIVE_INFINITY)
  }
)

t.test('an acknowledgement of what was never sent has no effect', async t => {
  const side = new Side()
  const flow = side.open()
  for (let i = 0; i < 8; i++) flow.write(Buffer.alloc(1000), side.now)
  side.sent()
  const before = [flow.queuedBytes, flow.outstandingBytes, side.flows.congestion]
  for (const lie of [ack(1, 8), ack(1, 2 ** 53 - 1), ack(1, 0, [[2, 2 ** 52]]), ack(1, 4, [[6, 8]]), ack(9, 1)])
    side.take([lie])
  t.same([flow.queuedBytes, flow.outstandingBytes, side.flows.congestion], before)
})

t.test('a message that is late is abandoned, and those that depend on it; the receiver is told (3.6.2.7)', async t => {
  const side = new Side()
  const flow = side.open()
  flow.write(Buffer.alloc(1100), side.now, { finishWithinMs: 1000 })
  side.sent()
  flow.write(Buffer.alloc(100), side.now, { startWithinMs: 100 })
  flow.write(Buffer.alloc(101), side.now, { isDependent: true })
  flow.write(Buffer.alloc(102), side.now, {})
  flow.write(Buffer.alloc(103), side.now, { isDependent: true })
  side.pass(100)
  t.same(
    side.sent(),
    ['10 1:2-2 whole 0 abandon options | 11 1:3-3 whole 0 abandon | 11 1:4-4 whole 102 | 11 1:5-5 whole 103'],
    'behind one that may still arrive they are sent without their data'
  )
  t.equal(flow.queuedBytes, 1100 + 102 + 103, 'which is not kept')
  side.take([ack(1, 0, [[2, 5]])])
  side.pass(900)
  t.same(side.sent(), [], 'late in flight: it may have arrived')
  side.pass(3000)
  t.same(side.sent(), ['10 1:1-0 whole 0 abandon'])
  side.take([ack(1, 5)])
  t.equal(flow.queuedBytes, 0)
})

t.test('a receiver that has all but what was abandoned is told so (3.6.2.7.1)', async t => {
  const side = new Side()
  const flow = side.open()
  const first = flow.write(Buffer.alloc(1100), side.now)!
  side.sent()
  flow.write(Buffer.alloc(1100), side.now)
  side.sent()
  first.abandon()
  const third = side.open()
  third.write(Buffer.alloc(3000), side.now, { startWithinMs: 100 })
  t.same(side.sent(), ['10 2:1-1 begin 1101 options', '10 2:2-2 middle 1101 options'], 'as much as the window allows')
  side.pass(100)
  side.take([ack(2, 1)])
  t.same(side.sent(), ['10 2:3-2 end 798'], 'what was begun in time is sent to its end')
  side.take([ack(2, 3)])
  side.pass(3000)
  t.same(side.sent(), ['10 1:2-1 whole 1100 options'], 'the forward sequence number leaves the first behind')
  side.take([ack(1, 0, [[2, 2]])])
  t.same(side.sent(), ['10 1:2-0 whole 0 abandon'])
  side.take([ack(1, 0, [[2, 2]])])
  t.same(side.sent(), ['10 1:2-0 whole 0 abandon'], 'once more: the answer to the first was on its way')
  side.take([ack(1, 2)])
  t.same(side.sent(), [])
  flow.close()
  t.same(side.sent(), ['10 1:3-0 whole 0 abandon final'])
  side.take([ack(1, 3)])
  t.same(side.said, ['complete'])
  t.same(side.flows.sizes, { sending: 1, receiving: 0 })
})

t.test('a fragment that is in flight with its data is not left behind yet (3.6.2.3)', async t => {
  const side = new Side()
  const flow = side.open()
  flow.write(Buffer.alloc(10), side.now)!.abandon()
  t.same(side.sent(), ['10 1:1-0 whole 0 abandon options'])
  flow.write(Buffer.alloc(10), side.now)
  t.same(side.sent(), ['10 1:2-1 whole 10 options'])
  const other = side.open()
  const first = other.write(Buffer.alloc(10), side.now)!
  t.same(side.sent(), ['10 2:1-1 whole 10 options'])
  first.abandon()
  other.write(Buffer.alloc(10), side.now)
  t.same(side.sent(), ['10 2:2-2 whole 10 options'])
})

t.test('a flow ends with its last fragment, or one that says so (3.6.2.11)', async t => {
  const side = new Side()
  const [never, soon, later] = [side.open(), side.open(), side.open()]
  never.close()
  t.same(side.said.splice(0), ['complete'], 'nobody knows of it')
  soon.write(Buffer.alloc(10), side.now)
  soon.close()
  later.write(Buffer.alloc(20), side.now)
  t.same(side.sent(), ['10 2:1-1 whole 10 final options | 10 3:1-1 whole 20 options'])
  later.close()
  t.same(side.sent(), ['10 3:2-2 whole 0 abandon final options'])
  t.equal(later.write(Buffer.alloc(1), side.now), undefined)
  side.take([ack(2, 1), ack(3, 2)])
  t.same(side.said, ['complete', 'complete'])
})

t.test('the receiver rejects a flow: what is queued is abandoned (3.6.2.10)', async t => {
  const side = new Side()
  const flow = side.open()
  for (let i = 0; i < 10; i++) flow.write(Buffer.alloc(1000), side.now)
  t.equal(side.sent().length, 5)
  side.take([{ kind: 'FlowException', flowId: 1, exceptionCode: 7 }, ack(1, 5, [], 0)])
  t.same([side.said, flow.isOpen, flow.isWritable], [['rejected 7'], false, false])
  t.same(side.sent(), ['10 1:10-0 whole 0 abandon final'])
  side.take([{ kind: 'FlowException', flowId: 1, exceptionCode: 7 }, ack(1, 10, [], 0)])
  t.same(side.said, ['rejected 7'])
  t.equal(side.flows.sizes.sending, 0)
})

t.test('a receiver without room is asked again, after 1 s and ever later (3.6.2.9.1)', async t => {
  const side = new Side()
  const flow = side.open({ capacityBytes: 3000 })
  for (let i = 0; i < 4; i++) flow.write(Buffer.alloc(1000), side.now)
  side.sent()
  side.timestamps.erto = 250
  side.take([ack(1, 1, [], 0)])
  flow.write(Buffer.alloc(1000), side.now)
  side.take([ack(1, 4, [], 0)])
  t.same(side.sent(), [])
  t.equal(side.flows.nextTimeout(), 250, 'of what was in flight')
  side.pass(250)
  t.equal(side.flows.nextTimeout(), 1000)
  side.pass(750)
  t.same(side.sent(), ['BufferProbe 1'])
  t.equal(Math.round(side.flows.nextTimeout()), 2414)
  side.pass(1415)
  t.same(side.sent(), ['BufferProbe 1'])
  side.pass(500)
  side.take([ack(1, 4, [], 0)])
  t.equal(Math.round(side.flows.nextTimeout()), 2415 + 2000, 'an answer that there is no room changes nothing')
  side.take([ack(1, 4, [], 1)])
  t.same(side.said, ['drained'])
  t.same(side.sent(), ['10 1:5-1 whole 1000'])
  side.take([ack(1, 5, [], 0)])
  flow.write(Buffer.alloc(1), side.now)
  t.equal(side.flows.nextTimeout(), side.now + 250)
  side.pass(250)
  t.equal(side.flows.nextTimeout(), side.now + 750, 'from 1 s again')
})

t.test('flows of a higher priority go first, those of the same in turn, and a flow stops at its window', async t => {
  const side = new Side()
  const [low, high, other] = [side.open({ priority: 1 }), side.open({ priority: 5 }), side.open({ priority: 5 })]
  for (const flow of [low, high, other]) for (let i = 0; i < 2; i++) flow.write(Buffer.alloc(700), side.now)
  const lines = side.sent().map(each => each.replace(/ whole.*/, ''))
  t.same(lines, ['TC | 10 2:1-1', 'TC | 10 3:1-1', 'TC | 10 2:2-2', 'TC | 10 3:2-2', '10 1:1-1', '10 1:2-2'])
  side.take([ack(2, 2, [], 1), ack(3, 2), ack(1, 2)])
  side.take([ack(2, 1, [], 0)])
  t.equal(side.flows.nextTimeout(), 3000, 'an acknowledgement that was overtaken says nothing of the room')
  for (let i = 0; i < 50; i++) high.write(Buffer.alloc(20), side.now)
  t.equal(side.sent()[0]!.split(' | ').length, 1 + 43, '1,024 bytes of room: 27 and 24 for each that follows')
  side.take([ack(2, 45, [], 64)])
  side.sent()
  side.take([ack(2, 52, [], 1)])
  for (let i = 0; i < 3; i++) high.write(Buffer.alloc(700), side.now)
  t.equal(side.sent().length, 2, '1,024 bytes of room, reached by the second')
  t.throws(() => side.open({ priority: 8 }), RangeError)
  t.throws(() => side.open({ metadata: Buffer.alloc(513) }), RangeError)
})

t.test('a flow tells when it has room again', async t => {
  const side = new Side()
  const flow = side.open({ capacityBytes: 2000 })
  flow.write(Buffer.alloc(1000), side.now)
  t.equal(flow.isWritable, true)
  flow.write(Buffer.alloc(1000), side.now)
  t.same([flow.isWritable, side.said], [false, []])
  t.equal(side.sent().length, 2)
  t.same(
    [flow.queuedBytes, flow.isWritable, side.said],
    [2000, true, ['drained']],
    'what is in flight is not in its way'
  )
  side.take([ack(1, 2)])
  for (let i = 0; i < 8; i++) flow.write(Buffer.alloc(1000), side.now)
  t.same([side.sent().length, flow.isWritable, side.said], [5, false, ['drained']], 'the window is full')
  side.take([ack(1, 4)])
  t.same([side.sent().length, side.said], [3, ['drained', 'drained']])
  side.take([ack(1, 10)])
  t.same(side.said, ['drained', 'drained'], 'once')
  side.said.pop()
  flow.write(Buffer.alloc(2000), side.now, { startWithinMs: 500 })
  flow.write(Buffer.alloc(10), side.now + 500)
  t.same(side.said, ['drained', 'drained'], 'what is late counts no more')
  t.equal(flow.isWritable, true)
})

t.test('all flows together tell what waits for the peer, and since when it has taken nothing', async t => {
  const side = new Side()
  const [one, other] = [side.open(), side.open()]
  const owed = () => [side.flows.queuedBytes, side.flows.owedSince]
  t.same(owed(), [0, undefined])
  side.pass(1000)
  one.write(Buffer.alloc(1100), side.now)
  side.pass(100)
  other.write(Buffer.alloc(500), side.now)
  side.sent()
  t.same(owed(), [1600, 1000])
  side.pass(100)
  side.take([ack(2, 0)])
  t.same(owed(), [1600, 1000], 'an acknowledgement of nothing new is no progress')
  side.take([ack(2, 1, [], 0)])
  t.same(owed(), [1100, 1200], 'what another flow has left is owed since then')
  side.take([ack(1, 1)])
  t.same(owed(), [0, undefined])

  side.pass(800)
  other.write(Buffer.alloc(700), side.now)
  t.same(owed(), [700, 2000])
  for (let i = 0; i < 10; i++) {
    side.pass(1000)
    if (side.sent().includes('BufferProbe 2')) side.take([ack(2, 1, [], 0)])
  }
  t.same(owed(), [700, 2000], 'a receiver that has no room answers probes, and stalls')
  side.take([ack(2, 1, [], 1)])
  t.same(side.sent(), ['10 2:2-1 whole 700'])
  side.take([ack(2, 2)])
  t.same(owed(), [0, undefined])

  one.close()
  side.sent()
  side.pass(10_000)
  t.same(owed(), [0, 12_000], 'the end of a flow is waited for too')
  other.write(Buffer.alloc(700), side.now, { startWithinMs: 0 })
  side.pass(10_000)
  side.sent()
  t.same(owed(), [0, 12_000], 'what is given up holds no bytes, and is no progress')
  side.flows.over()
  t.same(owed(), [0, undefined])
})

t.test('six packets are sent at once, the rest of the window over a round trip (3.5.2.3)', async t => {
  const side = new Side()
  const flow = side.open({ capacityBytes: 1e6 })
  for (let i = 0; i < 1000; i++) flow.write(Buffer.alloc(1100), side.now)
  let next = 0
  const acknowledge = () => side.take([ack(1, next, [], 10_000)])
  /** When packets were sent, up to the acknowledgement of all of them, after 100 ms. */
  const round = (): number[] => {
    const begun = side.now
    const times = side.sent().map(() => 0)
    for (let at = side.flows.nextTimeout(); at < begun + 100; at = side.flows.nextTimeout()) {
      side.pass(at - side.now)
      times.push(...side.sent().map(() => Math.round(side.now - begun)))
    }
    side.pass(begun + 100 - side.now)
    next += times.length
    acknowledge()
    return times
  }
  const lengths = [round(), round(), round()].map(times => times.length)
  t.same(lengths, [4, 6, 6], 'no more, while the round trip is not known')
  side.timestamps.roundTrip = 100
  round()
  t.same(round(), [0, 0, 0, 0, 0, 0, 13, 26])
  for (let i = 0; i < 20; i++) round()
  t.equal(round().length, Math.ceil((side.flows.congestion.windowBytes - 1460) / 1106), 'all of the window')
  t.equal(side.sent().length, 6)
  side.pass(60)
  t.equal(side.sent().length, 7, 'a timer that is late sends no more than a burst at once')
})

t.test('the congestion window grows and is cut as in appendix A.2', async t => {
  const [fast, slow, urgent] = [
    { isTimeCritical: false, mayGrowFast: true },
    { isTimeCritical: false, mayGrowFast: false },
    { isTimeCritical: true, mayGrowFast: false }
  ]
  const told = { acknowledged: 1000, lost: 0, hasGaps: false }
  const window = new CongestionWindow()
  t.equal(window.bytes, 4380)
  window.acknowledged({ ...told, outstanding: 4000 }, fast)
  t.equal(window.bytes, 4380, 'a window that is not filled does not grow')
  window.acknowledged({ ...told, outstanding: 4400, hasGaps: true }, fast)
  t.equal(window.bytes, 4380, 'nor with gaps')
  window.acknowledged({ ...told, outstanding: 4400 }, urgent)
  t.equal(window.bytes, 4630, 'slow start beside time critical data: a quarter')
  window.acknowledged({ ...told, outstanding: 4700, acknowledged: 2000 }, fast)
  t.equal(window.bytes, 6090, 'slow start, by one segment a packet at most')
  window.acknowledged({ outstanding: 20_000, acknowledged: 1000, lost: 1000, hasGaps: true }, fast)
  t.equal(window.bytes, 4380, 'half of what was allowed, and no less than at first')
  const grown = new CongestionWindow()
  for (let i = 0; i < 20; i++) grown.acknowledged({ ...told, outstanding: 40_000, acknowledged: 1460 }, fast)
  t.equal(grown.bytes, 33_580)
  grown.acknowledged({ outstanding: 33_000, acknowledged: 1000, lost: 1000, hasGaps: true }, fast)
  grown.acknowledged({ outstanding: 31_000, acknowledged: 1000, lost: 1000, hasGaps: true }, fast)
  t.equal(grown.bytes, 16_500, 'once a round trip')
  window.acknowledged({ outstanding: 18_000, acknowledged: 1000, lost: 1000, hasGaps: true }, fast)
  window.acknowledged({ outstanding: 16_000, acknowledged: 16_000, lost: 0, hasGaps: false }, fast)
  t.equal(window.bytes, 5840, 'the next round: 48 bytes for each sixteenth of the window, by one segment at most')
  const before = window.bytes
  window.acknowledged({ ...told, outstanding: 6000, acknowledged: 365 * 2 }, slow)
  t.ok(window.bytes - before <= 72 && window.bytes > before, 'half of that beside time critical data elsewhere')
  window.timedOut(true)
  t.equal(window.bytes, 1460)
  window.timedOut(false)
  t.equal(window.bytes, 4380)

  const large = new CongestionWindow()
  while (large.bytes < 100_000)
    large.acknowledged({ outstanding: 200_000, acknowledged: 5000, lost: 0, hasGaps: false }, fast)
  const { bytes } = large
  large.acknowledged({ outstanding: 100_000, acknowledged: 0, lost: 1000, hasGaps: true }, fast)
  t.equal(large.bytes, (Math.min(bytes, 100_000) * 7) / 8, 'an eighth on a fast path')
})

t.test('time critical data slows other sessions, whose peers are told (3.5.2.1)', async t => {
  const timeCritical = new TimeCriticalData()
  const [one, other] = [{}, {}]
  t.equal(timeCritical.isSent(1000), false)
  timeCritical.sent(1000)
  t.same([timeCritical.isSent(1799), timeCritical.isSent(1800)], [true, false])
  timeCritical.received(one, 1900)
  timeCritical.received(one, 2000)
  t.same([timeCritical.isReceivedBeside(one, 2100), timeCritical.isReceivedBeside(other, 2100)], [false, true])
  timeCritical.received(other, 2500)
  t.same([timeCritical.isReceivedBeside(one, 2900), timeCritical.isReceivedBeside(other, 2700)], [true, true])
  t.equal(timeCritical.isReceivedBeside(other, 2900), false)

  const grown = (flags: { timeCriticalReverse: boolean }): number => {
    const side = new Side()
    const flow = side.open()
    for (let i = 0; i < 10; i++) flow.write(Buffer.alloc(1100), side.now)
    side.sent()
    side.take([ack(1, 1)], flags)
    return side.flows.congestion.windowBytes
  }
  t.ok(grown({ timeCriticalReverse: false }) > 4380 + 1000)
  t.ok(grown({ timeCriticalReverse: true }) < 4380 + 200)
})

/** A side that reads nothing by itself, and its receiving flows. */
function receiver(options: ReceivingFlowOptions & FlowsOptions = {}): Side & { readonly received: ReceivingFlow[] } {
  const received: ReceivingFlow[] = []
  const accept = () => ({
    ...options,
    readable: (flow: ReceivingFlow) => {
      if (!received.includes(flow)) received.push(flow)
    },
    ended: (_: ReceivingFlow, isComplete: boolean) => side.said.push(isComplete ? 'complete' : 'incomplete')
  })
  const side = Object.assign(new Side({ accept, ...options }), { received })
  return side
}

const texts = (flow: ReceivingFlow | undefined): string[] => {
  const found: string[] = []
  for (let message = flow?.read(); message; message = flow?.read()) found.push(message.payload.toString('hex'))
  return found
}

t.test('a new flow is acknowledged at once, every second packet, any other after 200 ms (3.6.3.4.4)', async t => {
  const side = receiver({ windowBytes: 2048 })
  side.take([data(7, 1)])
  t.same(side.sent(), ['ack 7 2 1 []'])
  side.take([data(7, 2)])
  t.same(side.sent(), [])
  t.equal(side.flows.nextTimeout(), 200)
  side.pass(199)
  t.same(side.sent(), [])
  side.pass(1)
  t.same(side.sent(), ['ack 7 2 2 []'])
  side.take([data(7, 3), data(7, 4)])
  t.same(side.sent(), [], 'two fragments of one packet')
  side.take([data(7, 5)])
  t.same(side.sent(), ['ack 7 2 5 []'])
  side.take([data(7, 6)])
  const flow = side.open()
  flow.write(Buffer.alloc(3), side.now)
  t.same(side.sent(), ['10 1:1-1 whole 3 options | ack 7 2 6 []'], 'data takes it along')
  t.same(texts(side.received[0]), ['01', '02', '03', '04', '05', '06'])
  t.ok(side.flows.nextTimeout() > side.now + 200)
})

t.test('gaps, repetitions, abandoned and last fragments and probes are answered at once (3.6.3.4.5)', async t => {
  const side = receiver()
  side.take([data(7, 1)])
  side.sent()
  side.take([data(7, 3)])
  t.same(side.sent(), ['ack 7 1024 1 [[3,3]]'], 'a gap')
  side.take([data(7, 2)])
  t.same(side.sent(), ['ack 7 1024 3 []'], 'that is filled')
  side.take([data(7, 2)])
  t.same(side.sent(), ['ack 7 1024 3 []'], 'again')
  side.take([data(7, 4, { abandon: true, forwardSequenceNumber: 4 })])
  t.same(side.sent(), ['ack 7 1024 4 []'])
  side.take([{ kind: 'BufferProbe', flowId: 7 }])
  t.same(side.sent(), ['ack 7 1024 4 []'])
  side.take([data(7, 5, { final: true })])
  t.same(side.sent(), ['ack 7 1024 5 []'])
  t.same(side.said, [])
  t.same(texts(side.received[0]), ['01', '02', '03', '05'])
  t.same(side.said, ['complete'])
  t.equal(side.flows.sizes.receiving, 1)
  side.take([data(7, 5, { final: true })])
  t.same(side.sent(), ['ack 7 1024 5 []'], 'it lingers')
  side.pass(120_000)
  t.equal(side.flows.sizes.receiving, 0)
  t.equal(side.flows.nextTimeout(), Number.POSITIVE_INFINITY)
})

t.test('the window is what the application has not read; reading opens it at once (3.6.3.5)', async t => {
  const side = receiver({ windowBytes: 3000 })
  side.take([data(7, 1, { data: Buffer.alloc(1000) })])
  t.same(side.sent(), ['ack 7 2 1 []'])
  side.take([data(7, 2, { data: Buffer.alloc(2000) })])
  side.pass(200)
  t.same(side.sent(), ['ack 7 0 2 []'])
  side.take([{ kind: 'BufferProbe', flowId: 7 }])
  t.same(side.sent(), ['ack 7 0 2 []'])
  t.equal(side.received[0]!.read()?.payload.length, 1000)
  t.same(side.sent(), ['ack 7 1 2 []'])
  t.equal(side.received[0]!.read()?.payload.length, 2000)
  t.same(side.sent(), ['ack 7 3 2 []'])
  side.take([data(7, 3, { fragmentControl: 'begin', data: Buffer.alloc(5000) })])
  side.pass(200)
  t.same(side.sent(), ['ack 7 1 3 []'], 'a message that is larger than the window goes on')
  side.take([data(7, 4, { fragmentControl: 'end', final: true })])
  t.same(side.sent(), ['ack 7 0 4 []'])
  side.pass(130_000)
  t.equal(side.flows.sizes.receiving, 1, 'what was not read is kept')
  side.flows.over()
  t.same(side.said, [])
  t.equal(side.received[0]!.read()?.payload.length, 5001)
  t.same(side.said, ['complete'])
})

t.test('all flows together tell what they hold, until it is read or given up', async t => {
  const side = receiver({ limits: { messageBytes: 3000 } })
  side.take([data(7, 1, { data: Buffer.alloc(1000) }), data(8, 2, { data: Buffer.alloc(500) })])
  t.equal(side.flows.heldBytes, 1000 + 128 + 500 + 128)
  side.received[0]!.read()
  t.equal(side.flows.heldBytes, 500 + 128)
  side.take([data(8, 1, { fragmentControl: 'begin' }), data(8, 3, { abandon: true, forwardSequenceNumber: 3 })])
  t.equal(side.flows.heldBytes, 500 + 128, 'the message that was begun will not end')
  side.take([data(9, 1, { fragmentControl: 'begin', data: Buffer.alloc(3000) })])
  side.take([data(9, 2, { fragmentControl: 'middle', data: Buffer.alloc(1) })])
  t.equal(side.flows.heldBytes, 500 + 128, 'a flow whose message is too long is rejected')
  side.take([data(7, 2, { fragmentControl: 'begin' }), data(7, 4)])
  t.equal(side.flows.heldBytes, 500 + 128 + 2 * 129)
  side.flows.over()
  t.equal(side.flows.heldBytes, 500 + 128, 'what can still be read')
  side.received[1]!.read()
  t.equal(side.flows.heldBytes, 0)
})

t.test('where the last acknowledgement left little room, each packet has one', async t => {
  const side = receiver({ windowBytes: 2048 })
  const part = { fragmentControl: 'middle', data: Buffer.alloc(600) } as const
  side.take([data(7, 1, { ...part, fragmentControl: 'begin' })])
  side.sent()
  side.take([data(7, 2, part)])
  side.take([data(7, 3, part)])
  t.same(side.sent(), ['ack 7 1 3 []'])
  side.take([data(7, 4, part)])
  t.same(side.sent(), ['ack 7 1 4 []'])
})

t.test('an acknowledgement that has no room behind another is in the next packet, whole', async t => {
  const side = receiver()
  for (let i = 1; i < 300; i++) side.take([data(7, 3 * i), data(8, 3 * i)])
  const told = side.sent()
  t.same(
    told.map(each => [each.slice(0, 5), each.split('],[').length]),
    [
      ['ack 7', 299],
      ['ack 8', 299]
    ]
  )
})

t.test('a peer is told of time critical data that another session receives', async t => {
  const timeCritical = new TimeCriticalData()
  const [one, other] = [receiver({ timeCritical }), receiver({ timeCritical })]
  one.take([data(7, 1)], { timeCritical: true })
  other.take([data(7, 1)])
  t.equal(one.flows.fill(ROOM, 0)?.timeCriticalReverse, false)
  t.equal(other.flows.fill(ROOM, 0)?.timeCriticalReverse, true)
})

t.test('a rejected flow is acknowledged, behind its exception each time (3.6.3.7)', async t => {
  const nobody = new Side({ accept: () => undefined })
  nobody.take([data(7, 1), data(8, 1)])
  t.same(nobody.sent(), ['exception 7 0 | ack 7 1024 1 [] | exception 8 0 | ack 8 1024 1 []'])
  nobody.take([data(7, 2)])
  t.same(nobody.sent(), ['exception 7 0 | ack 7 1024 2 []'], 'at once')
  nobody.take([data(7, 3, { abandon: true, final: true })])
  t.same(nobody.sent(), ['exception 7 0 | ack 7 1024 3 []'])
  for (let i = 1; i < 1000; i++) nobody.take([data(8, 3 * i)])
  t.equal(nobody.sent().length, 1, 'with as many gaps as have room')
  const side = receiver()
  side.take([data(7, 1)])
  side.sent()
  side.received[0]!.reject(42)
  t.same(side.sent(), ['exception 7 42 | ack 7 1024 1 []'])
  t.same([side.received[0]!.read(), side.said], [undefined, []])
  const long = receiver({ limits: { messageBytes: 10 } })
  long.take([data(7, 1, { data: Buffer.alloc(11) })])
  t.same(long.sent(), ['exception 7 0 | ack 7 1024 1 []'])
  t.same(long.said, ['incomplete'])
})

t.test('what opens no flow is refused without state, and the sender comes to its end', async t => {
  const side = receiver()
  side.take([
    data(7, 1, { options: [] }),
    data(8, 3, { options: flowOptions({ metadata, returnFlowId: 5 }) }),
    data(9, 9, { options: [{ type: 4, value: Buffer.alloc(0) }], forwardSequenceNumber: 9, abandon: true })
  ])
  t.same(side.sent(), [
    'exception 7 0 | ack 7 0 1 [] | exception 8 0 | ack 8 0 0 [[3,3]] | exception 9 0 | ack 9 0 9 []'
  ])
  side.take([data(10, 1, { options: [...flowOptions({ metadata }), { type: 4, value: Buffer.alloc(0) }] })])
  t.same(side.sent(), ['exception 10 0 | ack 10 0 1 []'], 'an option that it does not know')
  t.equal(side.flows.sizes.receiving, 0)
  for (let id = 1; id <= 1000; id++) side.take([data(id, 1, { options: [] })])
  t.equal(side.sent().join(' | ').split(' | ').length, 2 * 64, 'no more answers than so many wait')
})

t.test('a flow answers one of this side, as long as that is open', async t => {
  const asked: unknown[] = []
  const side: Side = new Side({
    accept: ({ returnOf }) => {
      asked.push(returnOf)
      return {}
    }
  })
  const flow = side.open()
  side.take([data(7, 1, { options: flowOptions({ metadata, returnFlowId: flow.id }) })])
  t.same(asked, [flow])
  t.same(side.sent(), ['ack 7 1024 1 []'])
  flow.write(Buffer.alloc(1), side.now)
  flow.close()
  side.take([data(8, 1, { options: flowOptions({ metadata, returnFlowId: flow.id }) })])
  t.match(side.sent()[0], /^exception 8 0 /)
  t.equal(asked.length, 1)
})

t.test('10^5 flows cost no more than those that are allowed; a complete one is forgotten for a new one', async t => {
  const side = receiver({ limits: { rtmfpFlows: 10 } })
  for (let id = 1; id <= 100_000; id++) {
    side.take([data(id, 1)])
    if (id % 1000 === 0) side.sent()
  }
  t.equal(side.flows.sizes.receiving, 10)
  side.take([data(5, 2, { final: true })])
  t.same(texts(side.received[4]), ['01', '02'])
  side.sent()
  side.take([data(200_000, 1)])
  t.same([side.flows.sizes.receiving, side.received.length], [10, 11])
})

t.test('gaps of 2^40 cost one range each, and no more are told than a packet has room for', async t => {
  const side = receiver()
  for (let i = 1; i <= 5000; i++) side.take([data(7, 2 ** 40 * i)])
  const told = side.sent()
  t.equal(told.length, 1)
  t.match(told[0], /^ack 7 1023 0 \[\[1099511627776,1099511627776\],\[2199023255552,2199023255552\]/)
  t.equal(side.received.length, 0)
})

t.test('all flows of a session together hold a bounded number of bytes, and still come to their ends', async t => {
  const limits = { rtmfpSessionBytes: 100_000, rtmfpFlows: 50 }
  const side = receiver({ limits })
  const next = Array.from({ length: 50 }, () => 1)
  const held = () => side.received.length
  for (let round = 0; round < 40; round++) {
    for (let id = 0; id < 50; id++) {
      const fragmentControl = next[id] === 1 ? 'begin' : next[id] === 20 ? 'end' : 'middle'
      if (next[id]! > 20) continue
      side.take([data(id, next[id]!, { fragmentControl, data: Buffer.alloc(1000) })])
      const [line] = side.sent().filter(each => each.includes(`ack ${id} `))
      if (line?.includes(`ack ${id} `) && new RegExp(`ack ${id} \\d+ ${next[id]} `).test(line)) next[id]!++
    }
  }
  t.ok(
    next.some(each => each > 20),
    'some message is whole'
  )
  t.ok(next.reduce((sum, each) => sum + each - 1, 0) <= 120, 'no more than 100 kB and a message')
  t.ok(held() >= 1)

  const full = receiver({ limits: { rtmfpSessionBytes: 1000 } })
  const part = { fragmentControl: 'middle', data: Buffer.alloc(500) } as const
  for (const number of [1, 2, 4])
    full.take([data(1, number, { ...part, ...(number === 1 && { fragmentControl: 'begin' }) })])
  t.same(full.sent(), ['ack 1 1 2 []'], 'not what would leave a gap')
  full.take([data(1, 3, { ...part, fragmentControl: 'end' })])
  t.equal(full.received[0]?.read()?.payload.length, 1500)
})

t.test('whatever a peer says, and whenever, flows stay within their bounds and can be ended', async t => {
  const id = fc.integer({ min: 1, max: 6 })
  const number = fc.oneof(fc.integer({ min: 0, max: 40 }), fc.maxSafeNat())
  const said = fc.oneof(
    chunks,
    fc
      .record({ flowId: id, sequenceNumber: number, told: fc.record({ final: fc.boolean(), abandon: fc.boolean() }) })
      .chain(({ flowId, sequenceNumber, told }) =>
        fc.constantFrom('whole' as const, 'begin' as const, 'middle' as const, 'end' as const).map(fragmentControl => ({
          ...data(flowId, sequenceNumber, { ...told, fragmentControl, data: Buffer.alloc(100) }),
          forwardSequenceNumber: Math.max(0, sequenceNumber - 5)
        }))
      ),
    fc
      .tuple(id, number, fc.integer({ min: 0, max: 9 }), fc.boolean())
      .map(([flowId, cumulative, blocks, hasGap]) =>
        ack(flowId, cumulative, hasGap ? [[cumulative + 2, cumulative + 3]] : [], blocks)
      ),
    id.map((flowId): RtmfpChunk => ({ kind: 'FlowException', flowId, exceptionCode: 1 }))
  )
  const steps = fc.array(
    fc.oneof(
      { weight: 4, arbitrary: fc.array(said, { maxLength: 5 }).map(chunks => (side: Side) => side.take(chunks)) },
      { weight: 2, arbitrary: fc.constant((side: Side) => void side.sent()) },
      { weight: 1, arbitrary: fc.integer({ min: 0, max: 5000 }).map(ms => (side: Side) => side.pass(ms)) }
    ),
    { maxLength: 60 }
  )
  const writes = fc.array(
    fc.tuple(id, fc.nat({ max: 5000 }), fc.option(fc.nat({ max: 2000 }), { nil: 1e9 }), fc.boolean()),
    {
      maxLength: 20
    }
  )
  holds(
    t,
    'any chunks',
    fc.property(writes, steps, (writes, steps) => {
      const side = receiver({ limits: { rtmfpFlows: 4, rtmfpGaps: 3, rtmfpSessionBytes: 2000, messageBytes: 1000 } })
      const flows = Array.from({ length: 6 }, () => side.open())
      for (const [i, step] of steps.entries()) {
        const [flowId, length, finishWithinMs, isClose] = writes[i] ?? []
        if (flowId !== undefined) {
          const flow = flows[flowId - 1]!
          flow.write(Buffer.alloc(length!), side.now, { finishWithinMs: finishWithinMs! })
          if (isClose) flow.close()
        }
        step(side)
        const outstanding = flows.reduce((sum, flow) => sum + flow.outstandingBytes, 0)
        if (outstanding !== side.flows.congestion.bytesInFlight)
          throw new Error('in flight of flows and session differ')
        if (flows.some(({ queuedBytes }) => queuedBytes < 0)) throw new Error('less than nothing is queued')
        const queued = flows.reduce((sum, flow) => sum + flow.queuedBytes, 0)
        if (queued !== side.flows.queuedBytes) throw new Error('queued of flows and session differ')
        if (queued > 0 && side.flows.owedSince === undefined) throw new Error('what is queued is not owed')
        if (side.flows.sizes.receiving > 4) throw new Error('too many flows')
        const held = side.received.reduce((sum, flow) => sum + flow.bufferedBytes, 0)
        if (held > 2000 + 1100) throw new Error(`${held} bytes are held`)
        if (held > side.flows.heldBytes) throw new Error('flows hold more than the session knows of')
        if (side.flows.nextTimeout() <= side.now - 5001) throw new Error('a timeout is not looked at')
      }
      side.flows.over()
      for (const flow of side.received) while (flow.read() !== undefined);
      if (side.flows.queuedBytes !== 0 || side.flows.heldBytes !== 0 || side.flows.owedSince !== undefined)
        throw new Error('something is counted that is not there')
      if (side.flows.sizes.sending > 0 || side.flows.nextTimeout() !== Number.POSITIVE_INFINITY) throw new Error('left')
    }),
    { numRuns: 300 }
  )
})
