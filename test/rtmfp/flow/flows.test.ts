import fc from 'fast-check'
import t from 'tap'
import { Identity } from '../../../lib/rtmfp/crypto/identity.ts'
import { Flows, type FlowsOptions } from '../../../lib/rtmfp/flow/flows.ts'
import type { ReceivingFlow, ReceivingFlowOptions } from '../../../lib/rtmfp/flow/receiving-flow.ts'
import type { SendingFlow } from '../../../lib/rtmfp/flow/sending-flow.ts'
import { TimeCriticalData } from '../../../lib/rtmfp/flow/time-critical.ts'
import type { Session } from '../../../lib/rtmfp/session/session.ts'
import { chance } from '../../support/chance.ts'
import { holds } from '../../support/property.ts'
import { RenoReceiver, RenoSender } from '../../support/reno.ts'
import { Network, type Node, place } from '../../support/rtmfp-network.ts'

const server = new Identity({ groups: [2], acceptsAncillaryData: true })
const client = new Identity({ groups: [2], isStatic: true })
const [here, there] = [place('192.0.2.1', 5000), place('192.0.2.2')]
const metadata = Buffer.from('test')

/** One end of a session: its flows, and what it read of each flow of the peer. */
class End {
  readonly node: Node
  readonly read: Buffer[][] = []
  readonly ended: boolean[] = []
  /** Whether it takes what is readable at once. */
  isReading = true
  readonly #waiting = new Set<() => void>()
  session!: Session
  flows!: Flows

  constructor(network: Network, at: typeof here, identity: Identity, options: FlowsOptions & ReceivingFlowOptions) {
    const accept = () => {
      const read: Buffer[] = []
      this.read.push(read)
      return {
        ...options,
        readable: (flow: ReceivingFlow) => {
          const take = () => {
            for (let message = flow.read(); message; message = flow.read()) read.push(Buffer.from(message.payload))
          }
          if (this.isReading) take()
          else this.#waiting.add(take)
        },
        ended: (_: ReceivingFlow, isComplete: boolean) => this.ended.push(isComplete)
      }
    }
    this.node = network.node(at, {
      identity,
      opened: session => {
        this.session = session
        this.flows = new Flows(session, { accept, ...options })
        return this.flows
      }
    })
  }

