import t from 'tap'
import { Identity } from '../../../lib/rtmfp/crypto/identity.ts'
import { Flows } from '../../../lib/rtmfp/flow/flows.ts'
import type { OutgoingMessageOptions } from '../../../lib/rtmfp/flow/outgoing-message.ts'
import type { ReceivingFlow } from '../../../lib/rtmfp/flow/receiving-flow.ts'
import type { SendingFlow } from '../../../lib/rtmfp/flow/sending-flow.ts'
import type { EndpointOptions } from '../../../lib/rtmfp/session/endpoint.ts'
import { PathMtu } from '../../../lib/rtmfp/session/path-mtu.ts'
import type { Session } from '../../../lib/rtmfp/session/session.ts'
import { Network, type Node, place } from '../../support/rtmfp-network.ts'

const identities = [
  new Identity({ groups: [2], isStatic: true }),
  new Identity({ groups: [2], acceptsAncillaryData: true })
] as const

const ipv4 = { here: place('192.0.2.1', 5000), there: place('192.0.2.2') }

/** A client that sends messages to a server; each begins with its number. */
class Sender {
  readonly network = new Network()
  readonly client: Node
  readonly server: Node
  readonly flow: SendingFlow
  /** The numbers of the messages that the server has. */
  readonly arrived: number[] = []
  #count = 0

  constructor(options: Partial<EndpointOptions> = {}, { here, there } = ipv4) {
    let flows!: Flows
    const receive = (flow: ReceivingFlow) => {
      for (let message = flow.read(); message !== undefined; message = flow.read())
        this.arrived.push(message.payload.readUInt32BE())
    }
    const serverFlows = (session: Session) => new Flows(session, { accept: () => ({ readable: receive }) })
    const clientFlows = (session: Session) => (flows = new Flows(session))
    this.client = this.network.node(here, { identity: identities[0], opened: clientFlows, ...options })
    this.server = this.network.node(there, { identity: identities[1], opened: serverFlows })
    this.client.endpoint.open({ ancillaryData: Buffer.from('rtmfp://server/live') }, [there], this.network.now)
    this.network.pass(100)
    this.flow = flows.open({ metadata: Buffer.from('TC'), capacityBytes: 1e6 })
  }

  get session(): Session {
    return this.client.opened[0]!
  }

