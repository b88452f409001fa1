import { readFileSync } from 'node:fs'
import t from 'tap'
import { readCertificate } from '../../../lib/rtmfp/crypto/certificate.ts'
import { readDiscriminator } from '../../../lib/rtmfp/crypto/endpoint-discriminator.ts'
import { Identity } from '../../../lib/rtmfp/crypto/identity.ts'
import { type Place, StartupPackets } from '../../../lib/rtmfp/session/datagrams.ts'
import { RtmfpEndpoint } from '../../../lib/rtmfp/session/endpoint.ts'
import { keyLines } from '../../../lib/rtmfp/session/key-log.ts'
import { Session } from '../../../lib/rtmfp/session/session.ts'
import type { RtmfpChunk } from '../../../lib/rtmfp/wire/chunk.ts'
import { SESSION_ID_LENGTH } from '../../../lib/rtmfp/wire/session-id.ts'
import { type Datagram, datagramsOf, keysOf, rtmfpCaptures } from '../../support/rtmfp-captures.ts'
import { place } from '../../support/rtmfp-network.ts'

const startup = new StartupPackets()
const at = (port: number): Place => place('127.0.0.1', port)
type Kind<Name> = RtmfpChunk & { kind: Name }

/** The startup packets of a capture, each of one chunk. */
const startupOf = (name: string): (Datagram & { chunk: RtmfpChunk })[] =>
  datagramsOf(name).flatMap(datagram => {
    const [chunk] = startup.open(datagram.bytes.subarray(SESSION_ID_LENGTH)) ?? []
    return chunk === undefined ? [] : [{ ...datagram, chunk }]
  })

const firstOf = <Name extends RtmfpChunk['kind']>(name: string, kind: Name): Kind<Name> =>
  startupOf(name).find(({ chunk }) => chunk.kind === kind)!.chunk as Kind<Name>

const chunksOf = (endpoint: RtmfpEndpoint, now: number): RtmfpChunk[] =>
  [...endpoint.output(now)].flatMap(({ bytes }) => startup.open(bytes.subarray(SESSION_ID_LENGTH)) ?? [])

t.test('ours answers the hello and the keying of real initiators', async t => {
  for (const name of rtmfpCaptures) {
    const opened: Session[] = []
    const hello = startupOf(name).find(({ chunk, bytes }) => chunk.kind === 'IHello' && bytes.length >= 52)!
    const identity = new Identity({ groups: [5, 14, 16, 2], acceptsAncillaryData: true })
    const server = new RtmfpEndpoint({ identity, opened: session => void opened.push(session) })
    const from = at(hello.from)
    server.input(hello.bytes, from, 0)
    const [answer] = chunksOf(server, 0) as [Kind<'RHello'>]
    t.match(answer, { kind: 'RHello', tagEcho: (hello.chunk as Kind<'IHello'>).tag }, name)
    const keying = firstOf(name, 'IIKeying')
    server.input(startup.seal({ ...keying, cookieEcho: answer.cookie }), from, 1)
    const [sent] = [...server.output(1)]
    t.match(startup.open(sent!.bytes.subarray(SESSION_ID_LENGTH)), [{ kind: 'RIKeying' }], name)
    t.match(opened, [{ role: 'responder', farId: keying.initiatorSessionId, agreement: { skic: keying.keyComponent } }])
    t.same(opened[0]!.certificate.bytes, keying.certificate, name)
  }
})

t.test('a hello of 36 bytes has no answer, as any would be more than three times as long', async t => {
  const identity = new Identity({ hostname: 'lb', groups: [2] })
  const server = new RtmfpEndpoint({ identity })
  const { bytes, from } = startupOf('redirector')[0]!
  t.equal(bytes.length, 36)
  server.input(bytes, at(from), 0)
  t.same([...server.output(0)], [])
})