  /** Reads everything, and from then on at once. */
  resume(): void {
    this.isReading = true
    for (const take of this.#waiting) take()
    this.#waiting.clear()
  }
}

/** Two ends with a session between them. */
function opened(
  network: Network,
  near: FlowsOptions & ReceivingFlowOptions = {},
  far: FlowsOptions & ReceivingFlowOptions = {}
): [End, End] {
  const ends: [End, End] = [new End(network, here, client, near), new End(network, there, server, far)]
  const opening = () =>
    ends[0].node.endpoint.open({ ancillaryData: Buffer.from('rtmfp://server/live') }, [there], network.now)
  // where much is lost, a startup may be in vain
  for (let current = opening(); ends.some(({ session }) => session === undefined); network.pass(100))
    if (current.error !== undefined) current = opening()
  return ends
}

/** A message that says which it is. */
function message(number: number, length: number): Buffer {
  const payload = Buffer.alloc(Math.max(4, length), number & 0xff)
  payload.writeUInt32BE(number)
  return payload
}

const networks = fc.record({
  seed: fc.integer(),
  loss: fc.double({ min: 0, max: 0.3, noNaN: true }),
  repeats: fc.double({ min: 0, max: 0.3, noNaN: true }),
  delay: fc.tuple(fc.integer({ min: 0, max: 400 }), fc.integer({ min: 0, max: 400 }))
})

function networkOf({
  seed,
  loss,
  repeats,
  delay: [one, other]
}: typeof networks extends fc.Arbitrary<infer Told> ? Told : never) {
  return new Network({ loss, repeats, delay: [Math.min(one, other), Math.max(one, other)], chance: chance(seed) })
}

/** Nothing is kept, and nothing falls due any more, but the keepalive of the session. */
function isAtRest({ flows, session }: End, now: number): boolean {
  const { sending, receiving } = flows.sizes
  return sending === 0 && receiving === 0 && flows.congestion.bytesInFlight === 0 && session.nextTimeout() > now
}

t.test('whatever a network does, messages arrive once and in order, and flows end', async t => {
  const sending = fc.record({
    lengths: fc.array(fc.integer({ min: 0, max: 6000 }), { maxLength: 30 }),
    priority: fc.integer({ min: 0, max: 7 })
  })
  holds(
    t,
    'whatever is lost, repeated, late or overtaken, and read late',
    fc.property(
      networks,
      fc.array(sending, { minLength: 1, maxLength: 4 }),
      fc.integer({ min: 0, max: 20_000 }),
      fc.integer({ min: 1024, max: 100_000 }),
      fc.boolean(),
      (told, flows, stopMs, windowBytes, moves) => {
        const network = networkOf(told)
        const [near, far] = opened(network, {}, { windowBytes })
        far.isReading = stopMs === 0
        const sent = flows.map(({ lengths, priority }, i) => {
          const flow = near.flows.open({ metadata, priority })
          const messages = lengths.map((length, n) => message(i * 1000 + n, length))
          for (const each of messages) {
            flow.write(each, network.now)
            if (network.now % 3 === 0) network.pass(5)
          }
          flow.close()
          return messages
        })
        if (moves) near.node.place = place('192.0.2.1', 5001)
        network.pass(stopMs)
        far.resume()
        for (let seconds = 0; seconds < 600 && near.flows.sizes.sending > 0; seconds++) network.pass(1000)
        if (near.flows.sizes.sending > 0) throw new Error('a flow does not end')
        network.pass(1000)
        const said = sent.filter(messages => messages.length > 0)
        const names = (all: Buffer[][]) =>
          all.map(each => each.map(one => one.readUInt32BE())).sort((a, b) => a[0]! - b[0]!)
        const [got, wanted] = [names(far.read), names(said)]
        if (JSON.stringify(got) !== JSON.stringify(wanted)) throw new Error(`read ${JSON.stringify(got)}`)
        if (far.ended.length !== said.length || far.ended.includes(false)) throw new Error(`ended ${far.ended}`)
        network.pass(125_000)
        if (!isAtRest(near, network.now) || !isAtRest(far, network.now)) throw new Error('something is left')
      }
    ),
    { numRuns: 60 }
  )
})

/** What happens to a session, and when: all that a network and two ends may do. */
const happenings = fc.record({
  mover: fc.constantFrom('near', 'far'),
  events: fc.array(
    fc.record({
      atMs: fc.nat({ max: 15_000 }),
      kind: fc.constantFrom('it moves', 'near stops', 'far stops', 'near reads', 'far reads', 'cut', 'mended')
    }),
    { maxLength: 8 }
  ),
  close: fc.option(
    fc.record({ atMs: fc.nat({ max: 20_000 }), who: fc.constantFrom('near', 'far', 'both'), isOrderly: fc.boolean() }),
    { nil: undefined }
  )
})

t.test('whatever happens at any moment, to either end: what is read is what was sent, and nothing is left', async t => {
  const lengths = fc.array(fc.integer({ min: 0, max: 5000 }), { minLength: 1, maxLength: 12 })
  const flows = fc.array(lengths, { maxLength: 3 })
  holds(
    t,
    'moves, cuts, readers that stop, and ends',
    fc.property(networks, happenings, flows, flows, (told, { mover, events, close }, ofNear, ofFar) => {
      const network = networkOf(told)
      const ends = opened(network, { windowBytes: 4096 }, { windowBytes: 4096 })
      const [near, far] = ends
      let port = 5000
      const happens: Record<(typeof events)[number]['kind'], () => unknown> = {
        // were both to move at once, neither would find the other
        'it moves': () => {
          const { node } = mover === 'near' ? near : far
          node.place = { ...node.place, port: ++port }
        },
        'near stops': () => (near.isReading = false),
        'far stops': () => (far.isReading = false),
        'near reads': () => near.resume(),
        'far reads': () => far.resume(),
        cut: () => (network.isCut = true),
        mended: () => (network.isCut = false)
      }
      const steps: { atMs: number; run(): unknown }[] = events.map(({ atMs, kind }) => ({ atMs, run: happens[kind] }))
      let ended = 0
      for (const [end, all] of [
        [near, ofNear],
        [far, ofFar]
      ] as const) {
        for (const [i, lengths] of all.entries()) {
          const flow = end.flows.open({ metadata, priority: i, ended: () => ended++ })
          for (const [n, length] of lengths.entries())
            steps.push({ atMs: n * 400, run: () => flow.write(message(i * 1000 + n, length), network.now) })
          steps.push({ atMs: lengths.length * 400, run: () => flow.close() })
        }
      }
      const closing = close && ends.filter((_, i) => close.who === 'both' || close.who === ['near', 'far'][i])
      for (const { node } of closing ?? [])
        steps.push({ atMs: close!.atMs, run: () => node.endpoint.close(network.now, close!.isOrderly) })
      const begun = network.now
      for (const { atMs, run } of steps.sort((a, b) => a.atMs - b.atMs)) {
        network.pass(begun + atMs - network.now)
        run()
      }
      network.isCut = false
      for (const end of ends) end.resume()
      const isSending = () => ends.some(({ flows }) => flows.sizes.sending > 0)
      for (let seconds = 0; seconds < 600 && isSending(); seconds++) network.pass(1000)
      if (isSending()) throw new Error('a flow does not end')
      network.pass(1000)
      if (ended !== ofNear.length + ofFar.length) throw new Error(`${ended} flows have an end`)
      for (const [{ read }, all] of [
        [far, ofNear],
        [near, ofFar]
      ] as const) {
        const names = read.map(messages => messages.map(each => each.readUInt32BE())).filter(each => each.length > 0)
        for (const [first, ...rest] of names)
          if (first! % 1000 !== 0 || rest.some((each, n) => each !== first! + n + 1)) throw new Error(`read ${names}`)
        if (new Set(names.map(([first]) => first)).size < names.length) throw new Error(`twice: ${names}`)
        const [got, wanted] = [names, all].map(each => each.reduce((sum, { length }) => sum + length, 0))
        if (close === undefined && got !== wanted) throw new Error(`${got} of ${wanted} messages`)
      }
      for (const { node } of ends) node.endpoint.close(network.now)
      network.pass(400_000)
      for (const { node, flows, ended, read } of ends) {
        const { endpoint, opened, closed } = node
        if (endpoint.size > 0 || endpoint.nextTimeout() < Number.POSITIVE_INFINITY) throw new Error('a session is left')
        if (opened.length !== closed.length) throw new Error('a session has no end')
        if (flows.sizes.receiving + flows.congestion.bytesInFlight + flows.heldBytes + flows.queuedBytes > 0)
          throw new Error('something is held')
        if (ended.length !== read.length) throw new Error('a receiving flow has no end')
      }
    }),
    { numRuns: 60 }
  )
})

/** Keeps a flow full, and counts what was read at the other end. */
function streams(near: End, priority: number): { fill(now: number): void; flow: SendingFlow } {
  const payload = Buffer.alloc(16_000)
  const flow = near.flows.open({ metadata, priority, capacityBytes: 256_000 })
  return {
    flow,
    fill(now) {
      while (flow.isWritable) flow.write(payload, now)
    }
  }
}

const linkOf = (bytesPerMs: number, queueBytes: number) => ({ to: there, bytesPerMs, queueBytes })
const bytesOf = (messages: Buffer[]) => messages.reduce((sum, { length }) => sum + length, 0)

t.test('a flow fills the link, if nothing is lost but what the link drops', async t => {
  const network = new Network({ delay: [25, 25], link: linkOf(250, 25_000) })
  const [near, far] = opened(network)
  const { fill } = streams(near, 3)
  const pass = (seconds: number) => {
    for (let ms = 0; ms < seconds * 1000; ms += 20) {
      fill(network.now)
      network.pass(20)
    }
    return bytesOf(far.read.flat())
  }
  const before = pass(5)
  const share = (pass(10) - before) / 10_000 / 250
  // headers and encryption take up to 8 % of a datagram
  t.ok(share > 0.88, `${share} of the link is payload`)
  t.ok(near.session.timestamps.roundTrip! < 160, 'its queue included')
})

for (const [name, priority] of [
  ['routine', 3],
  ['time critical', 5]
] as const) {
  for (const [bytesPerMs, delayMs, queueBytes] of [
    [250, 25, 25_000],
    [500, 10, 20_000]
  ] as const) {
    t.test(`a ${name} flow and one of TCP Reno both have half to one and a half times their share`, async t => {
      const network = new Network({ delay: [delayMs, delayMs], link: linkOf(bytesPerMs, queueBytes) })
      const [near, far] = opened(network)
      const { fill } = streams(near, priority)
      const reno = new RenoSender(place(there.address, 80))
      network.join(place('192.0.2.3', 80), reno)
      network.join(place(there.address, 80), new RenoReceiver(place('192.0.2.3', 80)))
      for (let ms = 0; ms < 40_000; ms += 20) {
        fill(network.now)
        network.pass(20)
      }
      const [ours, theirs] = [bytesOf(far.read.flat()), reno.acknowledged * 1460]
      const share = (2 * ours) / (ours + theirs)
      t.ok(share > 0.5 && share < 1.5, `${share} of its share`)
      t.ok((ours + theirs) / 40_000 / bytesPerMs > 0.88, 'the link is full')
    })
  }
}

t.test(
  'peers are told of time critical data that another session receives, and grow slower (appendix A.1)',
  async t => {
    /** What the flag of the server's packets told the publisher, and another, in each second; and the window of the latter. */
    const told = (priority: number) => {
      const network = new Network({ delay: [10, 10] })
      const timeCritical = new TimeCriticalData()
      const far = new End(network, there, server, { timeCritical })
      const ends = [here, place('192.0.2.3', 5000)].map(at => {
        const end = new End(network, at, new Identity({ groups: [2], isStatic: true }), {})
        end.node.endpoint.open({ ancillaryData: Buffer.from('rtmfp://server/live') }, [there], network.now)
        return end
      }) as [End, End]
      network.pass(1000)
      t.equal(far.node.opened.length, 2)
      const [publisher, other] = ends
      const flags = ends.map(({ flows }) => {
        const seen: boolean[] = []
        const [receive, received] = [flows.receive.bind(flows), flows.received.bind(flows)]
        // not in a Ping, which has no flag
        let isOfFlows = false
        flows.receive = (chunk, now) => {
          isOfFlows = true
          receive(chunk, now)
        }
        flows.received = (header, now) => {
          if (isOfFlows) seen.push(header.timeCriticalReverse)
          isOfFlows = false
          received(header, now)
        }
        return seen
      })
      const flow = publisher.flows.open({ metadata, priority })
      const { fill } = streams(other, 3)
      const seconds: (boolean | 'both')[][] = []
      let windowBytes = 0
      for (let ms = 0; ms < 3000; ms += 20) {
        fill(network.now)
        if (ms < 1000) flow.write(Buffer.alloc(1000), network.now)
        else if (ms % 200 === 0) publisher.flows.open({ metadata }).write(Buffer.alloc(10), network.now)
        network.pass(20)
        if (ms < 1000) windowBytes = other.flows.congestion.windowBytes
        if (ms % 1000 < 980) continue
        seconds.push(flags.map(seen => (new Set(seen).size === 2 ? 'both' : seen[0]!)))
        for (const seen of flags) seen.length = 0
      }
      return { seconds, windowBytes }
    }
    const [routine, critical] = [told(3), told(4)]
    t.same(routine.seconds, [
      [false, false],
      [false, false],
      [false, false]
    ])
    t.same(
      critical.seconds,
      [
        [false, true],
        [false, 'both'],
        [false, false]
      ],
      'who sends it is not told of itself; 800 ms behind it, nobody is'
    )
    t.ok(critical.windowBytes < routine.windowBytes / 2, `${critical.windowBytes} and ${routine.windowBytes}`)
  }
)

t.test('with deadlines audio arrives, and late video is abandoned up to the next keyframe', async t => {
  // 40 kB/s, for 60 kB/s of video and 8 kB/s of audio
  const network = new Network({ loss: 0.05, delay: [20, 40], chance: chance(1), link: linkOf(40, 8000) })
  const [near, far] = opened(network)
  const audio = near.flows.open({ metadata, priority: 5 })
  const video = near.flows.open({ metadata, priority: 4 })
  const gop = 50
  const frames = 1500
  for (let i = 0; i < frames; i++) {
    const isKeyframe = i % gop === 0
    audio.write(message(i, 320), network.now, { startWithinMs: 2200, finishWithinMs: 2300 })
    const deadlines = { startWithinMs: 1000, finishWithinMs: 1100 }
    video.write(message(i, isKeyframe ? 12_000 : 2160), network.now, { ...deadlines, isDependent: !isKeyframe })
    network.pass(40)
  }
  network.pass(5000)
  const [heard, seen] = far.read.map(messages => messages.map(each => each.readUInt32BE())) as [number[], number[]]
  t.ok(heard.length >= 0.99 * frames, `${heard.length} of ${frames} messages of audio`)
  t.ok(seen.length > frames / 4 && seen.length < frames, `${seen.length} of ${frames} frames`)
  const shown = new Set(seen)
  const orphans = seen.filter(each => each % gop !== 0 && !shown.has(each - 1))
  t.ok(orphans.length < frames / 100, `${orphans.length} frames were on their way when the one ahead was abandoned`)
  t.ok(video.queuedBytes < 100_000 && audio.queuedBytes === 0)
})

t.test('either end may close at any moment: what was read is what was sent, up to some message', async t => {
  const closing = fc.record({
    atMs: fc.integer({ min: 0, max: 3000 }),
    isNear: fc.boolean(),
    isOrderly: fc.boolean(),
    reads: fc.boolean()
  })
  holds(
    t,
    'nothing hangs, nothing is left',
    fc.property(networks, closing, (told, { atMs, isNear, isOrderly, reads }) => {
      const network = networkOf(told)
      const [near, far] = opened(network)
      far.isReading = reads
      let ends = 0
      const flows = [3, 5].map(priority => near.flows.open({ metadata, priority, ended: () => ends++ }))
      for (let n = 0; n < 40; n++) for (const flow of flows) flow.write(message(n, n * 100), network.now)
      flows[0]!.close()
      network.pass(atMs)
      ;(isNear ? near : far).session.close(network.now, isOrderly)
      network.pass(1000)
      far.resume()
      network.pass(400_000)
      if (ends !== 2) throw new Error(`${ends} of 2 sending flows ended`)
      if (far.ended.length !== far.read.length) throw new Error('a receiving flow has no end')
      for (const { session, flows, node } of [near, far]) {
        if (session.state !== 'closed') throw new Error(session.state)
        const { sending, receiving } = flows.sizes
        if (sending + receiving + flows.congestion.bytesInFlight > 0) throw new Error('flows are left')
        if (node.endpoint.nextTimeout() !== Number.POSITIVE_INFINITY) throw new Error('a timeout is left')
      }
      for (const messages of far.read) {
        if (messages.some((each, n) => each.readUInt32BE() !== n)) throw new Error('out of order')
      }
    }),
    { numRuns: 60 }
  )
})
