import fc from 'fast-check'
import t from 'tap'
import { writeDiscriminator } from '../../../lib/rtmfp/crypto/endpoint-discriminator.ts'
import { Identity } from '../../../lib/rtmfp/crypto/identity.ts'
import type { AgreedEnd } from '../../../lib/rtmfp/crypto/key-agreement.ts'
import { defaultProtection } from '../../../lib/rtmfp/crypto/packet-protection.ts'
import { PacketSealer } from '../../../lib/rtmfp/crypto/packet-sealer.ts'
import { profiles } from '../../../lib/rtmfp/crypto/profiles.ts'
import { StartupPackets, sealDatagram } from '../../../lib/rtmfp/session/datagrams.ts'
import type { EndpointOptions } from '../../../lib/rtmfp/session/endpoint.ts'
import type { SessionFlows } from '../../../lib/rtmfp/session/flows.ts'
import { checkedAt, mobilityCheck } from '../../../lib/rtmfp/session/mobility.ts'
import type { Session } from '../../../lib/rtmfp/session/session.ts'
import { Timestamps } from '../../../lib/rtmfp/session/timestamps.ts'
import type { RtmfpChunk } from '../../../lib/rtmfp/wire/chunk.ts'
import { PacketMode, writePacket } from '../../../lib/rtmfp/wire/packet.ts'
import { writeSessionId } from '../../../lib/rtmfp/wire/session-id.ts'
import type { FIHello } from '../../../lib/rtmfp/wire/startup-chunks.ts'
import { buffers, holds } from '../../support/property.ts'
import { Network, type NetworkOptions, type Node, place } from '../../support/rtmfp-network.ts'

const URI = { ancillaryData: Buffer.from('rtmfp://server/live') }
const serverIdentity = new Identity({ groups: [2], acceptsAncillaryData: true })
const clientIdentity = new Identity({ groups: [2], isStatic: true })
const [here, there] = [place('192.0.2.1', 5000), place('192.0.2.2')]

interface Pair {
  network: Network
  client: Node
  server: Node
}

function pair(
  options: NetworkOptions = {},
  ends: { client?: Partial<EndpointOptions>; server?: Partial<EndpointOptions> } = {}
): Pair {
  const network = new Network(options)
  const client = network.node(here, { identity: clientIdentity, ...ends.client })
  const server = network.node(there, { identity: serverIdentity, ...ends.server })
  return { network, client, server }
}

/** A pair with a session between them. */
function opened(options: NetworkOptions = {}, ends = {}): Pair {
  const both = pair(options, ends)
  both.client.endpoint.open(URI, [there], both.network.now)
  both.network.pass(100)
  return both
}

/** A packet of any kind, which the peer answers in no way. */
const anything: FIHello = {
  kind: 'FIHello',
  endpointDiscriminator: Buffer.of(1),
  replyAddress: { ...here, origin: 0 },
  tag: Buffer.of(2)
}

const startup = new StartupPackets()
const startupHeader = {
  mode: PacketMode.Startup,
  timeCritical: false,
  timeCriticalReverse: false,
  timestamp: undefined,
  timestampEcho: undefined
}
/** The kinds of startup chunks that were sent, with who did. */
const said = ({ network }: Pick<Pair, 'network'>) =>
  network.sent.map(({ from, bytes }) => {
    const [chunk] = startup.open(bytes.subarray(4)) ?? []
    return `${from.address} ${chunk?.kind ?? 'session'}`
  })

t.test('four packets open a session, and both ends have its keys', async t => {
  const { network, client, server } = pair()
  const opening = client.endpoint.open(URI, [there], network.now)
  t.equal(client.endpoint.nextTimeout(), network.now)
  network.pass(45)
  t.same(said({ network }), ['192.0.2.1 IHello', '192.0.2.2 RHello', '192.0.2.1 IIKeying', '192.0.2.2 RIKeying'])
  const [near, far] = [client.opened[0]!, server.opened[0]!]
  t.equal(opening.session, near)
  t.match([near.role, far.role], ['initiator', 'responder'])
  t.same(near.agreement, far.agreement)
  t.match([near.nearId, near.farId], [far.farId, far.nearId])
  t.same(near.certificate.fingerprint, serverIdentity.certificate.fingerprint)
  t.same(far.certificate.fingerprint, clientIdentity.certificate.fingerprint)
  t.same([near.address, far.address], [there, here])
  t.equal(
    client.endpoint.open({ fingerprint: serverIdentity.certificate.fingerprint }, [there], network.now).session,
    undefined
  )
  network.pass(25)
  t.equal(client.opened.length, 1, 'another opening to the same peer finds the session')
})

t.test('hellos are repeated at 1, 3.5 and 7.5 s, and given up at 95', async t => {
  const network = new Network()
  const client = network.node(here, { identity: clientIdentity })
  const begun = network.now
  const opening = client.endpoint.open(URI, [there], network.now)
  network.pass(94_000)
  const times = network.sent.map(({ at }) => at - begun)
  t.same(times, [0, 1000, 3500, 7500, 13_000, 20_000, 28_500, 38_500, 50_000, 63_000, 77_500, 93_500])
  t.equal(opening.error, undefined)
  network.pass(1000)
  t.match(opening.error, { name: 'RtmpError', code: 'ERR_RTMP_RTMFP_TIMEOUT' })
  t.equal(client.endpoint.size, 0)
  t.equal(client.endpoint.nextTimeout(), Number.POSITIVE_INFINITY)
})

t.test('a keying is repeated like a hello, and a lost answer is said again without another agreement', async t => {
  const both = pair()
  const { network, client, server } = both
  client.endpoint.open(URI, [there], network.now)
  network.pass(25)
  server.place = place('192.0.2.9')
  network.pass(3000)
  t.same(said(both).slice(2), ['192.0.2.1 IIKeying', '192.0.2.1 IIKeying'])
  server.place = there
  network.pass(1000)
  t.equal(client.opened.length, 1)
  const keying = network.sent.find(({ bytes }) => startup.open(bytes.subarray(4))?.[0]?.kind === 'IIKeying')!
  const before = network.sent.length
  server.endpoint.input(keying.bytes, here, network.now)
  server.flush()
  t.equal(network.sent.length, before + 1)
  t.same(network.sent.at(-1)!.bytes, network.sent.at(-2)!.bytes, 'the same RIKeying')
  t.equal(server.opened.length, 1)
  client.opened[0]!.forward({
    kind: 'FIHello',
    endpointDiscriminator: Buffer.alloc(0),
    tag: Buffer.alloc(0),
    replyAddress: { ...here, origin: 0 }
  })
  network.pass(100)
  const answered = network.sent.length
  server.endpoint.input(keying.bytes, here, network.now)
  server.flush()
  t.equal(network.sent.length, answered, 'whose peer is heard, does not miss it')
})

