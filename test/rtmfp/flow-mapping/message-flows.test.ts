import { type Message, MessageTypeId } from 'rtmpipe'
import t from 'tap'
import { Identity } from '../../../lib/rtmfp/crypto/identity.ts'
import type { ReceivingFlow } from '../../../lib/rtmfp/flow/receiving-flow.ts'
import { writeFlowMessage } from '../../../lib/rtmfp/flow-mapping/flow-message.ts'
import { flowMetadata } from '../../../lib/rtmfp/flow-mapping/flow-metadata.ts'
import { FlowSyncs, readFlowSync } from '../../../lib/rtmfp/flow-mapping/flow-sync.ts'
import type { MessageFlowsOptions } from '../../../lib/rtmfp/flow-mapping/message-flows.ts'
import type { Session } from '../../../lib/rtmfp/session/session.ts'
import { alive } from '../../support/memory.ts'
import { Messages } from '../../support/rtmfp-messages.ts'
import { Network, type NetworkOptions, place } from '../../support/rtmfp-network.ts'

const [here, there] = [place('192.0.2.1', 5000), place('192.0.2.2')]
const { Audio, Video, CommandAmf0, UserControl, SetChunkSize } = MessageTypeId

class Peer {
  session!: Session
  messages!: Messages
  isOver = false

  constructor(network: Network, at: typeof here, identity: Identity, options: MessageFlowsOptions) {
    const opened = (session: Session) => {
      this.session = session
      this.messages = new Messages(session, { ...options, ended: () => (this.isOver = true) })
      return this.messages.flows
    }
    this.endpoint = network.node(at, { identity, opened }).endpoint
  }

  readonly endpoint

  /** What can be read now: message stream, type, timestamp, length. */
  read(): string[] {
    const lines: string[] = []
    for (let message = this.messages.read(); message; message = this.messages.read()) lines.push(line(message))
    return lines
  }
}

const line = ({ messageStreamId, type, timestamp, payload }: Message) =>
  `${messageStreamId}: ${type} ${timestamp} ${payload.length}`

const message = (messageStreamId: number, type: number, timestamp: number, length = 10): Message => ({
  type,
  messageStreamId,
  timestamp,
  payload: Buffer.alloc(length)
})

function sync(messageStreamId: number, id: number, count: number): Message {
  const payload = Buffer.alloc(10)
  payload.writeUInt16BE(34)
  payload.writeUInt32BE(id, 2)
  payload.writeUInt32BE(count, 6)
  return { type: UserControl, messageStreamId, timestamp: 0, payload }
}

/** A client and a server whose control flows are open. */
function connected(options: NetworkOptions = {}, client: Partial<MessageFlowsOptions> = {}) {
  const network = new Network(options)
  const near = new Peer(network, here, new Identity({ groups: [2], isStatic: true }), { role: 'client', ...client })
  const far = new Peer(network, there, new Identity({ groups: [2], acceptsAncillaryData: true }), { role: 'server' })
  near.endpoint.open({ ancillaryData: Buffer.from('rtmfp://server/live') }, [there], network.now)
  network.pass(100)
  near.messages.put(message(0, CommandAmf0, 0), network.now)
  network.pass(100)
  t.same(far.read(), ['0: 20 0 10'])
  far.messages.put(message(0, CommandAmf0, 0, 20), network.now)
  network.pass(100)
  t.same(near.read(), ['0: 20 0 20'])
  return { network, near, far }
}

t.test('each message stream has a flow, and its audio and its video have one more each', async t => {
  const { network, near, far } = connected()
  t.equal(near.messages.put(message(1, CommandAmf0, 0), network.now), true)
  for (const [type, timestamp] of [
    [Audio, 1],
    [Video, 2],
    [Audio, 3],
    [SetChunkSize, 0]
  ] as const)
    near.messages.put(message(1, type, timestamp), network.now)
  network.pass(100)
  t.same(far.read().sort(), ['1: 20 0 10', '1: 8 1 10', '1: 8 3 10', '1: 9 2 10'])
  t.match(far.messages.flows.sizes, { receiving: 4 })
  for (const type of [CommandAmf0, Video]) far.messages.put(message(1, type, 9), network.now)
  network.pass(100)
  t.same(near.read(), ['1: 20 9 10', '1: 9 9 10'])
  near.messages.close()
  network.pass(1000)
  t.same([near.messages.flows.sizes.sending, far.isOver], [0, true])
  network.pass(1000)
  t.same([far.messages.flows.sizes.sending, near.isOver], [0, true])
})

