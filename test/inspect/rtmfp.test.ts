import { execFile } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { inspectCapture, type RtmfpReport, rtmfpLines, rtmfpReport } from 'rtmpipe/inspect'
import t from 'tap'
import { Identity } from '../../lib/rtmfp/crypto/identity.ts'
import { PacketSealer } from '../../lib/rtmfp/crypto/packet-sealer.ts'
import type { EndpointOptions } from '../../lib/rtmfp/session/endpoint.ts'
import type { Session } from '../../lib/rtmfp/session/session.ts'
import { readPacket, writePacket } from '../../lib/rtmfp/wire/packet.ts'
import { writeSessionId } from '../../lib/rtmfp/wire/session-id.ts'
import { Dice } from '../fuzz/fuzzer.ts'
import { framesOf, pcap, pcapng, udpFrame } from '../support/pcap-files.ts'
import { type KeysOfSession, keysOf, packetsOf, rtmfpCaptures } from '../support/rtmfp-captures.ts'
import { Messages } from '../support/rtmfp-messages.ts'
import { Network, place } from '../support/rtmfp-network.ts'

const captures = new URL('../../../test/captures/rtmfp/', import.meta.url)
const captureFile = (name: string): Buffer => readFileSync(new URL(`${name}.pcap`, captures))
const keysFile = (name: string): string => readFileSync(new URL(`${name}.keys.txt`, captures), 'utf8')
const report = (name: string): RtmfpReport => rtmfpReport(captureFile(name), keysFile(name))

for (const name of rtmfpCaptures) {
  t.test(name, async t => {
    const expected = JSON.parse(readFileSync(new URL(`${name}.expected.json`, captures), 'utf8'))
    t.same(JSON.parse(JSON.stringify(report(name))), expected, 'the report is that of the oracle')
    const long = [...rtmfpLines(captureFile(name), keysFile(name))].filter(
      line => line.length > 160 || /[^\x20-\x7e…]/.test(line)
    )
    t.same(long, [], 'its lines are short and printable')
  })
}

t.test('a packet that is read is written as the same bytes, without its padding', async t => {
  let count = 0
  for (const name of rtmfpCaptures) {
    for (const bytes of packetsOf(name)) {
      const packet = readPacket(bytes)
      const written = writePacket(packet)
      if (!written.equals(bytes.subarray(0, bytes.length - packet.padding))) t.fail(`${name}: ${bytes.toString('hex')}`)
      if (packet.chunks.some(({ kind }) => kind === 'Malformed')) t.fail(`${name}: a chunk is malformed`)
      count++
    }
  }
  t.equal(count, 2130)
})

t.test('a startup and a first message, in words', async t => {
  const lines = [...rtmfpLines(captureFile('introduction'), keysFile('introduction'))]
  t.same(lines.slice(0, 2), [
    '   0.000 127.0.0.1:56132 -> 127.0.0.1:21500    68 B startup timestamp 0',
    '         IHello epd [[0a, 72746d66703a2f2f3132372e302e302e313a32313530302f6c697665]] tag 3bfb366090067d698f4b6f5b8562d143'
  ])
  t.same(lines.slice(8, 15), [
    '   0.007 127.0.0.1:56132 -> 127.0.0.1:21500   308 B session 1 -> #0 TC timestamp 1 echo 105',
    '         Data flow 2 seq 1 fsn 0 whole length 257 metadata 54430400',
    '         flow 2 begins, of message stream 0, sequence order',
    '         flow 2 message 1 msid 0 ts       0    252 B CommandAmf0 #1 connect({app: "live", audioCodecs: 65535, audioFourCcInfoMap: {"*": 5}, capsEx: 3, fourCcLi…',
    '   0.008 127.0.0.1:21500 -> 127.0.0.1:56132    36 B session 1 <- #0 timestamp 106 echo 1',
    '         EcnReport payload 00',
    '         AckRanges flow 2 buffer 64 cumulative 1'
  ])
  t.same(lines.slice(-11, -6), [
    '         EcnReport payload 00',
    '         FlowException flow 2 exception 0',
    '         AckRanges flow 2 buffer 64 cumulative 1',
    '   1.595 127.0.0.1:47931 -> 127.0.0.1:56132    36 B session 2 -> #1 timestamp 1',
    '         CloseAck'
  ])
  const lossy = [...rtmfpLines(captureFile('publish-loss'), keysFile('publish-loss'))]
  t.ok(lossy.includes('         AckRanges flow 5 buffer 16382 cumulative 1 beyond it [[3, 4]]'))
})

t.test('a pcapng file tells the same', async t => {
  const name = 'publish-rebind'
  t.same(rtmfpReport(pcapng(framesOf(captureFile(name))), keysFile(name)), report(name))
})