t.test('each profile opens sessions to whom it is for, as protected as both can', async t => {
  const answers = {
    required: { terms: { hmac: 7, hmacLength: 16, sequence: 7 }, isStrict: true },
    'on request': { terms: { hmac: 2, hmacLength: 16, sequence: 2 } },
    never: { terms: { hmac: 0, hmacLength: 0, sequence: 0 } }
  }
  /** What the packets of initiators, and those of responders, have. */
  const expected: Record<string, string> = {
    'default, required': 'all / all',
    'default, on request': 'nothing / all',
    'default, never': 'nothing / nothing',
    'strict, required': 'all / all',
    'strict, on request': 'all / all',
    'strict, never': 'ERR_RTMP_RTMFP_KEYING',
    'legacy, required': 'all / all',
    'legacy, on request': 'nothing / nothing',
    'legacy, never': 'nothing / nothing'
  }
  const protectionOf = ({ protection }: AgreedEnd) =>
    protection.hmacLength === 16 && protection.isSequenced
      ? 'all'
      : protection.hmacLength === 0 && !protection.isSequenced
        ? 'nothing'
        : 'half'
  const initiators = Object.entries(profiles).map(([name, { groups, ...agreement }]) => ({
    name,
    options: { identity: new Identity({ groups, isStatic: true }), ...agreement }
  }))
  const isOpenTo = (client: Partial<EndpointOptions>, server: Partial<EndpointOptions>) => {
    const { network, ...ends } = pair({}, { client, server })
    const opening = ends.client.endpoint.open(URI, [there], network.now)
    network.pass(100)
    if (opening.session === undefined) {
      t.equal(ends.client.endpoint.size, 0)
      return opening.error?.code
    }
    for (const { opened } of [ends.client, ends.server]) opened[0]!.forward(anything)
    network.pass(100)
    const isHeard = [ends.client, ends.server].every(({ opened }) => opened[0]!.isHeard)
    const { initiator, responder } = opening.session.agreement
    return isHeard ? `${protectionOf(initiator)} / ${protectionOf(responder)}` : 'deaf'
  }
  for (const isStatic of [false, true]) {
    const identity = new Identity({ groups: [16, 14, 2], isStatic, acceptsAncillaryData: true })
    const flash = new Identity({ groups: [2], isStatic, acceptsAncillaryData: true })
    for (const { name, options } of initiators) {
      for (const [answer, responder] of Object.entries(answers)) {
        const row = `${name}, ${answer}`
        t.equal(isOpenTo(options, { identity, ...responder }), expected[row], `${row}${isStatic ? ', static' : ''}`)
      }
      t.equal(
        isOpenTo(options, { identity: flash, ...(name === 'strict' ? answers.required : answers.never) }),
        name === 'strict' ? 'ERR_RTMP_RTMFP_KEYING' : 'nothing / nothing',
        `${name}, of group 2${isStatic ? ', static' : ''}`
      )
    }
  }
})

t.test('two openings to one peer lead to one session', async t => {
  const { network, client, server } = pair()
  const { fingerprint } = serverIdentity.certificate
  const openings = [URI, { fingerprint }, URI].map(each => client.endpoint.open(each, [there], network.now))
  t.equal(openings[0], openings[2])
  network.pass(5000)
  t.equal(server.opened.length, 1)
  t.ok(openings.every(({ session }) => session === client.opened[0]))
  t.equal(client.endpoint.size, 1)
})

t.test('packets that overtake the keys are kept for them', async t => {
  const { network, client, server } = pair({}, { server: { opened: session => void session.forward(anything) } })
  client.endpoint.open(URI, [there], network.now)
  network.pass(25)
  network.isCut = true
  const before = network.sent.length
  network.pass(10)
  const sent = network.sent.slice(before)
  t.same(sent.length, 2)
  for (const { bytes } of sent.reverse()) client.endpoint.input(bytes, there, network.now)
  t.match([client.opened[0]!.isHeard, server.opened[0]!.isHeard], [true, false])
})

t.test('what waits is bounded: answers to strangers, and packets ahead of their keys', async t => {
  const { network, client, server } = pair()
  const opening = client.endpoint.open(URI, [there], network.now)
  network.pass(15)
  for (let i = 0; i < 2000; i++) server.endpoint.input(network.sent[0]!.bytes, here, network.now)
  t.equal([...server.endpoint.output(network.now)].length, 1024)
  network.pass(6)
  for (let i = 0; i < 100; i++) {
    const datagram = Buffer.alloc(36, i)
    writeSessionId(datagram, opening.nearId)
    client.endpoint.input(datagram, there, network.now)
  }
  t.equal(opening.early.length, 16)
})

t.test('no state before a cookie comes back, and no answer of more than three times what was sent', async t => {
  const { network, server } = pair()
  let [asked, answered] = [0, 0]
  const discriminators = [
    Buffer.from([2, 0x0a, 0x2f]),
    Buffer.concat([Buffer.from([29, 0x0a]), Buffer.alloc(28, 0x2f)])
  ]
  for (const endpointDiscriminator of discriminators) {
    for (const length of [0, 8, 16, 32, 100]) {
      for (let i = 0; i < 100; i++) {
        const hello = startup.seal({ kind: 'IHello', endpointDiscriminator, tag: Buffer.alloc(length, i) })
        const before = network.sent.length
        server.endpoint.input(hello, place('198.51.100.7', i), network.now)
        server.flush()
        asked += hello.length
        for (const { bytes } of network.sent.slice(before)) {
          answered += bytes.length
          if (bytes.length > 3 * hello.length) t.fail(`${hello.length} bytes are answered with ${bytes.length}`)
        }
      }
    }
  }
  const many = writePacket({
    ...startupHeader,
    chunks: Array.from({ length: 8000 }, () => ({
      kind: 'IHello',
      endpointDiscriminator: discriminators[0]!,
      tag: Buffer.alloc(0)
    }))
  })
  const packet = sealDatagram(new PacketSealer(defaultProtection), many, 0)
  const before = network.sent.length
  server.endpoint.input(packet, here, network.now)
  server.flush()
  t.equal(network.sent.length - before, 1, 'many of one packet have one answer')
  t.ok(network.sent.length >= 500, 'those that are long enough are answered')
  t.ok(answered <= 3 * asked)
  t.equal(server.endpoint.size, 0)
  t.equal(server.endpoint.nextTimeout(), Number.POSITIVE_INFINITY)
})