t.test('video that is lost does not hold audio up', async t => {
  let lost = 0
  const { network, near, far } = connected({ loss: 0.5, chance: () => (lost-- > 0 ? 0 : 1) })
  near.messages.put(message(1, Audio, 1), network.now)
  near.messages.put(message(1, Video, 1), network.now)
  network.pass(100)
  far.read()
  near.messages.put(message(1, Video, 2), network.now)
  lost = 1
  network.pass(0)
  near.messages.put(message(1, Audio, 2), network.now)
  near.messages.put(message(1, Video, 3), network.now)
  network.pass(100)
  t.same(far.read(), ['1: 8 2 10'])
  network.pass(5000)
  t.same(far.read(), ['1: 9 2 10', '1: 9 3 10'])
})

t.test('the flow of control is closed last: with it the connection is over for the peer (RFC 7425, 5.3.1)', async t => {
  let lost = 0
  const { network, near, far } = connected({ loss: 0.5, chance: () => (lost-- > 0 ? 0 : 1) })
  near.messages.put(message(1, CommandAmf0, 0), network.now)
  near.messages.put(message(1, Video, 1), network.now)
  network.pass(100)
  far.read()
  near.messages.put(message(1, Video, 2), network.now)
  lost = 1
  network.pass(0)
  near.messages.close()
  network.pass(150)
  t.same([far.read(), far.isOver], [[], false], 'video that is lost is waited for')
  network.pass(5000)
  t.same([far.read(), far.isOver, near.isOver], [['1: 9 2 10'], true, true])
})

t.test('messages that are late are left out, those without a lifetime are not', async t => {
  const { network, near, far } = connected()
  near.messages.put(message(1, Video, 0), network.now)
  network.pass(100)
  far.read()
  network.isCut = true
  near.messages.put(message(1, Video, 1), network.now, { startWithinMs: 100, finishWithinMs: 100 })
  for (const type of [Audio, CommandAmf0]) near.messages.put(message(1, type, 1), network.now)
  network.pass(1000)
  network.isCut = false
  network.pass(10_000)
  t.same(far.read().sort(), ['1: 20 1 10', '1: 8 1 10'])
})

t.test('flows wait for each other where FlowSync says so (RFC 7425, 5.3.4.2)', async t => {
  const { network, near, far } = connected()
  for (const each of [message(1, Audio, 1), message(1, Video, 1)]) near.messages.put(each, network.now)
  near.messages.put({ ...sync(1, 7, 2), messageStreamId: 1 }, network.now)
  near.messages.put(message(1, CommandAmf0, 2), network.now)
  network.pass(100)
  t.same(far.read().sort(), ['1: 8 1 10', '1: 9 1 10'], 'the flow of commands waits')
  near.messages.put(message(0, CommandAmf0, 3), network.now)
  near.messages.put(sync(0, 7, 2), network.now)
  network.pass(100)
  t.same(far.read(), ['0: 20 3 10', '1: 20 2 10'])
  near.messages.put(sync(1, 8, 2), network.now)
  near.messages.put(message(1, CommandAmf0, 4), network.now)
  network.pass(100)
  t.same(far.read(), [])
  near.session.close(network.now, false)
  network.pass(100)
  t.same(far.read(), ['1: 20 4 10'], 'what it waited for does not come')

  const event = (type: number, length: number): Message => {
    const payload = Buffer.alloc(length)
    payload.writeUInt16BE(type)
    return { type: UserControl, messageStreamId: 0, timestamp: 0, payload }
  }
  t.same([readFlowSync(event(34, 9)), readFlowSync(event(0, 10))], [undefined, undefined])
  const syncs = new FlowSyncs<string>(1)
  t.equal(syncs.add({ syncId: 1, count: 3 }, 'network order', false), false)
  t.equal(syncs.add({ syncId: 1, count: 3 }, 'a', true), false)
  t.same([syncs.holds('network order'), syncs.holds('a')], [false, true])
  t.equal(syncs.add({ syncId: 2, count: 2 }, 'b', true), true)
  t.same([syncs.holds('a'), syncs.holds('b')], [false, true], 'one at a time is waited for')
})

t.test('flows that wait for others that never come are forgotten with their end', async t => {
  const { network, near, far } = connected()
  const metadata = Buffer.concat([flowMetadata({ messageStreamId: 1, receiveOrder: 'sequence' }), Buffer.alloc(500)])
  const returnOf = { id: 1 } as ReceivingFlow
  const flood = (count: number) => {
    for (let i = 0; i < count; i++) {
      const flow = near.messages.flows.open({ metadata, returnOf })
      flow.write(writeFlowMessage(sync(1, i % 2, 2 ** 32 - 1)), network.now)
      if (i % 2 === 0) flow.close()
      network.pass(20)
      far.read()
      flow.close()
      network.pass(220)
      network.sent.length = 0
    }
  }
  flood(300)
  const before = alive()
  flood(3000)
  const grown = alive() - before
  t.ok(grown < 1024 * 1024, `${grown} bytes`)
  t.ok(far.messages.flows.sizes.receiving <= 256)
})