t.test('what no key opens is listed', async t => {
  const keys = keysFile('publish-default')
  const file = captureFile('publish-default')
  const none = rtmfpReport(file, '')
  t.same([none.packets.length, none.undecoded.length, none.flows], [4, 176, []], 'startup alone')
  t.same(none.undecoded[0], [22, 0, 1, 244, '02000000'])
  const wrong = rtmfpReport(file, keys.replace(/^responder-hmac-key ./m, 'responder-hmac-key 0'))
  t.same([wrong.packets.length, wrong.undecoded.length], [120, 60], 'one end alone')
  t.equal(
    wrong.flows.every(({ side }) => side === 'I'),
    true
  )
  const ends: Record<string, string> = { initiator: 'responder', responder: 'initiator' }
  const swapped = rtmfpReport(
    file,
    keys.replace(/^(initiator|responder)/gm, end => ends[end]!)
  )
  t.same([swapped.packets.length, swapped.undecoded.length], [4, 176], 'packets with the mode of the other end')

  const [frame] = framesOf(file)
  const damaged = Buffer.from(frame!.bytes)
  damaged[damaged.length - 1]! ^= 1
  const empty = Buffer.concat([frame!.bytes.subarray(0, 38), Buffer.of(0, 8), frame!.bytes.subarray(40)])
  const cut = { ...frame!, bytes: frame!.bytes.subarray(0, 60) }
  const lines = [...rtmfpLines(pcap([{ ...frame!, bytes: damaged }, { ...frame!, bytes: empty }, cut]), keys)]
  t.match(lines, [/ 68 B no key opens it, session id [0-9a-f]{8}$/, / 0 B no key opens it, session id missing$/])
  t.equal(lines.length, 2, 'a datagram that was not captured whole is passed over')
  t.same(rtmfpReport(readFileSync(new URL('../obs-publish.pcap', captures)), '').packets, [], 'TCP')
})

t.test('keys that are not complete, and captures that are not whole, are errors in one sentence', async t => {
  const keys = keysFile('publish-default')
  const file = captureFile('publish-default')
  for (const [broken, message] of [
    [keys.replace(/^session 1/m, 'session one'), 'keys of session 1 have no number session'],
    [keys.replace(/^initiator-key .*/m, ''), 'keys of session 1 have no initiator-key of 32 bytes'],
    [keys.replace(/^responder-key ../m, 'responder-key '), 'keys of session 1 have no responder-key of 32 bytes'],
    [
      keys.replace(/^responder-session-id 0/m, 'responder-session-id x'),
      'keys of session 1 have no responder-session-id of 4 bytes'
    ],
    [
      keys.replace(/^initiator-hmac-length 16/m, 'initiator-hmac-length 33'),
      'keys of session 1 have an invalid initiator-hmac-length'
    ],
    [keys.replace(/^responder-sseq 1/m, ''), 'keys of session 1 have no number responder-sseq']
  ] as const)
    t.throws(() => rtmfpReport(file, broken), { name: 'Error', message })
  t.throws(() => rtmfpReport(file.subarray(0, 30_000), keys), { message: /^capture ends inside packet \d+$/ })
  t.throws(() => rtmfpReport(Buffer.from(keys), keys), { message: 'file is neither pcap nor pcapng' })
})

t.test('a capture that lies is told somehow, or refused in a sentence', async t => {
  const [file, keys] = [captureFile('introduction'), keysFile('introduction')]
  const dice = new Dice(1)
  for (let i = 0; i < 300; i++) {
    const lying = Buffer.from(file)
    for (let count = dice.below(20); count >= 0; count--) lying[24 + dice.below(lying.length - 24)] = dice.below(256)
    try {
      rtmfpReport(lying, keys)
    } catch (error) {
      const { name, message, stack } = error as Error
      if (name !== 'Error' || message.includes('\n')) t.fail(`${i}: ${stack}`)
    }
  }
  t.pass('300 of them')
})