t.test('a server with a static certificate keeps that too: our clients ask with longer hellos', async t => {
  const large = new Identity({ groups: [16, 14, 2], isStatic: true, acceptsAncillaryData: true })
  const { network, client } = opened({}, { server: { identity: large } })
  t.equal(client.opened.length, 1)
  t.ok(network.sent[1]!.bytes.length > 1000)
  t.ok(network.sent[1]!.bytes.length <= 3 * network.sent[0]!.bytes.length)
})

/** The IIKeying of an opening, taken on its way. */
function keyingOf(both: Pair): Buffer {
  both.client.endpoint.open(URI, [there], both.network.now)
  both.network.pass(25)
  return both.network.sent.at(-1)!.bytes
}

t.test('a cookie of another address is changed, once; one that is forged or old is not answered', async t => {
  const moved = pair()
  moved.client.endpoint.open(URI, [there], moved.network.now)
  moved.network.pass(15)
  moved.client.place = place('192.0.2.1', 5001)
  moved.network.pass(6)
  // the RHello went to the old port
  moved.server.endpoint.input(moved.network.sent[0]!.bytes, here, moved.network.now)
  moved.client.endpoint.input(moved.network.sent[1]!.bytes, there, moved.network.now)
  moved.network.pass(100)
  const kinds = said(moved)
  t.ok(kinds.includes('192.0.2.2 CookieChange'))
  t.equal(moved.client.opened.length, 1)
  t.same(moved.server.opened[0]!.address, place('192.0.2.1', 5001))

  const old = pair()
  const keying = keyingOf(old)
  const late = pair()
  late.server.endpoint.input(keying, here, late.network.now)
  late.server.flush()
  t.equal(late.network.sent.length, 0, 'of another responder')
  const [chunk] = startup.open(keying.subarray(4)) as [RtmfpChunk & { kind: 'IIKeying' }]
  const server = old.server.endpoint
  for (const cookieEcho of [Buffer.alloc(64), Buffer.alloc(0), Buffer.concat([chunk.cookieEcho, Buffer.of(0)])]) {
    const before = old.network.sent.length
    server.input(startup.seal({ ...chunk, cookieEcho }), here, old.network.now)
    old.server.flush()
    t.equal(old.network.sent.length, before, 'forged')
  }
  t.equal(server.size, 0)
  server.input(keying, here, old.network.now + 96_000)
  t.equal(server.size, 0, 'old')

  const many = pair()
  const [good] = startup.open(keyingOf(many).subarray(4)) as [RtmfpChunk]
  const packet = writePacket({ ...startupHeader, chunks: Array<RtmfpChunk>(100).fill(good) })
  const before = many.network.sent.length
  many.server.endpoint.input(sealDatagram(new PacketSealer(defaultProtection), packet, 0), here, many.network.now)
  many.server.flush()
  t.same([many.network.sent.length - before, many.server.endpoint.size], [1, 1], 'a hundred of one packet are one')
})

t.test('what is too long to be echoed has no answer, and breaks nothing', async t => {
  const { network, client, server } = pair()
  const endpointDiscriminator = Buffer.of(2, 0x0a, 0x2f)
  for (const length of [257, 65_400, 65_478]) {
    server.endpoint.input(startup.seal({ kind: 'IHello', endpointDiscriminator, tag: Buffer.alloc(length) }), here, 0)
    server.flush()
  }
  t.equal(network.sent.length, 0, 'a tag of which the RHello would be no chunk')
  const opening = client.endpoint.open(URI, [there], network.now)
  network.pass(5)
  const { bytes: certificate } = serverIdentity.certificate
  for (const length of [1025, 65_380]) {
    const hello: RtmfpChunk = { kind: 'RHello', tagEcho: opening.tag, cookie: Buffer.alloc(length), certificate }
    client.endpoint.input(startup.seal(hello), there, network.now)
  }
  t.equal(opening.certificate, undefined, 'a cookie of which the IIKeying would be none')
  network.pass(16)
  const change: RtmfpChunk = {
    kind: 'CookieChange',
    oldCookie: startup.open(network.sent[1]!.bytes.subarray(4))!.map(chunk => (chunk as { cookie: Buffer }).cookie)[0]!,
    newCookie: Buffer.alloc(65_380)
  }
  client.endpoint.input(startup.seal(change, opening.nearId), there, network.now)
  network.pass(100)
  t.equal(client.opened.length, 1)
})

t.test('a hello in fragments is answered like one', async t => {
  const { network, server } = pair()
  const hello: RtmfpChunk = {
    kind: 'IHello',
    endpointDiscriminator: Buffer.of(2, 0x0a, 0x2f),
    tag: Buffer.alloc(50, 7)
  }
  const packet = writePacket({
    mode: PacketMode.Startup,
    timeCritical: false,
    timeCriticalReverse: false,
    timestamp: 5,
    timestampEcho: undefined,
    chunks: [hello]
  })
  const pieces = [packet.subarray(0, 20), packet.subarray(20)]
  for (const [fragmentNumber, data] of [...pieces.entries()].reverse()) {
    t.equal(network.sent.length, 0)
    const more = fragmentNumber === 0
    server.endpoint.input(
      startup.seal({ kind: 'PacketFragment', more, packetId: 9, fragmentNumber, data }),
      here,
      network.now
    )
    server.flush()
  }
  const sent = [...network.sent]
  t.equal(sent.length, 0, 'not in full: the last fragment was short, and it may be of another address')
  for (const [fragmentNumber, data] of pieces.entries()) {
    const chunk: RtmfpChunk = { kind: 'PacketFragment', more: fragmentNumber === 0, packetId: 10, fragmentNumber, data }
    server.endpoint.input(startup.seal(chunk, 0, 100), here, network.now)
  }
  server.flush()
  t.match(startup.open(network.sent[0]!.bytes.subarray(4)), [{ kind: 'RHello', tagEcho: Buffer.alloc(50, 7) }])
})

