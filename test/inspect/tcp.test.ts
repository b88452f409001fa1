import t from 'tap'
import { inspectCapture } from '../../lib/inspect/inspect.ts'
import { endpointName } from '../../lib/inspect/ip.ts'
import { textLine } from '../../lib/inspect/ledger-text.ts'
import { isPcap, readPackets } from '../../lib/inspect/pcap.ts'
import { tcpEvents } from '../../lib/inspect/tcp.ts'
import { tcpSegment } from '../../lib/inspect/tcp-segment.ts'
import { hex } from '../support/hex.ts'
import { captureFile, textLedger } from '../support/ledgers.ts'
import {
  eachMillisecond,
  frame,
  framesOf,
  pcap,
  pcapng,
  relinked,
  type Segment,
  type TimedPacket
} from '../support/pcap-files.ts'

const small = captureFile('ffmpeg-play-vod')
const whole = textLedger(small)

t.test('a file in every form tells the same', async t => {
  const frames = framesOf(small)
  const files = {
    'as it is': pcap(frames),
    'big-endian': pcap(frames, { bigEndian: true }),
    'in nanoseconds': pcap(frames, { nanoseconds: true }),
    'in nanoseconds, big-endian': pcap(frames, { nanoseconds: true, bigEndian: true }),
    pcapng: pcapng(frames),
    'pcapng, big-endian': pcapng(frames, { bigEndian: true }),
    'pcapng, microseconds': pcapng(frames, { resolution: 6 }),
    'pcapng, nanoseconds': pcapng(frames, { resolution: 9, bigEndian: true }),
    'pcapng, 2^-24 seconds': pcapng(frames, { resolution: 0x80 + 24 }),
    'two sections, each in its byte order': Buffer.concat([
      pcapng(frames.slice(0, 40)),
      pcapng(frames.slice(40), { bigEndian: true })
    ])
  }
  for (const [form, file] of Object.entries(files)) {
    t.equal(isPcap(file), true, form)
    t.same(textLedger(file), whole, form)
  }
})

t.test(
  'pcapng: packets without a time have that of the packet ahead, and are as long as the file keeps them',
  async t => {
    const packets = eachMillisecond([Buffer.from('first'), Buffer.from('second, longer')])
    const read = (file: Buffer) => Array.from(readPackets(file), ({ time, bytes }) => [time, bytes.toString()])
    t.same(read(pcapng(packets, { simple: true })), [
      [0, 'first'],
      [0, 'second, longer']
    ])
    t.same(read(pcapng(packets, { simple: true, snapLength: 6 })), [
      [0, 'first'],
      [0, 'second']
    ])
    const simple = pcapng(packets, { simple: true }).subarray(-32)
    t.same(read(Buffer.concat([pcapng(packets), simple])).at(-1), [1000, 'second, longer'])
  }
)

t.test('pcapng: an offset of all times', async t => {
  const options = hex`0e000800 3c00000000000000 00000000`
  const section = hex`0a0d0d0a 1c000000 4d3c2b1a 01000000 ffffffffffffffff 1c000000`
  const described = hex`01000000 24000000 01000000 00000000 ${options} 24000000`
  const packet = hex`06000000 20000000 00000000 00000000 05000000 00000000 00000000 20000000`
  t.same(
    [...readPackets(Buffer.concat([section, described, packet]))],
    [{ time: 60_000_005, linkType: 1, bytes: Buffer.alloc(0) }]
  )
})