t.test('the keys that our endpoints log open all that they say', async t => {
  const network = new Network()
  const identities = [
    new Identity({ groups: [2], acceptsAncillaryData: true }),
    new Identity({ groups: [2], isStatic: true })
  ]
  const logs: string[][] = [[], [], []]
  const ends: Record<'client' | 'server', Messages[]> = { client: [], server: [] }
  const opened = (role: 'server' | 'client') => (session: Session) => {
    const messages = new Messages(session, { role })
    ends[role].push(messages)
    return messages.flows
  }
  const node = (
    port: number,
    identity: Identity,
    log: string[],
    role: 'server' | 'client',
    more: Partial<EndpointOptions> = {}
  ) =>
    network.node(place('127.0.0.1', port), {
      identity,
      keyLog: line => void log.push(line),
      opened: opened(role),
      ...more
    })
  const [server, client] = [
    node(1935, identities[0]!, logs[0]!, 'server'),
    node(5000, identities[1]!, logs[1]!, 'client')
  ]
  const never = { terms: { hmac: 0, hmacLength: 16, sequence: 0 } }
  const plain = node(5001, new Identity({ groups: [2], isStatic: true }), logs[2]!, 'client', never)
  const message = (length: number) => ({ type: 20, messageStreamId: 0, timestamp: 7, payload: Buffer.alloc(length, 5) })
  for (const each of [client, plain]) {
    each.endpoint.open({ ancillaryData: Buffer.from('rtmfp://server/live') }, [server.place], network.now)
    network.pass(100)
  }
  for (const role of ['client', 'server'] as const) {
    for (const end of ends[role]) end.put(message(5000), network.now)
    network.pass(1000)
  }
  for (const each of [client, plain]) each.endpoint.close(network.now)
  network.pass(100)

  t.same(
    logs.map(log => log.filter(line => line.startsWith('session')).length),
    [2, 1, 1]
  )
  t.same(logs[0]!.slice(0, logs[1]!.length), logs[1], 'both ends log the same')
  const frames = network.sent.map(({ from, to, bytes, at }) => ({
    nanoseconds: BigInt(at) * 1_000_000n,
    bytes: udpFrame(from.port, to.port, bytes)
  }))
  const { packets, undecoded, counts, flows } = rtmfpReport(pcap(frames), logs[0]!.join('\n'))
  t.same([undecoded, packets.length], [[], network.sent.length])
  t.match(counts, { IHello: 2, RIKeying: 2, Close: 2, CloseAck: 2 })
  t.equal(counts['sseq 2I'], undefined, 'without sequence numbers')
  t.match(
    flows.map(({ session, side, tcStream, messages }) => [session, side, tcStream, messages[0]!.slice(2, 5)]),
    [
      [1, 'I', 0, [20, 7, 5000]],
      [2, 'I', 0, [20, 7, 5000]],
      [1, 'R', 0, [20, 7, 5000]],
      [2, 'R', 0, [20, 7, 5000]]
    ]
  )
})

t.test('a message that is too long ends its flow in the report', async t => {
  const [{ responder, initiator }] = keysOf('publish-default') as [KeysOfSession]
  const [frame] = framesOf(captureFile('publish-default'))
  const sealer = new PacketSealer(initiator.protection)
  const frameOf = (sequenceNumber: number, fragmentControl: 'begin' | 'middle' | 'whole', length: number) => {
    const data = Buffer.alloc(length, 8)
    const told = { kind: 'UserData', flowId: 5, sequenceNumber, forwardSequenceNumber: 0, fragmentControl } as const
    const chunk = { ...told, abandon: false, final: false, options: [], data } as const
    const header = { mode: 1, timeCritical: false, timeCriticalReverse: false } as const
    const packet = writePacket({ ...header, timestamp: undefined, timestampEcho: undefined, chunks: [chunk] })
    const payload = sealer.seal(packet, 4)
    writeSessionId(payload, responder.sessionId)
    const headers = Buffer.from(frame!.bytes.subarray(0, 42))
    headers.writeUInt16BE(payload.length + 28, 16)
    headers.writeUInt16BE(payload.length + 8, 38)
    return { ...frame!, bytes: Buffer.concat([headers, payload]) }
  }
  const fragments = Array.from({ length: 175 }, (_, i) => frameOf(i + 2, i === 0 ? 'begin' : 'middle', 60_000))
  const file = pcap([frameOf(1, 'whole', 100), ...fragments, frameOf(300, 'whole', 100)])
  const { flows, packets } = rtmfpReport(file, keysFile('publish-default'))
  t.equal(packets.length, 177)
  t.match(flows, [{ flow: 5, error: 'ERR_RTMP_MESSAGE_TOO_LONG', messages: [[1, 1, null, null, 100]] }])
  t.equal(flows[0]!.messages.length, 1)
  t.match(
    [...rtmfpLines(file, keysFile('publish-default'))].find(line => line.includes('ERR_')),
    /^ {9}flow 5 ERR_RTMP_MESSAGE_TOO_LONG: .*; the rest is not listed$/
  )
})

t.test('without keys it is counted', async t => {
  t.match(
    [...inspectCapture(captureFile('server-shutdown'))],
    [{ kind: 'note', text: /^\d+ packets of UDP, skipped$/ }, { kind: 'note' }]
  )
})

t.test('rtmpipe inspect --rtmfp-keys', async t => {
  const cli = fileURLToPath(new URL('../../lib/app/cli.js', import.meta.url))
  const path = (file: string) => fileURLToPath(new URL(file, captures))
  const inspect = async (...words: string[]) => {
    const args = [cli, 'inspect', path('introduction.pcap'), '--rtmfp-keys', path('introduction.keys.txt'), ...words]
    return (await promisify(execFile)(process.execPath, args)).stdout
  }
  t.same(JSON.parse(await inspect('--json')), JSON.parse(JSON.stringify(report('introduction'))))
  const lines = [...rtmfpLines(captureFile('introduction'), keysFile('introduction'))]
  t.equal(await inspect(), `${lines.join('\n')}\n`)
})