t.test('agreements and sessions are bounded', async t => {
  const few = pair({}, { server: { limits: { rtmfpAgreementsPerSecond: 2, rtmfpSessions: 3 } } })
  for (let i = 0; i < 6; i++) {
    const client = few.network.node(place('192.0.2.1', 6000 + i), { identity: new Identity({ groups: [2] }) })
    client.endpoint.open(URI, [there], few.network.now)
  }
  few.network.pass(25)
  few.network.pass(20)
  t.equal(few.server.opened.length, 2, 'two in a second')
  few.network.pass(94_000)
  t.equal(few.server.opened.length, 3, 'three in all')
})

t.test('a peer that has lost its session replaces it', async t => {
  const both = opened()
  const { network, server } = both
  const [first] = server.opened
  const again = network.node(here, { identity: clientIdentity })
  both.client.place = place('192.0.2.77')
  again.endpoint.open(URI, [there], network.now)
  network.pass(100)
  t.equal(server.opened.length, 2)
  t.match(first, { state: 'closed', closeReason: 'replaced' })
  t.equal(server.endpoint.size, 1)
})

t.test('another at its address replaces one that is gone, at its third try', async t => {
  const { network, client, server } = opened()
  network.pass(20_000)
  client.place = place('192.0.2.77')
  const other = network.node(here, { identity: new Identity({ groups: [2] }) })
  other.endpoint.open(URI, [there], network.now)
  network.pass(3000)
  t.match([server.opened.length, server.opened[0]!.state], [1, 'open'])
  network.pass(1000)
  t.match(server.opened, [{ state: 'closed', closeReason: 'replaced' }, { state: 'open' }])
  t.match([other.opened.length, server.closed.length, server.endpoint.size], [1, 1, 1])
  network.pass(300_000)
  t.equal(server.opened[1]!.state, 'open')
})

t.test('one that answers is not replaced, however often another at its address asks', async t => {
  const { network, client, server } = opened()
  const other = network.node(place('192.0.2.77'), { identity: new Identity({ groups: [2] }) })
  const opening = other.endpoint.open(URI, [there], network.now)
  // both are behind one NAT, which takes the packets of the one for the other's
  other.place = here
  network.pass(25)
  const hello = network.sent.findLast(({ bytes }) => startup.open(bytes.subarray(4))?.[0]?.kind === 'RHello')!
  other.endpoint.input(hello.bytes, there, network.now)
  network.pass(94_000)
  t.match([opening.session, server.opened.length, server.opened[0]!.state], [undefined, 1, 'open'])
  client.opened[0]!.forward(anything)
  network.pass(100)
  t.equal(server.opened[0]!.packetsIn > 10, true, 'it was asked each time')
  network.pass(600_000)
  t.match([client.opened[0]!.state, server.opened[0]!.state], ['open', 'open'])
})

t.test('a redirect leads elsewhere, and an implied one to where it comes from', async t => {
  const network = new Network()
  const client = network.node(here, { identity: clientIdentity })
  const lost = network.node(place('192.0.2.3'), {
    identity: serverIdentity,
    redirect: () => [there, place('192.0.2.4')]
  })
  const server = network.node(there, { identity: new Identity({ groups: [2], acceptsAncillaryData: true }) })
  client.endpoint.open(URI, [place('192.0.2.3')], network.now)
  network.pass(200)
  t.equal(client.opened.length, 1)
  t.same(client.opened[0]!.address, there)
  t.equal(lost.endpoint.size, 0)
  t.equal(server.opened.length, 1)
})

t.test('redirects add addresses, but not for ever', async t => {
  const network = new Network()
  const client = network.node(here, { identity: clientIdentity })
  const opening = client.endpoint.open(URI, [there], network.now)
  client.flush()
  for (let i = 0; i < 40; i++) {
    const destinations = [{ address: '198.51.100.1', port: 1000 + i, origin: 0 }]
    client.endpoint.input(startup.seal({ kind: 'Redirect', tagEcho: opening.tag, destinations }), there, network.now)
    client.endpoint.input(
      startup.seal({ kind: 'Redirect', tagEcho: Buffer.alloc(16), destinations }),
      there,
      network.now
    )
  }
  network.pass(500)
  t.equal(new Set(network.sent.map(({ to }) => to.port)).size, 24)
})

for (const forwardedHellos of ['answer', 'redirect'] as const) {
  t.test(`an introducer brings two clients together: ${forwardedHellos}`, async t => {
    const network = new Network()
    const server = network.node(there, { identity: serverIdentity, introduces: () => true })
    const [one, two] = [1, 2].map(i =>
      network.node(place('192.0.2.1', 7000 + i), {
        identity: new Identity({ groups: [2], isStatic: true }),
        forwardedHellos
      })
    ) as [Node, Node]
    for (const each of [one, two]) each.endpoint.open(URI, [there], network.now)
    network.pass(100)
    t.equal(server.opened.length, 2)
    const { fingerprint } = server.opened.find(({ address }) => address.port === 7002)!.certificate
    const opening = one.endpoint.open({ fingerprint }, [there], network.now)
    network.pass(200)
    t.same(opening.session?.address, two.place)
    t.equal(two.opened.at(-1)!.role, 'responder')
    t.same(two.opened.at(-1)!.address, one.place)
    const first = network.sent.find(({ from, to }) => from.port === two.place.port && to.port === one.place.port)!
    const answer = { answer: 'RHello', redirect: 'Redirect' }[forwardedHellos]
    t.match(startup.open(first.bytes.subarray(4)), [{ kind: answer }], 'which opens the way through its NAT')
    t.equal(two.opened.at(-1)!.certificate.fingerprint.equals(one.opened[1]!.certificate.fingerprint), false)
  })
}

t.test('whom this side has not come to, introduces nobody', async t => {
  const { network, client, server } = opened({}, { server: { forwardedHellos: 'answer' } })
  const replyAddress = { ...place('203.0.113.5'), origin: 2 }
  const endpointDiscriminator = Buffer.of(2, 0x0a, 0x2f)
  client.opened[0]!.forward({ kind: 'FIHello', endpointDiscriminator, replyAddress, tag: Buffer.alloc(16) })
  network.pass(100)
  t.equal(server.opened[0]!.isHeard, true)
  t.notOk(network.sent.some(({ to }) => to.address === '203.0.113.5'))
})