t.test('of a message stream that has not begun a client holds the media, as that of tcserver after a loss', async t => {
  const { network, near, far } = connected()
  const put = (type: number, timestamp: number) => {
    const metadata = flowMetadata({ messageStreamId: 1, receiveOrder: 'sequence' })
    const flow = far.messages.flows.open({ metadata, returnOf: { id: 1 } })
    return () => flow.write(writeFlowMessage(message(1, type, timestamp)), network.now)
  }
  const [status, audio, video] = [put(CommandAmf0, 0), put(Audio, 1), put(Video, 2)] as const
  audio()
  video()
  network.pass(100)
  t.same(near.read(), [])
  status()
  network.pass(100)
  t.same(near.read(), ['1: 20 0 10', '1: 8 1 10', '1: 9 2 10'])
  audio()
  network.pass(100)
  t.same(near.read(), ['1: 8 1 10'])
})

t.test('media of eight flows, at most, waits for message streams to begin', async t => {
  const { network, near, far } = connected()
  for (let id = 1; id <= 10; id++) {
    const metadata = flowMetadata({ messageStreamId: id, receiveOrder: 'sequence' })
    const flow = far.messages.flows.open({ metadata, returnOf: { id: 1 } })
    flow.write(writeFlowMessage(message(id, Video, id)), network.now)
    network.pass(100)
  }
  t.same(near.read(), ['9: 9 9 10', '10: 9 10 10'])
})

t.test('audio goes ahead of video; a flow that is rejected is opened again, but not that of control', async t => {
  const { network, near, far } = connected()
  for (const type of [Audio, Video]) near.messages.put(message(1, type, 1), network.now)
  network.pass(1000)
  far.read()
  for (const type of [Video, Audio]) near.messages.put(message(1, type, 2), network.now)
  network.pass(1000)
  t.same(far.read(), ['1: 8 2 10', '1: 9 2 10'])
  near.messages.flows.receive({ kind: 'FlowException', flowId: 2, exceptionCode: 0 }, network.now)
  near.messages.put(message(1, Audio, 3), network.now)
  network.pass(1000)
  t.same(far.read(), ['1: 8 3 10'])
  t.equal(near.isOver, false)
  near.messages.flows.receive({ kind: 'FlowException', flowId: 1, exceptionCode: 0 }, network.now)
  t.equal(near.isOver, true)
  t.equal(near.messages.put(message(1, Audio, 4), network.now), true)
  network.pass(1000)
  t.same(far.read(), [], 'nothing more is said')
})

t.test(
  'flows of other protocols and of other connections are rejected; what has no flow to answer is an error',
  async t => {
    const { network, near, far } = connected()
    const ends: unknown[] = []
    const ended = (why: string) => ends.push(why)
    const own = flowMetadata({ messageStreamId: 0, receiveOrder: 'sequence' })
    for (const metadata of [Buffer.from('http://other'), own])
      near.messages.flows.open({ metadata, ended }).write(Buffer.alloc(9), network.now)
    network.pass(1000)
    t.same(ends, ['rejected', 'rejected'])
    t.same([far.read(), far.isOver], [[], false])

    const alone = new Messages(
      { room: 1000, certainRoom: 1000, timestamps: { roundTrip: 1, erto: 1, timedOut() {} }, wake() {} },
      { role: 'client' }
    )
    t.throws(() => alone.put(message(1, Audio, 0), 0), RangeError)
    alone.put(message(0, SetChunkSize, 0), 0)
    t.equal(alone.flows.sizes.sending, 0, 'flows have no chunk size')
  }
)

t.test(
  'a message that is too short for its header costs its flow; what was received is read behind the end',
  async t => {
    const { network, near, far } = connected()
    near.messages.put(message(1, Audio, 5), network.now)
    network.pass(100)
    near.session.close(network.now, false)
    network.pass(100)
    t.equal(far.isOver, true)
    t.same(far.read(), ['1: 8 5 10'])
    t.equal(near.messages.put(message(1, Audio, 6), network.now), true, 'which nobody will have')

    const other = connected()
    const ends: string[] = []
    const metadata = flowMetadata({ messageStreamId: 1, receiveOrder: 'sequence' })
    // the first flow of the server
    const returnOf = { id: 1 } as ReceivingFlow
    const flow = other.near.messages.flows.open({ metadata, returnOf, ended: why => ends.push(why) })
    flow.write(Buffer.from('010000000500001000', 'hex'), other.network.now)
    flow.write(Buffer.from('0800000005ff', 'hex'), other.network.now)
    flow.write(Buffer.from('08000000', 'hex'), other.network.now)
    other.network.pass(100)
    t.same(other.far.read(), ['1: 8 5 1'])
    other.network.pass(100)
    t.same([ends, other.far.isOver], [['rejected'], false])
  }
)
