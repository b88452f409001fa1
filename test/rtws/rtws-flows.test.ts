import { createHash } from 'node:crypto'
import fc from 'fast-check'
import { RtmpError } from 'rtmpipe'
import t from 'tap'
import { readFlowMessage } from '../../lib/rtmfp/flow-mapping/flow-message.ts'
import type { RtwsReceivingFlow } from '../../lib/rtws/receiving-flow.ts'
import { RtwsFlows, type RtwsFlowsOptions } from '../../lib/rtws/rtws-flows.ts'
import { rtwsMessage } from '../../lib/rtws/rtws-message.ts'
import type { RtwsSendingFlow } from '../../lib/rtws/sending-flow.ts'
import { hex } from '../support/hex.ts'
import { holds } from '../support/property.ts'
import { readRtwsCapture } from '../support/rtws-captures.ts'
import { rtwsMessages } from '../support/rtws-messages.ts'

const TC = Buffer.from('TC')

/** One end, which takes any flow, or only so many. */
class Peer {
  readonly flows: RtwsFlows
  readonly received: RtwsReceivingFlow[] = []
  readonly events: string[] = []

  constructor(options: RtwsFlowsOptions = {}) {
    this.flows = new RtwsFlows({
      accept: ({ metadata, returnOf }) => {
        this.events.push(`opened ${metadata} for ${returnOf?.id}`)
        return {
          readable: flow => {
            if (!this.received.includes(flow)) this.received.push(flow)
          },
          ended: (flow, isComplete) => this.events.push(`${flow.id} ended ${isComplete}`)
        }
      },
      ...options
    })
  }

  /** What it says now, as hex. */
  says(now = 0): string[] {
    const said: string[] = []
    for (let bytes = this.flows.output(now); bytes !== undefined; bytes = this.flows.output(now))
      said.push(bytes.toString('hex'))
    return said
  }

  hears(...messages: readonly (string | Buffer)[]): void {
    for (const message of messages)
      this.flows.input(typeof message === 'string' ? Buffer.from(message.replace(/ /g, ''), 'hex') : message, 0)
  }

  /** What can be read of all flows. */
  read(): string[] {
    const read: string[] = []
    for (const flow of this.received)
      for (let message = flow.read(); message !== undefined; message = flow.read())
        read.push(`${flow.id}: ${message.payload.length < 20 ? message.payload : message.payload.length}`)
    return read
  }

  open(metadata = TC, options: Partial<Parameters<RtwsFlows['open']>[0]> = {}): RtwsSendingFlow {
    return this.flows.open({
      metadata,
      ended: (why, code) => this.events.push(code === undefined ? why : `${why} ${code}`),
      drained: () => this.events.push('drained'),
      ...options
    })
  }
}

/** Hands on what both say until neither says anything. */
function exchange(near: Peer, far: Peer, now = 0): void {
  for (let isQuiet = false; !isQuiet; ) {
    isQuiet = true
    for (const [from, to] of [
      [near, far],
      [far, near]
    ] as const)
      for (let bytes = from.flows.output(now); bytes !== undefined; bytes = from.flows.output(now)) {
        to.flows.input(bytes, now)
        isQuiet = false
      }
  }
}

const wrong = (detail: RegExp) => ({ name: 'ProtocolError', layer: 'rtws', code: 'ERR_RTMP_RTWS', message: detail })

t.test('a flow is opened with its first message, acknowledged, answered by another, and closed', async t => {
  const [near, far] = [new Peer(), new Peer()]
  const flow = near.open()
  t.same(near.says(), [], 'nothing is said of a flow without a message')
  flow.write(Buffer.from('one'), 0)
  t.same(near.says(), ['10005443', '1d006f6e65'])
  far.hears('10 00 5443', '1d 00 6f6e65')
  t.same(far.read(), ['0: one'])
  t.same(far.says(), ['5a0005c08000'], 'at once, as the flow is new: 5 bytes, with room for 1 MiB')
  const answer = far.open(Buffer.from('RE'), { returnOf: far.received[0]! })
  answer.write(Buffer.from('two'), 0)
  t.same(far.says(), ['3000005245', '1d0074776f'])
  near.hears('5a 00 05 c08000', '30 00 00 5245', '1d 00 74776f')
  t.same(near.read(), ['0: two'])
  t.same(near.says(), ['5a0005c08000'])
  far.hears('5a 00 05 c08000')
  t.same([near.events, far.events], [['opened RE for 0'], ['opened TC for undefined']])
  flow.close()
  t.equal(flow.write(Buffer.from('more'), 0), undefined)
  t.same(near.says(), ['1c00'])
  far.hears('1c 00')
  t.same(far.says(), ['5a0000c08000', '5c00'])
  near.hears('5a 00 00 c08000', '5c 00')
  t.same([near.events.at(-1), far.events.at(-1)], ['complete', '0 ended true'])
  t.same(
    [near.flows.sizes, far.flows.sizes],
    [
      { sending: 0, receiving: 1 },
      { sending: 1, receiving: 0 }
    ]
  )
  t.equal(near.open().id, 0, 'the number is free again')
  near.open().close()
  t.same(near.says(), [], 'a flow that nothing was written to is not heard of')
})