t.test('who does not respond has an answer for nobody, and is told who introduces', async t => {
  const introducers: (Session | undefined)[] = []
  const { network, client, server } = opened(
    {},
    {
      client: {
        forwardedHellos: 'answer',
        responds: (introducer: Session | undefined) => introducers.push(introducer) === 0
      }
    }
  )
  const { fingerprint } = clientIdentity.certificate
  const endpointDiscriminator = writeDiscriminator({ fingerprint })
  const replyAddress = { ...place('203.0.113.5'), origin: 2 }
  server.opened[0]!.forward({ kind: 'FIHello', endpointDiscriminator, replyAddress, tag: Buffer.alloc(16) })
  server.flush()
  network.pass(100)
  t.same(introducers.length, 1)
  t.equal(introducers[0], client.opened[0])
  t.notOk(network.sent.some(({ to }) => to.address === '203.0.113.5'))
  const before = network.sent.length
  const stranger = network.node(replyAddress, { identity: new Identity({ groups: [2], isStatic: true }) })
  stranger.endpoint.open({ fingerprint }, [here], network.now)
  network.pass(100)
  t.equal(introducers[1], undefined)
  t.same(
    network.sent.slice(before).filter(({ to }) => to.address === '203.0.113.5'),
    []
  )
})

t.test('a packet of the wrong mode leaves no trace', async t => {
  const { network, client, server } = opened()
  const { agreement, farId } = client.opened[0]!
  const sealer = new PacketSealer(agreement.initiator.protection)
  for (const [mode, answers] of [
    [PacketMode.Startup, 0],
    [PacketMode.Responder, 0],
    [PacketMode.Initiator, 1]
  ] as const) {
    sealer.sequence += 100
    const packet = writePacket({ ...startupHeader, mode, chunks: [{ kind: 'Ping', message: Buffer.alloc(8) }] })
    const before = network.sent.length
    server.endpoint.input(sealDatagram(sealer, packet, farId), here, network.now)
    server.flush()
    t.equal(network.sent.length - before, answers, `mode ${mode}`)
  }
})

t.test('an introducer cannot have this side answer to thousands', async t => {
  const { network, server } = opened({}, { client: { forwardedHellos: 'answer' } })
  const { fingerprint } = clientIdentity.certificate
  const endpointDiscriminator = writeDiscriminator({ fingerprint })
  const flood = () => {
    for (let i = 0; i < 100; i++) {
      const replyAddress = { ...place('203.0.113.5', 1000 + i), origin: 2 }
      server.opened[0]!.forward({ kind: 'FIHello', endpointDiscriminator, replyAddress, tag: Buffer.alloc(16) })
      server.flush()
    }
    network.pass(50)
    return network.sent.splice(0).filter(({ to }) => to.address === '203.0.113.5').length
  }
  t.equal(flood(), 32)
  network.pass(1000)
  t.equal(flood(), 32, 'in the next second')
  network.pass(1000)
  const replyAddress = { ...place('203.0.113.5'), origin: 2 }
  for (const length of [257, 65_400])
    server.opened[0]!.forward({ kind: 'FIHello', endpointDiscriminator, replyAddress, tag: Buffer.alloc(length) })
  server.flush()
  network.pass(50)
  t.notOk(
    network.sent.some(({ to }) => to.address === replyAddress.address),
    'nor echo a tag that is too long'
  )
})

/** Numbers of 0 to 1 that a seed stands for. */
function chances(seed: number): () => number {
  let state = (seed % 0x7ffffffe) + 1
  return () => {
    state = (state * 48_271) % 0x7fffffff
    return state / 0x7fffffff
  }
}

t.test('two that open a session to each other at once have one, however their packets overtake each other', async t => {
  const identities = [1, 2].map(() => new Identity({ groups: [2], isStatic: true })) as [Identity, Identity]
  const [first, second] = identities.map(({ certificate: { fingerprint } }) => ({ fingerprint }))
  holds(
    t,
    'glare',
    fc.property(fc.nat(), fc.constantFrom(10, 40, 400), fc.nat(300), (seed, most, later) => {
      const network = new Network({ delay: [5, most], chance: chances(seed) })
      const [one, two] = identities.map((identity, i) => network.node(place('192.0.2.1', 7000 + i), { identity })) as [
        Node,
        Node
      ]
      one.endpoint.open(second!, [two.place], network.now)
      network.pass(later)
      two.endpoint.open(first!, [one.place], network.now)
      network.pass(20_000)
      const [near, far] = [one, two].map(node => node.opened.filter(({ state }) => state === 'open'))
      const isOne = near!.length === 1 && far!.length === 1 && near![0]!.nearId === far![0]!.farId
      return isOne && one.endpoint.size === 1 && two.endpoint.size === 1
    }),
    { numRuns: 60 }
  )
})

t.test('the keying of an initiator that has lost may come late', async t => {
  const identities = [1, 2].map(() => new Identity({ groups: [2], isStatic: true }))
  const [winner, loser] = identities.sort((a, b) => Buffer.compare(a.certificate.bytes, b.certificate.bytes)) as [
    Identity,
    Identity
  ]
  const network = new Network()
  const near = network.node(here, { identity: winner })
  const far = network.node(there, { identity: loser })
  near.endpoint.open({ fingerprint: loser.certificate.fingerprint }, [there], network.now)
  network.pass(5)
  far.endpoint.open({ fingerprint: winner.certificate.fingerprint }, [here], network.now)
  network.pass(100)
  const late = network.sent.find(({ from, bytes }) => {
    return from.address === there.address && startup.open(bytes.subarray(4))?.[0]?.kind === 'IIKeying'
  })!
  near.endpoint.input(late.bytes, there, network.now)
  network.pass(100)
  t.match([near.opened.length, far.opened.length], [1, 1])
  t.match(near.opened[0], { role: 'initiator', state: 'open' })
})

t.test('an orderly close is asked and answered; at once, it is told', async t => {
  const both = opened()
  const { network, client, server } = both
  client.opened[0]!.close(network.now)
  t.equal(client.opened[0]!.state, 'near close')
  network.pass(15)
  t.equal(server.opened[0]!.state, 'far close')
  network.pass(10)
  t.match(client.opened[0], { state: 'closed', closeReason: 'near' })
  t.equal(client.endpoint.size, 0)
  t.equal(server.endpoint.size, 1, 'it answers to repetitions for a while')
  const next = network.node(here, { identity: new Identity({ groups: [2] }) })
  client.place = place('192.0.2.50')
  next.endpoint.open(URI, [there], network.now)
  network.pass(100)
  t.equal(next.opened[0]?.state, 'open', 'while another may open one from there')
  next.endpoint.close(network.now, false)
  network.pass(19_000)
  t.match(server.opened[0], { state: 'closed', closeReason: 'far' })
  t.equal(server.endpoint.size, 0)
  t.match([client.closed.length, server.closed.length], [1, 2])

  const abrupt = opened()
  abrupt.server.opened[0]!.close(abrupt.network.now, false)
  t.equal(abrupt.server.endpoint.size, 0)
  t.equal(abrupt.server.endpoint.nextTimeout(), Number.POSITIVE_INFINITY)
  abrupt.network.pass(100)
  t.match(abrupt.client.opened[0], { state: 'closed', closeReason: 'far' })
  t.equal(abrupt.client.endpoint.size, 0)
  abrupt.client.endpoint.open(URI, [there], abrupt.network.now)
  abrupt.network.pass(100)
  t.match(abrupt.client.opened[1], { state: 'open' }, 'and another may be opened')
})