t.test('a file that is cut or lies is refused in a sentence', async t => {
  const packets = eachMillisecond([Buffer.alloc(10)])
  const of = (file: Buffer, change: (file: Buffer) => void) => {
    change(file)
    return () => [...readPackets(file)]
  }
  const ng = (change: (file: Buffer) => void) => of(pcapng(packets), change)
  const refused = (read: () => unknown, message: string) => t.throws(read, { message })
  refused(() => [...readPackets(Buffer.from('none'))], 'file is neither pcap nor pcapng')
  refused(() => [...readPackets(pcap(packets).subarray(0, 23))], 'capture ends inside its header')
  t.same([...readPackets(pcap(packets).subarray(0, 24))], [])
  for (const end of [25, 39, 49])
    refused(() => [...readPackets(pcap(packets).subarray(0, end))], 'capture ends inside packet 1')
  // a section header of 28 bytes, an interface of 20, an unknown block of 28, a packet of 44
  refused(
    ng(file => file.writeUInt32LE(0, 8)),
    'capture section has no valid byte order'
  )
  refused(
    ng(file => file.writeUInt32LE(8, 4)),
    'capture block 1 has an invalid length of 8 bytes'
  )
  refused(
    ng(file => file.writeUInt32LE(30, 4)),
    'capture block 1 has an invalid length of 30 bytes'
  )
  refused(
    ng(file => file.writeUInt32LE(24, 24)),
    'capture block 1 has two different lengths'
  )
  refused(
    ng(file => file.writeUInt32LE(48, 80)),
    'capture ends inside block 4'
  )
  refused(() => [...readPackets(pcapng(packets).subarray(0, 87))], 'capture ends inside block 4')
  refused(
    ng(file => file.writeUInt32LE(1, 84)),
    'capture block 4 refers to an unknown interface'
  )
  refused(
    ng(file => file.writeUInt32LE(13, 96)),
    'capture block 4 declares more packet bytes than it contains'
  )
  refused(
    ng(file => file.writeUInt32LE(5, 28)),
    'capture block 4 refers to an unknown interface'
  )
  const short = (type: number) => hex`${Buffer.of(type)}000000 0c000000 0c000000`
  const behind = (block: Buffer) => () => [...readPackets(Buffer.concat([pcapng([]), block]))]
  refused(behind(short(1)), 'capture block 4 is too short for an interface description')
  refused(behind(short(6)), 'capture block 4 is too short for a packet')
  refused(behind(short(3)), 'capture block 4 contains a packet without an interface')
  refused(
    behind(hex`03000000 10000000 01000000 10000000`),
    'capture block 4 declares more packet bytes than it contains'
  )
  const described = pcapng([]).subarray(28, 48)
  const interfaces = (count: number) => Buffer.concat([pcapng([]), ...Array<Buffer>(count).fill(described)])
  t.same([...readPackets(interfaces(65_535))], [])
  refused(() => [...readPackets(interfaces(65_536))], 'capture has more than 65536 interfaces')
})

t.test('whatever carries the IP packets', async t => {
  for (const [name, relink] of Object.entries(relinked)) {
    let linkType = 0
    const packets = framesOf(small).map(({ nanoseconds, bytes }): TimedPacket => {
      const [type, relinked] = relink(bytes)
      linkType = type
      return { nanoseconds, bytes: relinked }
    })
    const lines = textLedger(pcap(packets, { linkType })).map(line => line.replaceAll('[::1]:', '127.0.0.1:'))
    t.same(lines, whole, name)
  }
})

t.test('of links that nobody here knows the number is told, of a file that is cut too', async t => {
  const file = pcap(framesOf(small), { linkType: 105 })
  const count = framesOf(small).length
  const notes = (packets: number) => [
    `${packets} packets of link type 105, skipped`,
    'capture contains no TCP connection with data'
  ]
  t.same(textLedger(file), notes(count))
  const lines: string[] = []
  t.throws(
    () => {
      for (const entry of inspectCapture(file.subarray(0, -1))) lines.push(textLine(entry))
    },
    { message: /^capture ends inside packet \d+$/ }
  )
  t.same(lines, notes(count - 1))
})

t.test('what is passed over is counted by its kind: tunnels, other protocols, fragments, what is cut', async t => {
  const good = frame({ sequence: 1, payload: Buffer.from('bytes') })
  const changed = (...changes: [at: number, ...bytes: number[]][]) => {
    const packet = Buffer.from(good)
    for (const [at, ...bytes] of changes) packet.set(bytes, at)
    return packet
  }
  const udp = (port: number, side = 0) => changed([23, 17], [34, 0, 9, 0, 9], [34 + 2 * side, port >> 8, port & 255])
  const tunnelled = framesOf(small).map(({ nanoseconds, bytes }) => {
    const header = Buffer.from([0x30, 0xff, 0, 0, 0, 0, 0, 1])
    const inner = Buffer.concat([udp(2152, 1).subarray(0, 42), header, bytes.subarray(14)])
    inner.writeUInt16BE(inner.length - 14, 16)
    return { nanoseconds, bytes: inner }
  })
  t.same(textLedger(pcap(tunnelled)), [
    `${tunnelled.length} packets of UDP port 2152, GTP-U, a tunnel, skipped`,
    'capture contains no TCP connection with data'
  ])
  const [, inIpv6] = relinked['IPv6 with a fragment header, unfragmented']!(good)
  const frames = [
    ...[changed([12, 8, 6]), changed([12, 0x88, 0x64]), changed([12, 0x12, 3]), changed([14, 0x55])],
    ...[1, 47, 99].map(protocol => changed([23, protocol])),
    ...[udp(4789), udp(53), udp(1935, 1), changed([20, 0x20, 0]), Buffer.from(inIpv6.fill(1, 57, 58))],
    ...[good.subarray(0, 50), good.subarray(0, 30), good.subarray(0, 10), good]
  ]
  t.same(
    textLedger(pcap(eachMillisecond(frames)))
      .slice(1)
      .sort(),
    [
      ...['1 packet of ARP', '1 packet of EtherType 0x1203', '1 packet of GRE, a tunnel', '1 packet of ICMP'],
      ...['1 packet of IP protocol 99', '1 packet of PPPoE, a tunnel', '1 packet of UDP port 1935, possibly RTMFP'],
      ...['1 packet of UDP port 4789, VXLAN, a tunnel', '1 packet of UDP', '2 packets of fragmented IP'],
      ...['2 packets of non-IP data', '2 packets of truncated TCP']
    ].map(kind => `${kind}, skipped`)
  )
  const many = Array.from({ length: 200 }, (_, i) => changed([12, 0x20, i]))
  t.equal(textLedger(pcap(eachMillisecond(many)))[0], '168 packets of other kinds, skipped')
})