t.test('data is acknowledged within 250 ms, after the ack window, or after half of what was advertised', async t => {
  const peer = new Peer()
  peer.hears('10 00 5443', '10 01 5443')
  peer.says()
  const fragment = (id: number, length: number) => Buffer.concat([Buffer.of(0x3d, id), Buffer.alloc(length - 2)])
  peer.flows.input(fragment(0, 1000), 1000)
  peer.flows.input(fragment(1, 1000), 1100)
  t.same([peer.says(1100), peer.flows.nextTimeout()], [[], 1250])
  peer.flows.elapsed(1249)
  t.same(peer.says(1249), [])
  peer.flows.elapsed(1250)
  t.same(peer.says(1250), ['5a008768c08000', '5a018768c08000'], 'all that are owed, together')
  t.equal(peer.flows.nextTimeout(), Number.POSITIVE_INFINITY)
  peer.hears(fragment(0, 798))
  t.same(peer.says(), [])
  peer.hears(fragment(1, 2))
  t.same(peer.says(), ['5a00861ec08000', '5a0102c08000'], '2800 in all')
  peer.hears('0a c0 80 80 00')
  for (let i = 0; i < 17; i++) peer.hears(fragment(0, 30_000))
  t.same(peer.says(), [], 'the peer asked for more')
  peer.hears(fragment(0, 30_000))
  t.same(peer.says(), ['5a00a0fa60c08000'], 'half of 1 MiB')
})

t.test(
  'a message is cut into fragments of 1400 bytes; those of a higher priority go first, equal ones in turn',
  async t => {
    const [near, far] = [new Peer(), new Peer()]
    const [audio, video, other] = [near.open(TC, { priority: 5 }), near.open(), near.open()]
    for (const [flow, length] of [
      [video, 2801],
      [other, 1400],
      [audio, 10]
    ] as const)
      flow.write(Buffer.alloc(length), 0)
    const said = near.says()
    t.same(
      said.map(message => `${message.slice(0, 4)} ${message.length / 2}`),
      ['1000 4', '1d00 12', '1001 4', '1002 4', '3d01 1402', '1d02 1402', '3d01 1402', '1d01 3']
    )
    far.hears(...said)
    t.same(
      far.read().sort(),
      ['0: 10', '1: 2801', '2: 1400'].map(line => line.replace('0: 10', `0: ${Buffer.alloc(10)}`))
    )
  }
)

t.test('no more is outstanding than the path carries: what waits may be late, and is abandoned', async t => {
  const [near, far] = [new Peer(), new Peer()]
  const [video, control] = [near.open(), near.open(TC, { priority: 5 })]
  exchange(near, far)
  const late = { startWithinMs: 100, finishWithinMs: 200 }
  for (let i = 0; i < 100; i++) video.write(Buffer.alloc(1000, i), 0, { ...late, isDependent: i % 10 > 0 })
  control.write(Buffer.from('!'), 0)
  const sent = near.says(50)
  t.match(near.flows.outstanding, { windowBytes: 65_536, bytes: 3 + 65 * 1002 + 408 })
  t.match([video.queuedBytes, video.isWritable, near.flows.owedSince], [34_594, true, 0])
  control.write(Buffer.from('?'), 150)
  t.same(near.says(150), [], 'not even what is urgent, while nothing is acknowledged')
  far.hears(...sent)
  t.same(far.read().length, 1 + 65)
  near.hears(...far.says())
  t.same(near.says(250), ['1d013f', '1a0022'], 'one that was begun, and 34 more')
  far.hears('1d 01 3f', '1a 00 22')
  t.same(far.read(), ['1: ?'])
  t.match(far.flows, { heldBytes: 0 })
  exchange(near, far, 300)
  t.match([video.queuedBytes, near.flows.owedSince, near.flows.queuedBytes], [0, undefined, 0])
  t.match(near.flows.outstanding, { bytes: 0 })
  t.same(near.events.splice(0), ['drained'])
  video.write(Buffer.alloc(70_000), 300, late)
  t.equal(video.isWritable, false)
  exchange(near, far, 300)
  t.same(near.events, ['drained'])
  video.write(Buffer.alloc(10), 300)
  video.write(Buffer.alloc(10), 350)
  t.same([near.says(360).length, near.flows.owedSince], [2, 300])
  near.flows.input(hex`5a 00 0c c08000`, 400)
  t.equal(near.flows.owedSince, 400, 'one has come, one has not')
})