t.test('a close that nobody answers ends after 90 s', async t => {
  const { network, client } = opened()
  network.isCut = true
  const begun = network.now
  client.opened[0]!.close(network.now)
  network.pass(89_000)
  const times = network.sent
    .filter(({ from, at }) => from.port === here.port && at >= begun)
    .map(({ at }) => at - begun)
  t.same(
    times,
    Array.from({ length: 18 }, (_, i) => i * 5000)
  )
  t.equal(client.endpoint.size, 1)
  network.pass(1000)
  t.match(client.opened[0], { state: 'closed', closeReason: 'near' })
  t.equal(client.endpoint.nextTimeout(), Number.POSITIVE_INFINITY)
})

t.test('a peer that is silent is pinged, and given up if that stays so for two minutes', async t => {
  const { network, client, server } = opened()
  const before = network.sent.length
  network.pass(600_000)
  t.match([client.opened[0]!.state, server.opened[0]!.state], ['open', 'open'])
  const pings = network.sent.length - before
  t.ok(pings > 20 && pings < 200, `${pings} datagrams in ten minutes`)
  network.isCut = true
  network.pass(119_000)
  t.equal(client.opened[0]!.state, 'open')
  network.pass(31_000)
  t.match(client.opened[0], { state: 'closed', closeReason: 'timeout' })
  t.match(server.opened[0], { state: 'closed', closeReason: 'timeout' })
  t.match([client.endpoint.size, server.endpoint.size], [0, 0])
})

t.test('a player whose media has stopped says so, once, as its address may be another by now', async t => {
  let feeds: string[] = []
  const chunk: RtmfpChunk = {
    kind: 'UserData',
    flowId: 1,
    sequenceNumber: 1,
    forwardSequenceNumber: 0,
    fragmentControl: 'whole',
    abandon: false,
    final: false,
    options: [],
    data: Buffer.of(1)
  }
  const flows: SessionFlows = {
    receive() {},
    received() {},
    fill: () =>
      feeds.pop() === undefined ? undefined : { chunks: [chunk], timeCritical: false, timeCriticalReverse: false },
    nextTimeout: () => Number.POSITIVE_INFINITY,
    elapsed() {},
    over() {}
  }
  const { network, client, server } = opened({}, { server: { opened: () => flows } })
  const feed = (ms: number) => {
    feeds = ['x']
    server.opened[0]!.wake()
    network.pass(ms)
  }
  /** When the client has sent anything since, in ms. */
  const sentSince = (begun: number) =>
    network.sent.filter(({ from, at }) => from.address === here.address && at >= begun).map(({ at }) => at - begun)
  for (let i = 0; i < 5; i++) feed(900)
  t.same(sentSince(1100), [], 'it comes')
  let begun = network.now
  feed(20_000)
  t.same(sentSince(begun), [1010], 'one Ping, which is answered')
  begun = network.now
  feed(500)
  const elsewhere = place('192.0.2.1', 9999)
  client.place = elsewhere
  network.pass(400)
  feed(0)
  t.same(server.opened[0]!.address, here, 'what it is sent goes where nobody is')
  network.pass(200)
  t.same(server.opened[0]!.address, elsewhere)
  t.same(sentSince(begun).at(0), 1010)

  const seldom = opened({}, { client: { quietMs: Number.POSITIVE_INFINITY }, server: { opened: () => flows } })
  feeds = ['x']
  seldom.server.opened[0]!.wake()
  seldom.network.pass(20_000)
  t.equal(seldom.client.opened[0]!.packetsOut, 0)

  const publisher = opened({}, { client: { opened: () => flows } })
  feeds = ['x']
  publisher.client.opened[0]!.wake()
  publisher.network.pass(20_000)
  t.match(publisher.server.opened[0], { packetsIn: 1, packetsOut: 0 }, 'a server has no other address')
})

t.test('a peer is believed to have moved once it answers from there', async t => {
  const { network, client, server } = opened({}, { client: { keepaliveMs: 5000 } })
  const elsewhere = place('192.0.2.1', 9999)
  client.place = elsewhere
  network.pass(5500)
  t.same(server.opened[0]!.address, elsewhere)
  network.pass(2000)
  // what an eavesdropper sends again from its own address changes nothing
  const spy = place('203.0.113.5')
  for (const { bytes, from } of network.sent.filter(
    ({ from, bytes }) => from.address === '192.0.2.1' && !startup.open(bytes.subarray(4))
  )) {
    server.endpoint.input(bytes, spy, network.now)
    t.ok(from)
  }
  server.flush()
  t.notOk(
    network.sent.some(({ to }) => to.address === spy.address),
    'nor is it asked: numbers tell'
  )
  network.pass(5000)
  t.same(server.opened[0]!.address, elsewhere)
})

t.test(
  'a late answer of an address that it has left does not lead back, and its session is known by the new one',
  async t => {
    const { network, client, server } = opened()
    const [from, to] = [client.opened[0]!, server.opened[0]!]
    const [passing, last] = [place('192.0.2.1', 6001), place('192.0.2.1', 6002)]
    client.place = passing
    network.pass(2000)
    for (let i = 0; i < 5; i++) from.forward(anything)
    network.pass(12)
    t.equal(network.sent.filter(({ to }) => to.port === passing.port).length, 1, 'it is asked once a second')
    network.isCut = true
    network.pass(10)
    network.isCut = false
    const late = network.sent.at(-1)!
    t.same([late.from, to.address], [passing, here])
    network.pass(2000)
    client.place = last
    from.forward(anything)
    network.pass(100)
    t.same(to.address, last)
    server.endpoint.input(late.bytes, passing, network.now)
    t.same(to.address, last)
    const other = network.node(here, { identity: new Identity({ groups: [2] }) })
    other.endpoint.open(URI, [there], network.now)
    network.pass(100)
    t.equal(other.opened.length, 1, 'the old address is free')
    const again = network.node(last, { identity: clientIdentity })
    client.place = here
    again.endpoint.open(URI, [there], network.now)
    network.pass(100)
    t.match(to, { state: 'closed', closeReason: 'replaced' })
  }
)