t.test('packets that carry nothing of TCP are passed over, whatever they say', async t => {
  const good = frame({ sequence: 1, payload: Buffer.from('bytes') })
  const changed = (at: number, ...bytes: number[]) => {
    const packet = Buffer.from(good)
    packet.set(bytes, at)
    return tcpSegment({ time: 0, linkType: 1, bytes: packet })
  }
  t.equal(changed(0)?.payload.toString(), 'bytes')
  t.equal(changed(12, 8, 6), undefined, 'ARP')
  t.equal(changed(14, 0x55), undefined, 'IP of version 5')
  t.equal(changed(14, 0x44), undefined, 'an IP header that is too short')
  t.equal(changed(14, 0x4f), undefined, 'an IP header that is longer than the packet')
  t.equal(changed(23, 17), undefined, 'UDP')
  t.equal(changed(20, 0x20, 0), undefined, 'a first fragment')
  t.equal(changed(20, 0, 1), undefined, 'another fragment')
  t.ok(changed(20, 0x40, 0), 'a packet that must not be fragmented')
  t.equal(changed(46, 0x40), undefined, 'a TCP header that is too short')
  t.equal(changed(46, 0xf0), undefined, 'a TCP header that is longer than the packet')
  t.equal(changed(16, 0, 0)?.payload.toString(), 'bytes', 'an IP length of 0 is that of the frame')
  t.equal(changed(16, 0, 42)?.payload.toString(), 'by', 'what lies behind the IP packet is none of it')
  for (const [name, relink] of Object.entries(relinked)) {
    const [linkType, bytes] = relink(good)
    const segment = tcpSegment({ time: 0, linkType, bytes })
    t.equal(segment?.payload.toString(), 'bytes', name)
    for (let length = 0; length < bytes.length; length++) {
      const cut = tcpSegment({ time: 0, linkType, bytes: bytes.subarray(0, length) })
      if (cut !== undefined && !segment!.payload.subarray(0, cut.payload.length).equals(cut.payload))
        t.fail(`${name}, ${length} bytes`)
    }
  }
  const [, fragment] = relinked['IPv6 with a fragment header, unfragmented']!(good)
  fragment[14 + 40 + 3] = 1
  t.equal(tcpSegment({ time: 0, linkType: 1, bytes: fragment }), undefined, 'a first fragment of IPv6')
  fragment.set([1, 0], 14 + 40 + 2)
  t.equal(tcpSegment({ time: 0, linkType: 1, bytes: fragment }), undefined, 'another fragment of IPv6')
})

t.test('endpoints, as people write them', async t => {
  const endpoint = (address: string) => endpointName(Buffer.from(`${address}078f`, 'hex').toString('latin1'))
  t.equal(endpoint('7f000001'), '127.0.0.1:1935')
  t.equal(endpoint('20010db8000000000000000000000001'), '[2001:db8::1]:1935')
})

const segment =
  (ends: Pick<Segment, 'from' | 'to'>) =>
  (sequence: number, text = '', flags = 'A') =>
    frame({ ...ends, sequence, flags, payload: Buffer.from(text) })