t.test('what is outstanding grows to what the path carries in its shortest round trip and 50 ms', async t => {
  const [near, far] = [new Peer(), new Peer()]
  const flow = near.open()
  const windows: number[] = []
  let now = 0
  for (let round = 0; round < 6; round++) {
    flow.write(Buffer.alloc(1_000_000), now)
    const sent = near.says(now)
    now += 100
    for (const message of sent) {
      far.flows.input(Buffer.from(message, 'hex'), now)
      far.read()
    }
    for (const answer of far.says(now)) near.flows.input(Buffer.from(answer, 'hex'), now)
    windows.push(Math.round(near.flows.outstanding.windowBytes / 1000))
  }
  t.same(windows, [98, 149, 225, 339, 509, 765])

  const slow = new Peer()
  const other = new Peer()
  const little = slow.open()
  for (let at = 0; at < 1000; at += 100) {
    little.write(Buffer.alloc(20_000), at)
    exchange(slow, other, at)
    other.read()
  }
  t.match(slow.flows.outstanding, { windowBytes: 65_536 }, 'an application that sends little proves nothing')
  little.write(Buffer.alloc(1000), 1000)
  little.close()
  slow.says(1000)
  slow.hears('5c 00')
  t.match(slow.flows.outstanding, { bytes: 0 }, 'what was not acknowledged does not count for ever')
})

t.test('a receiver that does not read holds its sender up, and what is read makes room again', async t => {
  const [near, far] = [new Peer(), new Peer()]
  const flow = near.open()
  for (let i = 0; i < 300; i++) flow.write(Buffer.alloc(10_000), 0)
  exchange(near, far)
  const unread = far.flows.heldBytes
  t.ok(unread > 1_000_000 && unread < 1_100_000, `${unread}`)
  t.ok(flow.queuedBytes > 1_900_000)
  const [queue] = far.received
  for (let i = 0; i < 50; i++) queue!.read()
  exchange(near, far)
  t.ok(far.flows.heldBytes > unread - 20_000, 'full again')
  let read = 50
  for (; far.read().length > 0; read = 300) exchange(near, far)
  t.same([read, flow.queuedBytes, far.flows.heldBytes], [300, 0, 0])

  const long = near.open()
  long.write(Buffer.alloc(3_000_000), 0)
  exchange(near, far)
  t.same(far.read(), ['1: 3000000'], 'a message may be longer than the window')
})

t.test(
  'a flow that is not taken, or that answers none of this side, is rejected, and closed by its sender',
  async t => {
    const [near, far] = [new Peer(), new Peer({ accept: () => undefined })]
    near.open().write(Buffer.alloc(2000), 0)
    const sent = near.says()
    far.hears(...sent)
    t.same(far.says(), ['5e0000', '5a008f5400'], 'it has no room')
    near.hears('5e 00 00')
    t.same([near.events, near.says()], [['rejected 0'], ['1c00']])
    far.hears('1c 00')
    t.same(far.says(), ['5a000000', '5c00'])
    near.hears('5a 00 8f54 00', '5c 00')
    t.same([near.flows.sizes.sending, far.flows.sizes.receiving], [0, 0])

    const other = new Peer()
    other.hears('30 07 09 5443', '1d 07 aa')
    t.same(other.says(), ['5e0700', '5a070300'])
    t.same(other.events, [], 'nobody was asked')
    other.hears('10 08 5443', '3d 08 6f', '1d 08 6e', '3d 08 62')
    other.received[0]!.reject(3)
    t.same([other.read(), other.flows.heldBytes], [[], 0])
    other.hears('1d 08 63')
    t.same(other.says(), ['5e0803', '5a080c00'], 'what comes still is acknowledged')
  }
)