t.test('answers that wait are few, and a hello that is answered by another is not answered', async t => {
  const { network, client } = opened()
  const before = network.sent.length
  for (let i = 0; i < 100; i++) client.opened[0]!.forward(anything)
  client.flush()
  t.equal(network.sent.length - before, 16)
  for (let i = 0; i < 2000; i++) client.endpoint.input(network.sent[0]!.bytes, there, network.now)
  t.equal([...client.endpoint.output(network.now)].length, 0, 'a client has no answer to a URI')
  const opening = client.endpoint.open({ fingerprint: Buffer.alloc(32) }, [there], network.now)
  const { bytes: certificate } = new Identity({ groups: [2], acceptsAncillaryData: true }).certificate
  const answer: RtmfpChunk = { kind: 'RHello', tagEcho: opening.tag, cookie: Buffer.alloc(64), certificate }
  client.endpoint.input(startup.seal(answer), there, network.now)
  t.equal(opening.certificate, undefined)
})

t.test('flows fill packets, get the chunks of the peer’s, and their own timeouts', async t => {
  const data: RtmfpChunk = { kind: 'BufferProbe', flowId: 7 }
  const told: string[] = []
  const flowsOf = (name: string, waits: RtmfpChunk[], timeoutAt: number): SessionFlows => ({
    receive: chunk => told.push(`${name} receive ${chunk.kind}`),
    received: () => told.push(`${name} received`),
    fill: room => {
      if (room < 1000) t.fail(`room for ${room} bytes`)
      const chunks = waits.splice(0)
      return chunks.length === 0 ? undefined : { chunks, timeCritical: true, timeCriticalReverse: false }
    },
    nextTimeout: () => timeoutAt,
    elapsed: now => {
      if (now >= timeoutAt) told.push(`${name} elapsed`)
      if (now >= timeoutAt) timeoutAt = Number.POSITIVE_INFINITY
    },
    over: () => told.push(`${name} over`)
  })
  const waiting: RtmfpChunk[] = []
  const { network, client, server } = opened(
    {},
    {
      client: { opened: () => flowsOf('client', waiting, 2000) },
      server: { opened: () => flowsOf('server', [], Number.POSITIVE_INFINITY) }
    }
  )
  waiting.push(data, data)
  client.opened[0]!.wake()
  network.pass(100)
  t.same(told, ['server receive BufferProbe', 'server receive BufferProbe', 'server received'])
  network.pass(1000)
  t.same(told.splice(0).slice(3), ['client elapsed'])
  client.opened[0]!.close(network.now)
  network.pass(100)
  t.same(told.filter(each => each !== 'client received').sort(), ['client over', 'server over'])
  t.equal(server.opened[0]!.flows, undefined)
})

t.test('an endpoint wakes its socket for what begins outside of its calls, once', async t => {
  let wakes = 0
  const wake = () => void wakes++
  const answers = { opened: (session: Session) => void session.forward(anything) }
  const { network, client, server } = pair({}, { client: { wake, ...answers }, server: { wake, ...answers } })
  client.endpoint.open(URI, [there], network.now)
  t.equal(wakes, 1, 'an opening has a timeout')
  client.endpoint.open(URI, [place('192.0.2.3')], network.now)
  t.equal(wakes, 1)
  network.pass(100)
  t.match([client.opened[0]?.packetsIn, server.opened[0]?.packetsIn], [1, 1])
  t.equal(wakes, 1, 'output and the timeout are looked at behind input anyway')
  const [session] = client.opened as [Session]
  session.wake()
  session.forward(anything)
  t.equal(wakes, 2)
  const [first] = [...client.endpoint.output(network.now)]
  t.ok(first)
  session.forward(anything)
  t.equal(wakes, 3)
  client.endpoint.elapsed(network.now)
  session.forward(anything)
  t.equal(wakes, 4)
  for (const _ of client.endpoint.output(network.now)) {
    session.wake()
    break
  }
  t.equal(wakes, 4, 'whoever takes the output sees to the rest')
  session.close(network.now)
  t.equal(wakes, 5)
  network.pass(100)
  t.equal(wakes, 5)
  t.equal(server.opened[0]!.state, 'far close')
})

t.test('a session counts what is verified, and when', async t => {
  const { network, client, server } = opened()
  const [near, far] = [client.opened[0]!, server.opened[0]!]
  t.match(near, { packetsIn: 0, packetsOut: 0, bytesIn: 0, bytesOut: 0, heardAt: 1040 })
  t.equal(far.heardAt, 1030)
  near.forward(anything)
  network.pass(10)
  near.forward(anything)
  network.pass(100)
  const sent = network.sent.slice(-2).map(({ bytes }) => bytes)
  const length = sent[0]!.length + sent[1]!.length
  t.match(near, { packetsOut: 2, bytesOut: length, bytesIn: 0, heardAt: 1040 })
  t.match(far, { packetsIn: 2, bytesIn: length, packetsOut: 0, heardAt: 1120 })
  const broken = Buffer.from(sent[1]!)
  broken[20]! ^= 1
  for (const bytes of [broken, ...sent]) server.endpoint.input(bytes, here, network.now)
  t.match(far, { packetsIn: 2, bytesIn: length, heardAt: 1120 }, 'neither what is broken, nor what was seen')
})

t.test('a mobility check is for one address and two minutes', async t => {
  const secret = Buffer.alloc(32, 1)
  const check = mobilityCheck(secret, here, 5_000_000)
  t.equal(check.length, 1 + 2 + 32)
  t.equal(check[0], 0x4d)
  t.equal(checkedAt(secret, check, here, 5_000_000), 5000)
  t.equal(checkedAt(secret, check, here, 5_120_000), 5000)
  t.equal(checkedAt(secret, check, here, 5_121_000), undefined)
  t.equal(checkedAt(secret, check, { ...here, port: 1 }, 5_000_000), undefined)
  t.equal(checkedAt(Buffer.alloc(32), check, here, 5_000_000), undefined)
  for (let bit = 0; bit < check.length * 8; bit++) {
    const forged = Buffer.from(check)
    forged[bit >> 3]! ^= 1 << (bit & 7)
    if (checkedAt(secret, forged, here, 5_000_000) !== undefined) return t.fail(`bit ${bit}`)
  }
  for (const length of [0, 1, 32, 33, 34])
    t.equal(checkedAt(secret, check.subarray(0, length), here, 5_000_000), undefined)
})