  /** Writes a message of so many bytes each 20 ms, and returns the lengths of the datagrams that the client has sent meanwhile. */
  send(times: number, options: OutgoingMessageOptions = {}, length = 5000): number[] {
    const before = this.network.sent.length
    for (let i = 0; i < times; i++) {
      const payload = Buffer.alloc(length)
      payload.writeUInt32BE(this.#count++)
      this.flow.write(payload, this.network.now, options)
      this.network.pass(20)
    }
    const sent = this.network.sent.slice(before)
    return sent.filter(({ from }) => from === this.client.place).map(({ bytes }) => bytes.length)
  }

  /** The numbers of messages so far. */
  get numbers(): number[] {
    return Array.from({ length: this.#count }, (_, i) => i)
  }
}

/** With data that no shorter one than 1452 has. */
const isLong = (length: number): boolean => length > 1404 && length < 1460

/** Of a message that is late in a second. */
const late = { finishWithinMs: 1000 }

t.test('longer datagrams are sent once a Ping of their length was answered', async t => {
  const sender = new Sender()
  const before = sender.session.room
  const lengths = sender.send(50, late)
  t.equal(Math.max(...lengths), 1460, 'whole blocks of 1472')
  t.equal(sender.session.room - before, 256)
  t.ok(lengths.filter(length => length > 1404).length > 50, 'those with data')
  sender.network.pass(100)
  t.same(sender.arrived, sender.numbers)
  t.equal(sender.server.opened[0]!.room, before, 'the server has no data to fill them')
})

t.test('what no data asks for is not tried, nor what is not allowed', async t => {
  const idle = new Sender()
  t.ok(Math.max(...idle.send(50, late, 900)) < 1000)
  const bound = new Sender({ maxDatagramBytes: 1204 })
  t.ok(Math.max(...bound.send(50, late)) <= 1204)
  const jumbo = new Sender({ maxDatagramBytes: 9000 })
  t.equal(Math.max(...jumbo.send(50, late)), 8996)
  const ipv6 = { here: place('2001:db8::1', 5000), there: place('2001:db8::2') }
  t.equal(Math.max(...new Sender({}, ipv6).send(50, late)), 1444, 'whole blocks of 1452')
  for (const maxDatagramBytes of [1203, 65_508, Number.NaN])
    t.throws(() => new Sender({ maxDatagramBytes }), { name: 'RangeError' })
})

t.test('a path that carries less costs three Pings of each length, once in ten minutes', async t => {
  const sender = new Sender()
  sender.network.mtu = 1300
  const lengths = sender.send(1000, late)
  t.equal(lengths.filter(length => length > 1300).length, 3)
  t.ok(lengths.filter(length => length > 1204).length > 1000)
  sender.network.pass(600_000)
  sender.network.mtu = 1500
  sender.send(50, late)
  t.ok(sender.send(50, late).some(isLong))
  sender.network.pass(100)
  t.same(sender.arrived, sender.numbers)
})

t.test('a path that carries less than before is noticed in seconds, and what must arrive does', async t => {
  const sender = new Sender()
  sender.send(50, late)
  t.ok(sender.send(50, late).some(isLong))
  const { room, certainRoom } = sender.session
  sender.network.mtu = 1250
  for (let i = 0; i < 500; i++) {
    sender.send(1, late)
    sender.send(1)
  }
  sender.network.pass(5000)
  t.equal(sender.session.room, certainRoom)
  t.ok(certainRoom < room)
  const reliable = sender.numbers.filter(number => number >= 100 && number % 2 === 1)
  t.same(
    sender.arrived.filter(number => number >= 100 && number % 2 === 1),
    reliable,
    'those without a time'
  )
  t.same(
    sender.arrived,
    sender.arrived.toSorted((a, b) => a - b)
  )
  const count = sender.arrived.length
  t.ok(Math.max(...sender.send(100, late)) <= 1204)
  sender.network.pass(1000)
  t.equal(sender.arrived.length, count + 100, 'and then all of them')
})

t.test('nothing but the reply to a Ping of its length tells that a datagram has arrived', async t => {
  const path = new PathMtu(1472, '192.0.2.2')
  path.sent(1172, 1000)
  t.equal(path.nextAt, 1000)
  const first = path.due(1000, 300)!
  t.match([first.length, path.nextAt], [1280, 1300])
  t.equal(path.answered(Buffer.alloc(0), 1010), false)
  t.equal(path.answered(first.message, 1010), true)
  path.sent(1172, 1020)
  const second = path.due(1020, 300)!
  t.equal(path.answered(first.message, 1030), false, 'late')
  t.match([path.length, second.length], [1280, 1400])
  path.reset('192.0.2.3')
  t.equal(path.answered(second.message, 1040), false, 'of the path before')
  t.equal(path.length, 1204)
})

t.test('a peer that has moved may be behind a path that carries less', async t => {
  const sender = new Sender()
  sender.send(100, late)
  const { room, certainRoom } = sender.session
  t.ok(room > certainRoom)
  sender.server.place = place('192.0.2.2', 1936)
  sender.server.opened[0]!.forward({
    kind: 'FIHello',
    endpointDiscriminator: Buffer.of(1),
    replyAddress: { ...ipv4.here, origin: 0 },
    tag: Buffer.of(2)
  })
  sender.network.pass(100)
  t.same([sender.session.address.port, sender.session.room], [1936, certainRoom])
  sender.send(100, late)
  t.equal(sender.session.room, room)
})