const client = segment({ from: 5000, to: 1935 })
const server = segment({ from: 1935, to: 5000 })

/** What was sent, in order: `1>` and `1<` from the client and the server of the first connection. */
function sent(...frames: readonly Buffer[]): string[] {
  const connections: unknown[] = []
  const told: string[] = []
  for (const { connection, from, piece } of tcpEvents(readPackets(pcap(eachMillisecond(frames))))) {
    if (!connections.includes(connection)) connections.push(connection)
    const what = piece.kind === 'bytes' ? piece.bytes : piece.kind === 'end' ? piece.how : `${piece.bytes} missing`
    told.push(`${connections.indexOf(connection) + 1}${from === 'client' ? '>' : '<'} ${what}`)
  }
  return told
}

t.test('a connection from its first packet to its last', async t => {
  const opening = [client(100, '', 'S'), server(900, '', 'SA'), client(101)]
  t.same(sent(...opening, client(101, 'hello'), server(901, 'hi'), client(106, '', 'FA'), server(903, 'bye', 'FA')), [
    '1> hello',
    '1< hi',
    '1> FIN',
    '1< bye',
    '1< FIN'
  ])
  t.same(sent(...opening, client(101, 'hello'), server(901, '', 'R'), client(106, ' you')), [
    '1> hello',
    '1< RST',
    '1>  you',
    '1> capture'
  ])
  t.same(sent(...opening, client(101, 'all', 'FA'), client(104, 'more')), ['1> all', '1> FIN', '1< capture'])
  t.same(sent(client(100, 'fast', 'S')), ['1> fast', '1> capture', '1< capture'], 'bytes with the SYN')
})

t.test('segments out of order, twice, overlapping and empty', async t => {
  const begin = client(100, '', 'S')
  const ends = ['1> capture', '1< capture']
  t.same(sent(begin, client(104, 'def'), client(101, 'abc')), ['1> abc', '1> def', ...ends])
  t.same(sent(begin, client(107, 'g'), client(104, 'def'), client(101, 'abc')), ['1> abc', '1> def', '1> g', ...ends])
  const shuffled = [...'gbfdaec'].map(letter => client(101 + 'abcdefg'.indexOf(letter), letter))
  t.same(sent(begin, ...shuffled), [...[...'abcdefg'].map(letter => `1> ${letter}`), ...ends])
  t.same(sent(begin, client(101, 'abc'), client(101, 'abc'), client(104, 'd')), ['1> abc', '1> d', ...ends])
  t.same(sent(begin, client(101, 'abc'), client(102, 'bcd')), ['1> abc', '1> d', ...ends])
  t.same(sent(begin, client(101, 'abc'), client(101, 'ab'), client(104, 'd')), ['1> abc', '1> d', ...ends])
  t.same(sent(begin, client(103, 'cd'), client(101, 'abcde')), ['1> abcde', ...ends])
  t.same(sent(begin, client(101, 'abc'), client(103, 'x'), client(104), client(104, 'd')), ['1> abc', '1> d', ...ends])
  t.same(
    sent(begin, client(104, '', 'FA'), client(101, 'abc')),
    ['1> abc', '1> FIN', '1< capture'],
    'a FIN that is early'
  )
  t.same(
    sent(begin, client(101, 'ab'), client(101, '', 'FA'), client(103, 'c')),
    ['1> ab', '1> c', ...ends],
    'a FIN of yore'
  )
  t.same(sent(begin, client(104, 'x'), client(101, 'abc', 'FA')), ['1> abc', '1> FIN', '1< capture'], 'behind a FIN')
  const again = [server(900, '', 'SA'), server(901, 'hi'), server(700, '', 'SA'), server(903, '!')]
  t.same(sent(begin, ...again).slice(0, 2), ['1< hi', '1< !'], 'a SYN that is late')
  t.same(sent(begin, begin, client(101, 'abc'), begin, client(104, 'd')), ['1> abc', '1> d', ...ends], 'a SYN, again')
})

t.test('sequence numbers wrap', async t => {
  const max = 2 ** 32
  t.same(sent(client(max - 1, '', 'S'), client(0, 'abc')), ['1> abc', '1> capture', '1< capture'])
  t.same(sent(client(max - 3, '', 'S'), client(1, 'def'), client(max - 2, 'abc'), client(max - 2, 'abc')), [
    '1> abc',
    '1> def',
    '1> capture',
    '1< capture'
  ])
})