t.test('the round trip is measured by echoes', async t => {
  const [near, far] = [new Timestamps(), new Timestamps()]
  t.match(near, { mrto: 250, erto: 3000, roundTrip: undefined })
  t.same(near.stamp(1000), { timestamp: 250, timestampEcho: undefined })
  t.same(near.stamp(1003), { timestamp: undefined, timestampEcho: undefined }, 'nothing new')
  far.hear({ timestamp: 250, timestampEcho: undefined }, 7040)
  t.same(far.stamp(7060), { timestamp: 1765, timestampEcho: 255 }, 'advanced by what it was held')
  near.hear({ timestamp: 1765, timestampEcho: 255 }, 1100)
  t.equal(near.roundTrip, 80)
  t.match(near, { mrto: 80 + 160 + 200, erto: 440 })
  near.hear({ timestamp: 1765, timestampEcho: 255 }, 9999)
  t.equal(near.roundTrip, 80, 'the same echo tells nothing more')
  near.hear({ timestamp: 1, timestampEcho: 30_000 }, 1200)
  t.equal(near.roundTrip, 80, 'an echo of what is to come')
  t.match(far.stamp(7040 + 128_001).timestampEcho, undefined, 'held for too long')
  const wrapped = new Timestamps()
  wrapped.hear({ timestamp: 65_535, timestampEcho: undefined }, 0)
  t.equal(wrapped.stamp(8).timestampEcho, 1)
})

/** What happens to a session, and when. */
const lives = fc.record({
  loss: fc.constantFrom(0, 0.05, 0.3),
  repeats: fc.constantFrom(0, 0.2),
  most: fc.constantFrom(10, 400),
  seed: fc.nat(),
  close: fc.record({
    at: fc.nat({ max: 5000 }),
    who: fc.constantFrom('client', 'server', 'both'),
    isOrderly: fc.boolean()
  }),
  move: fc.option(fc.nat({ max: 5000 }), { nil: undefined })
})

t.test('whatever is lost, late or twice, sessions open and end, and nothing is left', async t => {
  holds(
    t,
    'lives of sessions',
    fc.property(lives, ({ loss, repeats, most, seed, close, move }) => {
      const chance = chances(seed)
      const { network, client, server } = pair(
        { loss, repeats, delay: [1, most], chance },
        { client: { keepaliveMs: 1000 } }
      )
      const opening = client.endpoint.open(URI, [there], network.now)
      const steps = [
        { at: close.at, run: () => end() },
        ...(move === undefined
          ? []
          : [
              {
                at: move,
                run: () => {
                  client.place = place('192.0.2.1', 5001)
                }
              }
            ])
      ].sort((a, b) => a.at - b.at)
      const end = () => {
        const ends = close.who === 'both' ? [client, server] : [close.who === 'client' ? client : server]
        for (const { endpoint } of ends) endpoint.close(network.now, close.isOrderly)
      }
      const begun = network.now
      for (const { at, run } of steps) {
        network.pass(begun + at - network.now)
        run()
      }
      network.pass(60_000)
      // a closed server opens again for a client that tries on
      if (close.who !== 'server' && opening.session === undefined && opening.error === undefined) return false
      for (const { endpoint } of [client, server]) endpoint.close(network.now)
      network.pass(400_000)
      const isAtRest = [client, server].every(
        ({ endpoint }) => endpoint.size === 0 && endpoint.nextTimeout() === Number.POSITIVE_INFINITY
      )
      return isAtRest && [client, server].every(({ opened, closed }) => opened.length === closed.length)
    }),
    { numRuns: 60 }
  )
})

t.test('whatever comes, an endpoint stands it', async t => {
  const { network, client, server } = opened()
  const opening = client.endpoint.open({ hostname: Buffer.from('a') }, [there], network.now)
  const ids = [0, opening.nearId, client.opened[0]!.nearId, server.opened[0]!.nearId]
  holds(
    t,
    'datagrams of garbage, for sessions that there are',
    fc.property(fc.constantFrom(...ids), buffers(80), (id, bytes) => {
      const datagram = Buffer.concat([Buffer.alloc(4), bytes])
      const word = (at: number) => (at + 4 <= datagram.length ? datagram.readUInt32BE(at) : 0)
      datagram.writeUInt32BE((id ^ word(4) ^ word(8)) >>> 0)
      for (const { endpoint } of [client, server]) endpoint.input(datagram, place('203.0.113.5'), network.now)
      return true
    })
  )
  for (const packet of [Buffer.of(0), Buffer.of(0x0c), Buffer.of(0x0f, 1)]) {
    const sealed = new PacketSealer(defaultProtection).seal(packet, 4)
    for (const { endpoint } of [client, server]) {
      writeSessionId(sealed, 0)
      endpoint.input(sealed, place('203.0.113.5'), network.now)
    }
  }
  const chunkKinds = ['IHello', 'RHello', 'Redirect', 'CookieChange', 'IIKeying', 'RIKeying'] as const
  const bytes = buffers(60)
  holds(
    t,
    'startup chunks of anything',
    fc.property(
      fc.constantFrom(...chunkKinds),
      fc.constantFrom(...ids),
      bytes,
      bytes,
      bytes,
      (kind, id, one, two, three) => {
        const chunk = {
          kind,
          endpointDiscriminator: one,
          tag: two,
          tagEcho: fc.stringify(one).length % 2 === 0 ? opening.tag : two,
          cookie: two,
          certificate: three,
          destinations: [],
          oldCookie: one,
          newCookie: two,
          cookieEcho: one,
          keyComponent: three,
          signature: one,
          initiatorSessionId: 7,
          responderSessionId: 7
        } as unknown as RtmfpChunk
        for (const { endpoint } of [client, server])
          endpoint.input(startup.seal(chunk, id), place('203.0.113.5'), network.now)
        return client.endpoint.size === 2 && server.endpoint.size === 1
      }
    )
  )
  client.flush()
  network.pass(1000)
  t.match([client.opened[0]!.state, server.opened[0]!.state], ['open', 'open'])
})