t.test('what a sender gives up is dropped; what is closed is read to its end first', async t => {
  const peer = new Peer()
  peer.hears('10 00 5443', '3d 00 6f', '1a 00', '1d 00 6e', '1a 00 05', '3d 00 6f')
  peer.says()
  peer.hears('1c 00')
  t.same(peer.says(), ['5a0000bffe7f'], 'not 5c: a message waits')
  t.same(peer.events, ['opened TC for undefined'])
  t.same(peer.read(), ['0: n'])
  t.same(peer.events.slice(1), ['0 ended true'])
  t.same(peer.says(), ['5a0000c08000', '5c00'])
  peer.hears('10 00 5443')
  t.equal(peer.flows.sizes.receiving, 1)
  const chunk = Buffer.alloc(65_536)
  chunk.set(hex`1d 00 61 62`)
  peer.hears(chunk.subarray(0, 4))
  const taken = peer.received.at(-1)!.read()
  t.not(taken?.payload.buffer, chunk.buffer, 'a small message does not hold on to a large read')
})

t.test('a message that is out of place ends the connection', async t => {
  const opened = ['10 00 5443']
  for (const [ahead, message, detail] of [
    [opened, '10 00 5443', /flow 0 is opened twice/],
    [opened, '1d 01 00', /flow 1 is not open/],
    [opened, '1a 01', /flow 1 is not open/],
    [opened, '1c 01', /flow 1 is not open/],
    [[...opened, '1d 00 00', '1c 00'], '1d 00 00', /sends on a flow that it has closed/],
    [[...opened, '1d 00 00', '1c 00'], '1a 00', /abandons on a flow that it has closed/],
    [[...opened, '1d 00 00', '1c 00'], '1c 00', /closes a flow that it has closed/],
    [[], '5a 07 00 00', /flow 7 does not exist/],
    [[], '5c 07', /flow 7 does not exist/],
    [[], '5e 07', /flow 7 does not exist/],
    [[], '5a 00 06 00', /acknowledges what was not sent/],
    [[], '5a 01 00 00', /acknowledges what was not sent/],
    [[], '5e 01', /rejects a flow that was not opened/],
    [[], '5c 00', /acknowledges the close of a flow that is open/]
  ] as const) {
    const peer = new Peer()
    peer.open().write(Buffer.from('one'), 0)
    peer.says()
    peer.open()
    peer.hears(...ahead)
    t.throws(() => peer.hears(message), wrong(detail), message)
  }
  const peer = new Peer()
  t.throws(() => peer.hears(''), { code: 'ERR_RTMP_TRUNCATED', layer: 'rtws' })
  peer.hears('77 00')
  t.same(peer.says(), [], 'an unknown code is passed over')
})

t.test('what a peer can make this side hold is bounded', async t => {
  const limits = {
    rtmfpFlows: 2,
    rtmfpMetadataBytes: 4,
    messageBytes: 1000,
    rtmfpSessionBytes: 3000,
    replyBytes: 1000
  }
  const options = { limits }
  const flows = new Peer(options)
  flows.hears('10 00 5443', '30 01 09 5443')
  t.throws(() => flows.hears('10 02 5443'), wrong(/peer has more than 2 flows/), 'those that were rejected included')

  const metadata = new Peer(options)
  metadata.hears('10 00 5443544354')
  t.same([metadata.says(), metadata.events], [['5e0000', '5a000000'], []])

  const message = new Peer(options)
  message.hears('10 00 5443')
  const piece = Buffer.concat([hex`3d 00`, Buffer.alloc(500)])
  message.hears(piece, piece)
  t.equal(message.flows.heldBytes, 2 * 628)
  message.hears(hex`3d 00 00`)
  t.match([message.says()[0], message.events.at(-1), message.flows.heldBytes], ['5e0000', '0 ended false', 0])
  message.hears(piece)
  t.equal(message.flows.heldBytes, 0)

  const session = new Peer(options)
  session.hears('10 00 5443', '10 01 5443')
  for (let i = 0; i < 20; i++) session.hears(hex`1d 00`, hex`3d 01`)
  t.equal(session.flows.heldBytes, 20 * 128)
  t.match(session.events.slice(2).sort(), ['1 ended false'])
  t.equal(session.read().length, 20)

  const pings = new Peer(options)
  pings.hears('01 61', '01')
  t.same(pings.says(), ['4161', '41'])
  for (let i = 0; i < 3; i++) pings.hears('01')
  t.throws(() => pings.hears('01'), { code: 'ERR_RTMP_REPLIES' })

  const room = new Peer()
  room.hears('10 00 5443', '3d 00 00')
  for (let i = 0; i < 64; i++) room.hears(Buffer.concat([hex`1d 00`, Buffer.alloc(1024)]))
  t.throws(() => room.hears('1d 00 00'), wrong(/sends more than was allowed/), 'as it was told nothing of more')
})