t.test('ours opens sessions to real responders', async t => {
  for (const name of rtmfpCaptures) {
    const { endpointDiscriminator } = firstOf(name, 'IHello')
    const answer = firstOf(name, 'RHello')
    const group = keysOf(name)[0]!.group as 2
    const opened: Session[] = []
    const identity = new Identity({ groups: [group], isStatic: true })
    const client = new RtmfpEndpoint({ identity, opened: session => void opened.push(session) })
    const opening = client.open(readDiscriminator(endpointDiscriminator), [at(21_500)], 0)
    client.elapsed(0)
    const [hello] = chunksOf(client, 0) as [Kind<'IHello'>]
    t.same(hello.endpointDiscriminator, endpointDiscriminator, `${name}: the same discriminator`)
    client.input(startup.seal({ ...answer, tagEcho: hello.tag }), at(21_500), 1)
    client.elapsed(1)
    const [keying] = chunksOf(client, 1) as [Kind<'IIKeying'>]
    t.match(keying, { kind: 'IIKeying', cookieEcho: answer.cookie, initiatorSessionId: opening.nearId }, name)
    // the answer to another keying, but it may be one to this
    const last = startupOf(name).filter(({ chunk }) => chunk.kind === 'RIKeying')[0]!.chunk
    client.input(startup.seal(last, opening.nearId), at(21_500), 2)
    t.match(opened, [{ role: 'initiator', farId: (last as Kind<'RIKeying'>).responderSessionId }], name)
  }
})

t.test('the keys of a session are written as those of real ones were', async t => {
  for (const name of rtmfpCaptures) {
    const text = readFileSync(new URL(`../../../../test/captures/rtmfp/${name}.keys.txt`, import.meta.url), 'latin1')
    const { certificate: bytes } = firstOf(name, 'RHello')
    const certificate = readCertificate(bytes)
    const written = keysOf(name).flatMap(({ cookie, initiator, responder, ...agreed }, i) => {
      const agreement = { ...agreed, initiator, responder }
      const ids = { nearId: responder.sessionId, farId: initiator.sessionId }
      return [...keyLines(i + 1, { role: 'responder', ...ids, address: at(0), certificate, agreement, cookie })]
    })
    t.same(
      written,
      text.split('\n').filter(line => line !== '' && !line.startsWith('#')),
      name
    )
  }
})

interface Counts {
  readonly counts: Readonly<Record<string, number>>
}

/** Kinds of chunks that are for flows, by their names in the expected decodes. */
const ofFlows = ['Data', 'NextData', 'AckRanges', 'AckBitmap', 'FlowException', 'BufferProbe', 'EcnReport']

t.test('sessions of real programs go through ours, in either role, from the first packet to the close', async t => {
  for (const name of rtmfpCaptures) {
    const path = new URL(`../../../../test/captures/rtmfp/${name}.expected.json`, import.meta.url)
    const { counts } = JSON.parse(readFileSync(path, 'utf8')) as Counts
    let [toFlows, pings] = [0, 0]
    const ends: (string | undefined)[] = []
    for (const { group, secret, cookie, skic, skrc, initiator, responder } of keysOf(name)) {
      for (const role of ['initiator', 'responder'] as const) {
        const [near, far] = role === 'initiator' ? [initiator, responder] : [responder, initiator]
        const times = { keepaliveMs: 1e9, quietMs: 1e9 }
        const host = {
          secret,
          ...times,
          maxDatagramBytes: 1204,
          wake() {},
          moved() {},
          forwarded() {},
          left() {},
          closed() {}
        }
        const agreement = { group, secret, skic, skrc, initiator, responder }
        const certificate = readCertificate(firstOf(name, 'RHello').certificate)
        const address = at(0)
        const start = { role, nearId: near.sessionId, farId: far.sessionId, address, certificate, agreement, cookie }
        const session = new Session(host, start, 0)
        session.flows = {
          receive: () => toFlows++,
          received() {},
          fill: () => undefined,
          nextTimeout: () => Number.POSITIVE_INFINITY,
          elapsed() {},
          over() {}
        }
        for (const { bytes, from, ms } of datagramsOf(name)) {
          session.input(bytes.subarray(SESSION_ID_LENGTH), at(from), ms)
          for (const { to } of session.output(ms)) pings += to.port === from ? 1 : 0
        }
        ends.push(session.closeReason)
      }
    }
    const expected = ofFlows.reduce((sum, kind) => sum + (counts[kind] ?? 0), 0)
    t.equal(toFlows, expected, name)
    t.ok(pings > 0, `${name}: it asks who is at that address`)
    if ((counts.CloseAck ?? 0) > 1) t.ok(ends.includes('far'), `${name}: ${ends}`)
  }
})