t.test('what was not captured', async t => {
  const begin = client(100, '', 'S')
  const lost = [begin, client(101, 'abc'), client(107, 'g')]
  t.same(sent(...lost, client(108, 'h')), ['1> abc', '1> 3 missing', '1< capture'])
  t.same(sent(...lost, client(108, '', 'R')), ['1> abc', '1> 3 missing', '1< capture'])
  t.same(sent(...lost, client(108, '', 'FA')), ['1> abc', '1> 3 missing', '1< capture'])
  const waiting = (count: number) => Array.from({ length: count }, (_, i) => client(200 + i, '.'))
  t.same(sent(begin, ...waiting(4096), client(101, 'x'.repeat(99))).length, 4096 + 3, 'so many may wait')
  t.same(sent(begin, ...waiting(4097), client(101, 'x'.repeat(99)), server(1, 'on')), [
    '1> 99 missing',
    '1< on',
    '1< capture'
  ])
})

t.test('a capture that begins inside a connection', async t => {
  t.same(sent(client(7, 'abc'), server(5, 'x'), client(10, 'd')).slice(0, 3), ['1> abc', '1< x', '1> d'])
  t.same(sent(server(5, 'x'), client(6), client(7, 'abc'))[1], '1< abc', 'a probe of keep-alive is no first byte')
  t.same(sent(client(7), client(7, '', 'FA'), client(8, '', 'R')), [], 'and behind all that was sent')
  t.same(sent(server(900, '', 'SA'), client(101, 'abc'))[0], '1> abc', 'who answers a SYN is the server')
  const lines = textLedger(pcap(eachMillisecond([client(7, 'GET / HTTP/1.1')])))
  t.match(lines, [/, HTTP, not RTMPT, beginning not in the capture$/])
})

t.test('connections side by side, and one behind the other between the same endpoints', async t => {
  const other = segment({ from: 6000, to: 1935 })
  t.same(sent(client(1, 'a'), other(1, 'b'), client(2, 'c'), other(2, 'd')).slice(0, 4), [
    '1> a',
    '2> b',
    '1> c',
    '2> d'
  ])
  t.same(sent(client(100, '', 'S'), client(101, 'a'), client(500, '', 'S'), client(501, 'b')), [
    '1> a',
    '1> capture',
    '1< capture',
    '2> b',
    '2> capture',
    '2< capture'
  ])
  t.same(sent(client(100, '', 'S'), client(101, 'a'), server(500, '', 'S'), server(501, 'b')).slice(3), [
    '2> b',
    '2> capture',
    '2< capture'
  ])
})

t.test('more connections than can be remembered', async t => {
  let sent = 0
  function* packets() {
    for (let i = 0; ; i++, sent++)
      yield {
        time: 0,
        linkType: 1,
        bytes: frame({ from: 10_000 + (i % 50_000), to: 70 + Math.floor(i / 50_000), sequence: 1, flags: 'S' })
      }
  }
  t.throws(() => [...tcpEvents(packets())], { message: 'capture contains more than 100000 TCP connections' })
  t.equal(sent, 100_000, 'before the one that is refused')
})

t.test('what is not read is told, and why', async t => {
  const protocols = {
    '060000': 'RTMPE version 6, encrypted, not decoded',
    '080000': 'RTMPE version 8, encrypted, not decoded',
    '090000': 'RTMPE version 9, encrypted, not decoded',
    '160301': 'TLS, possibly RTMPS, encrypted, not decoded',
    [Buffer.from('POST /fcs/ident2 HTTP/1.1').toString('hex')]: 'RTMPT, tunnelled in HTTP, not decoded',
    [Buffer.from('POST /send/1/2 HTTP/1.1').toString('hex')]: 'RTMPT, tunnelled in HTTP, not decoded',
    [Buffer.from('POST /form HTTP/1.1').toString('hex')]: 'HTTP, not RTMPT',
    [Buffer.from('HTTP/1.1 200 OK').toString('hex')]: 'HTTP, not RTMPT',
    '0102030405060708ff': 'no RTMP handshake, first bytes 0102030405060708'
  }
  for (const [bytes, protocol] of Object.entries(protocols)) {
    const segments = [client(0, '', 'S'), frame({ sequence: 1, payload: Buffer.from(bytes, 'hex') })]
    const lines = textLedger(pcap(eachMillisecond(segments)))
    t.same(lines, [`connection 1: 127.0.0.1:5000 -> 127.0.0.1:1935 at 1970-01-01T00:00:00.000Z, ${protocol}`])
  }
})