t.test('at the end of the connection what came can be read, and nothing more is said', async t => {
  const peer = new Peer()
  peer.hears('10 00 5443', '1d 00 6f', '3d 00 6e', '01')
  peer.open().write(Buffer.from('one'), 0)
  peer.flows.over()
  peer.flows.over()
  t.same(peer.events.slice(1), ['session over', '0 ended false'])
  t.same([peer.says(), peer.flows.queuedBytes, peer.flows.owedSince], [[], 0, undefined])
  t.same([peer.read(), peer.flows.heldBytes], [['0: o'], 0])
  peer.hears('10 01 5443')
  t.same([peer.says(), peer.flows.nextTimeout()], [[], Number.POSITIVE_INFINITY])
})

t.test('what tcserver said to a player is received, and what the player says is what tcconn.js said', async t => {
  const { client, server, flows: expected } = readRtwsCapture('chromium-play')
  const peer = new Peer()
  const payloadOf = (message: Buffer) => message.subarray(2)
  const control = peer.open(Buffer.from('54430400', 'hex'))
  for (const message of [client[1]!, client[4]!]) control.write(payloadOf(message), 0)
  const messages = new Map<number, unknown[]>()
  const said: string[] = peer.says()
  for (const message of server) {
    peer.hears(message)
    for (const flow of peer.received) {
      if (!messages.has(flow.id)) messages.set(flow.id, [flow.metadata.toString('hex')])
      for (let read = flow.read(); read !== undefined; read = flow.read()) {
        const { type, timestamp, payload } = readFlowMessage(read.payload, 0)
        const digest = createHash('sha1').update(payload).digest('hex').slice(0, 12)
        messages.get(flow.id)!.push([type, timestamp, payload.length, digest])
        if (flow.id !== 2 || messages.get(2)!.length !== 2) continue
        const metadata = Buffer.from('54430401', 'hex')
        peer.open(metadata, { returnOf: flow }).write(payloadOf(client[6]!), 0)
      }
    }
    said.push(...peer.says())
  }
  const isOwn = (message: string) => !['5a', '0a'].includes(message.slice(0, 2))
  t.same(said.filter(isOwn), client.map(message => message.toString('hex')).filter(isOwn))
  for (const { flow: id, metadata, messages: rows } of expected.filter(({ side }) => side === 'S'))
    t.same(messages.get(id), [metadata, ...rows], `flow ${id}`)
})

t.test(
  'whatever a peer says, in whatever order, is bounded, and ends in an error of this library or in nothing',
  async t => {
    const small = rtwsMessages(fc.oneof({ weight: 9, arbitrary: fc.nat({ max: 2 }) }, fc.maxSafeNat()))
    const limits = { rtmfpFlows: 3, rtmfpSessionBytes: 1000, messageBytes: 200, replyBytes: 2000 }
    const property = fc.property(fc.array(small, { maxLength: 60 }), fc.boolean(), (messages, reads) => {
      const peer = new Peer({ limits })
      const flows = [peer.open(), peer.open()]
      for (const [at, message] of messages.entries()) {
        if (at % 3 === 0) flows[at % 2]!.write(Buffer.alloc(at * 50), at)
        try {
          peer.flows.input(rtwsMessage(message), at)
        } catch (error) {
          if (!(error instanceof RtmpError)) throw error
          peer.flows.over()
        }
        if (reads) peer.read()
        const { sizes, heldBytes, queuedBytes, outstanding } = peer.flows
        if (sizes.receiving > 3 || heldBytes > 1200 || heldBytes < 0 || queuedBytes < 0 || outstanding.bytes < 0)
          return false
        peer.flows.elapsed(at)
        if (at % 2 === 0) peer.says(at)
      }
      peer.flows.over()
      peer.read()
      return peer.flows.heldBytes === 0 && peer.flows.queuedBytes === 0 && peer.flows.owedSince === undefined
    })
    holds(t, 'bounded', property, { numRuns: 1000 })
  }
)
