import fc from 'fast-check'
import { ProtocolError } from 'rtmpipe'
import t from 'tap'
import { ByteReader } from '../../../lib/bytes/byte-reader.ts'
import { ByteWriter } from '../../../lib/bytes/byte-writer.ts'
import { readPeerInfo } from '../../../lib/rtmfp/flow-mapping/peer-info.ts'
import type { Acknowledgement } from '../../../lib/rtmfp/wire/acknowledgement.ts'
import { addressText, parseAddress, readAddress, writeAddress } from '../../../lib/rtmfp/wire/address.ts'
import { type RtmfpChunk, writeChunk } from '../../../lib/rtmfp/wire/chunk.ts'
import { flowOptions, readFlowOptions } from '../../../lib/rtmfp/wire/flow-options.ts'
import {
  optionListLength,
  readOption,
  readOptionList,
  readOptions,
  writeOption,
  writeOptionList
} from '../../../lib/rtmfp/wire/option.ts'
import { isInMode, type PacketMode, readPacket, writePacket } from '../../../lib/rtmfp/wire/packet.ts'
import { PacketAssembler } from '../../../lib/rtmfp/wire/packet-assembler.ts'
import { readSessionId, writeSessionId } from '../../../lib/rtmfp/wire/session-id.ts'
import { userDataLength, writeUserData } from '../../../lib/rtmfp/wire/user-data.ts'
import { readVlu, vluLength, writeVlu } from '../../../lib/rtmfp/wire/vlu.ts'
import { hex } from '../../support/hex.ts'
import { holds } from '../../support/property.ts'
import { addresses, packets } from '../../support/rtmfp-chunks.ts'

const reader = (bytes: Buffer) => new ByteReader(bytes, 'rtmfp')
const written = (write: (writer: ByteWriter) => unknown): Buffer => {
  const writer = new ByteWriter(4)
  write(writer)
  return writer.done()
}
/** The chunks of a session packet. */
const chunksOf = (...bytes: Buffer[]): readonly RtmfpChunk[] => readPacket(Buffer.concat([hex`01`, ...bytes])).chunks

t.test('VLU: seven bits a byte, the most significant first (RFC 7016, 2.1.2)', async t => {
  for (const [value, bytes] of [
    [0, hex`00`],
    [127, hex`7f`],
    [128, hex`8100`],
    [16_383, hex`ff7f`],
    [2 ** 32, hex`9080808000`],
    [Number.MAX_SAFE_INTEGER, hex`8fffffffffffff7f`]
  ] as const) {
    t.equal(readVlu(reader(bytes)), value)
    t.same(
      written(writer => writeVlu(writer, value)),
      bytes
    )
    t.equal(vluLength(value), bytes.length)
  }
  t.equal(readVlu(reader(hex`80808080808080808005`)), 5, 'leading zeros, ten bytes of them')
  const refused = (bytes: Buffer, code: string, offset = 0) =>
    t.throws(
      () => readVlu(reader(bytes)),
      { name: 'ProtocolError', layer: 'rtmfp', code, offset },
      bytes.toString('hex')
    )
  refused(hex`9080808080808000`, 'ERR_RTMP_VLU')
  refused(hex`ffffffffffffffffff7f`, 'ERR_RTMP_VLU')
  refused(hex`8080808080808080808005`, 'ERR_RTMP_VLU')
  refused(hex`ff`, 'ERR_RTMP_TRUNCATED', 1)
  refused(hex``, 'ERR_RTMP_TRUNCATED')
  for (const value of [-1, 0.5, Number.NaN, 2 ** 53]) t.throws(() => vluLength(value), { name: 'RangeError' })
  holds(
    t,
    'any',
    fc.property(fc.maxSafeNat(), value => readVlu(reader(written(writer => writeVlu(writer, value)))) === value)
  )
})

t.test('options, and the Marker that ends their list (2.1.3)', async t => {
  const list = hex`04 81 00 abcd 01 0a 00`
  const options = [
    { type: 128, value: hex`abcd` },
    { type: 10, value: hex`` }
  ]
  const bytes = reader(Buffer.concat([list, hex`ee`]))
  t.same(readOptionList(bytes), options)
  t.equal(bytes.left, 1, 'what is behind the Marker is left')
  t.same(
    written(writer => writeOptionList(writer, options)),
    list
  )
  t.same(readOptions(hex`01 0a 00 01 0b`), [{ type: 10, value: hex`` }, undefined, { type: 11, value: hex`` }])
  t.same(
    written(writer => writeOption(writer, undefined)),
    hex`00`
  )
  const refused = (field: Buffer, code: string, offset: number) =>
    t.throws(() => readOptionList(reader(field)), { name: 'ProtocolError', layer: 'rtmfp', code, offset })
  refused(hex`01 0a`, 'ERR_RTMP_TRUNCATED', 2)
  refused(hex`05 0a 00`, 'ERR_RTMP_TRUNCATED', 1)
  refused(hex`01 80 00`, 'ERR_RTMP_TRUNCATED', 2)
  t.throws(() => readOption(reader(hex`ffff7f`)), { code: 'ERR_RTMP_TRUNCATED' })
  const lists = [[], [{ type: 200, value: Buffer.alloc(125) }], [{ type: 0, value: Buffer.alloc(127) }]]
  for (const list of lists) t.equal(optionListLength(list), written(writer => writeOptionList(writer, list)).length)
})

t.test('addresses (2.1.5)', async t => {
  const four = { address: '192.0.2.1', port: 1935, origin: 2 }
  t.same(readAddress(reader(hex`02 c0000201 078f`)), four)
  t.equal(addressText(four), '192.0.2.1:1935')
  const six = { address: '2001:db8::1', port: 1935, origin: 1 }
  t.same(readAddress(reader(hex`81 20010db8 00000000 00000000 00000001 078f`)), six)
  t.equal(addressText(six), '[2001:db8::1]:1935')
  t.same(
    written(writer => writeAddress(writer, { ...six, address: 'fe80::1%eth0' })).subarray(1, 3),
    hex`fe80`,
    'no zone'
  )
  for (const length of [0, 1, 6])
    t.throws(() => readAddress(reader(hex`02 c0000201 078f`.subarray(0, length))), { code: 'ERR_RTMP_TRUNCATED' })
  for (const address of ['example.org', '1.2.3.256', ''])
    t.throws(() => writeAddress(new ByteWriter(), { ...four, address }), { name: 'RangeError' })
  holds(
    t,
    'any',
    fc.property(addresses, address => {
      t.same(readAddress(reader(written(writer => writeAddress(writer, address)))), address)
    })
  )
})

t.test('addresses as text, as setPeerInfo has them (RFC 7425, 5.3.3)', async t => {
  const addresses = [
    { address: '192.0.2.1', port: 1935, origin: 1 },
    { address: '2001:db8::1', port: 65_535, origin: 1 }
  ]
  const texts = addresses.map(addressText)
  t.same(texts, ['192.0.2.1:1935', '[2001:db8::1]:65535'])
  t.same(readPeerInfo([null, ...texts]), addresses)
  t.same(parseAddress('[2001:DB8:0::1]:1'), { ...addresses[1], port: 1 }, 'in the shortest form')
  for (const text of [
    '',
    '1.2.3.4',
    '1.2.3.4:65536',
    '1.2.3.256:1',
    '2001:db8::1:1',
    '[1.2.3.4]:1',
    '[::g]:1',
    'a.b:1',
    '[fe80::1%2]:1'
  ])
    t.equal(parseAddress(text), undefined, text)
  t.same(readPeerInfo([null, 5, {}, 'x', undefined]), [])
  t.equal(readPeerInfo([null, ...Array(1000).fill('1.2.3.4:5')]).length, 16)
})

t.test('fragments of a packet, in any order (2.3.1)', async t => {
  const piece = (fragmentNumber: number, data: Buffer, more = true, packetId = 7) =>
    ({ kind: 'PacketFragment', packetId, fragmentNumber, more, data }) as const
  const packets = new PacketAssembler({ limits: { rtmfpFragmentedPackets: 2, rtmfpFragmentedBytes: 1000 } })
  const [first, second, last] = [piece(0, hex`0b01`), piece(1, hex`0230`), piece(2, hex`00`, false)]
  t.equal(packets.add('a', last, 0), undefined)
  t.equal(packets.add('a', first, 1), undefined)
  t.equal(packets.add('b', second, 2), undefined, 'of another source')
  t.equal(packets.add('a', first, 3), undefined, 'again')
  t.same(packets.add('a', second, 4), hex`0b01 0230 00`)
  t.equal(packets.size, 1)
  t.same(packets.add('c', piece(0, hex`aa`, false), 4), hex`aa`, 'in one fragment')

  packets.add('a', first, 10)
  packets.add('b', first, 11)
  packets.add('c', first, 12)
  packets.add('c', second, 13)
  t.equal(packets.size, 2, 'limits.rtmfpFragmentedPackets')
  t.same(packets.add('c', last, 14), hex`0b01 0230 00`)
  t.equal(packets.add('a', second, 15), undefined, 'the oldest one has made room')
  t.equal(packets.add('a', last, 16), undefined)

  t.equal(packets.add('d', piece(0, Buffer.alloc(400)), 20), undefined)
  t.equal(packets.add('d', piece(1, Buffer.alloc(400)), 21), undefined)
  t.equal(packets.add('d', piece(2, hex`00`, false), 22), undefined, 'limits.rtmfpFragmentedBytes')
  packets.add('e', first, 100)
  packets.add('e', second, 1101)
  t.equal(packets.add('e', last, 1102), undefined, 'a pause of more than a second')
  packets.add('f', last, 2000)
  for (let at = 2000; at < 62_500; at += 500) packets.add('f', first, at)
  t.equal(packets.add('f', second, 62_500), undefined, 'more than a minute')
  packets.add('h', first, 0)
  packets.add('h', piece(0, Buffer.alloc(900, 0xff)), 0)
  packets.add('h', second, 0)
  t.same(packets.add('h', last, 0), hex`0b01 0230 00`, 'of two with one number the first counts')
  packets.add('g', piece(5, hex`00`), 0)
  t.equal(packets.add('g', piece(1, hex`00`, false), 0), undefined, 'a number behind the last')
})

t.test('the session id is scrambled by the packet behind it (2.2.2)', async t => {
  const hello = hex`8883120c 9b4e22b6 13cd30ba 0deb79be`
  t.equal(readSessionId(hello), 0)
  t.equal(readSessionId(hex`8883120e 9b4e22b6 13cd30ba 0deb79be`), 2)
  t.equal(readSessionId(hex`ffffffff 00000000 00000001`), 0xfffffffe)
  t.equal(readSessionId(hex`00000000 01020304 0506`), 0x04040304, 'behind a packet that is too short there are zeros')
  for (let length = 0; length <= 4; length++) t.equal(readSessionId(hello.subarray(0, length)), undefined)
  for (const id of [0, 2, 0xffffffff]) {
    const datagram = Buffer.from(hello)
    writeSessionId(datagram, id)
    t.equal(readSessionId(datagram), id)
  }
})

t.test('the header of a packet (2.2.4)', async t => {
  const { chunks, ...header } = readPacket(hex`cd 0102 0304 ffff`)
  t.same(header, {
    mode: 1,
    timeCritical: true,
    timeCriticalReverse: true,
    timestamp: 0x102,
    timestampEcho: 0x304,
    padding: 2
  })
  t.same(chunks, [])
  t.match(
    readPacket(hex`36 1234`),
    { mode: 2, timestamp: undefined, timestampEcho: 0x1234 },
    'reserved bits are ignored'
  )
  t.throws(() => readPacket(hex`08 0102`), {
    name: 'ProtocolError',
    layer: 'rtmfp',
    code: 'ERR_RTMP_RTMFP_PACKET',
    offset: 0
  })
  for (const cut of [hex``, hex`0b`, hex`0b01`, hex`0f 0102 03`])
    t.throws(() => readPacket(cut), { name: 'ProtocolError', layer: 'rtmfp', code: 'ERR_RTMP_TRUNCATED' })
})

t.test('acknowledgements: the examples of 2.3.13 and 2.3.14', async t => {
  const bitmap = hex`50 0005 05 7f 10 79 06`
  const [bits] = chunksOf(bitmap)
  const told = { flowId: 5, bufferBlocksAvailable: 127, cumulativeAck: 16 }
  const three = [
    [18, 18],
    [21, 24],
    [27, 28]
  ]
  t.same(bits, { kind: 'BitmapAck', ...told, received: three })
  t.same(
    written(writer => writeChunk(writer, bits!)),
    bitmap
  )
  const ranges = hex`51 0007 05 7f 10 0000 0103`
  const [list] = chunksOf(ranges)
  t.same(list, { kind: 'RangeAck', ...told, received: three.slice(0, 2) })
  t.same(
    written(writer => writeChunk(writer, list!)),
    ranges
  )
  const received = (bytes: Buffer) => (chunksOf(bytes)[0] as Acknowledgement).received
  t.same(received(hex`51 0006 05 7f 10 0000 01`), [[18, 18]], 'a range that is cut short')
  t.same(received(hex`51 000e 05 7f 10 0000 8fffffffffffff7f 00`), [[18, 18]], 'one that is too far away')
  const far = Number.MAX_SAFE_INTEGER - 3
  t.same(received(hex`50 000b 05 7f 8fffffffffffff7c ff`), [[far + 2, far + 3]])
  for (const kind of ['BitmapAck', 'RangeAck'] as const)
    for (const wrong of [
      [[17, 18]],
      [[18, 17]],
      [
        [20, 22],
        [23, 24]
      ],
      [
        [20, 22],
        [18, 18]
      ]
    ] as [number, number][][])
      t.throws(() => writeChunk(new ByteWriter(), { kind, ...told, received: wrong }), {
        name: 'RangeError',
        message: /follows/
      })
  const away = { ...bits, received: [[2 ** 40, 2 ** 40]] } as unknown as RtmfpChunk
  t.throws(() => writeChunk(new ByteWriter(), away), { name: 'RangeError' }, 'a bitmap has an end')
})

t.test('Next User Data goes on where the chunk of its kind ahead of it ended (2.3.12)', async t => {
  const chunks = chunksOf(hex`10 0006 10 05 0a 02 aabb`, hex`01 0000`, hex`11 0002 30 cc`, hex`11 0002 21 dd`)
  const common = { flowId: 5, forwardSequenceNumber: 8, abandon: false, options: [] }
  t.same(
    chunks.filter(({ kind }) => kind !== 'Ping'),
    [
      { ...common, kind: 'UserData', sequenceNumber: 10, fragmentControl: 'begin', final: false, data: hex`aabb` },
      { ...common, kind: 'NextUserData', sequenceNumber: 11, fragmentControl: 'middle', final: false, data: hex`cc` },
      { ...common, kind: 'NextUserData', sequenceNumber: 12, fragmentControl: 'end', final: true, data: hex`dd` }
    ]
  )
  const alone = chunksOf(hex`11 0002 00 cc`)
  t.match(alone, [{ kind: 'Malformed', type: 0x11, error: { code: 'ERR_RTMP_RTMFP_CHUNK', offset: 4 } }])
  const behind = chunksOf(hex`10 0004 00 05 0a 02`, hex`10 0003 00 05 80`, hex`11 0001 00`)
  t.same(
    behind.map(({ kind }) => kind),
    ['UserData', 'Malformed', 'Malformed'],
    'not from one that could not be read'
  )
  t.match(
    chunksOf(hex`10 0004 00 05 0a 0b`)[0],
    { kind: 'Malformed', error: { code: 'ERR_RTMP_RTMFP_CHUNK' } },
    'below 0'
  )
  t.match(chunksOf(hex`10 000b 00 05 8fffffffffffff7f 00`, hex`11 0001 00`)[1], {
    kind: 'Malformed',
    error: { code: 'ERR_RTMP_VLU' }
  })
})

t.test('the options that open a flow (2.3.11.1)', async t => {
  const metadata = hex`54430401`
  t.same(flowOptions({ metadata, returnFlowId: 300 }), [
    { type: 0, value: metadata },
    { type: 10, value: hex`822c` }
  ])
  t.same(readFlowOptions(flowOptions({ metadata, returnFlowId: 300 })), { metadata, returnFlowId: 300 })
  t.same(readFlowOptions(flowOptions({})), {})
  t.same(readFlowOptions([{ type: 8192, value: hex`` }]), {}, 'not known, and optional')
  t.match(readFlowOptions([{ type: 8191, value: hex`` }]).rejected, /option 8191/)
  t.match(readFlowOptions([{ type: 10, value: hex`80` }]).rejected, /association/)
  t.same(readFlowOptions([{ type: 0, value: Buffer.alloc(512) }]).metadata?.length, 512)
  t.match(readFlowOptions([{ type: 0, value: Buffer.alloc(513) }]), { rejected: /513/ }, 'limits.rtmfpMetadataBytes')
  t.match(readFlowOptions([{ type: 0, value: metadata }], { rtmfpMetadataBytes: 3 }), { rejected: /4 bytes/ })
})

t.test('what is not known is passed over, and what is malformed costs itself', async t => {
  const chunks = chunksOf(hex`ec 0001 00`, hex`18 0000`, hex`00 0002 abcd`, hex`18 0001 05`)
  t.match(chunks, [
    { kind: 'Unknown', type: 0xec, payload: hex`00` },
    {
      kind: 'Malformed',
      type: 0x18,
      error: { name: 'ProtocolError', code: 'ERR_RTMP_TRUNCATED', layer: 'rtmfp', offset: 8 }
    },
    { kind: 'Unknown', type: 0 },
    { kind: 'BufferProbe', flowId: 5 }
  ])
  for (const [payload, type] of [
    [hex`05 aa`, 0x30],
    [hex`00 02 c0000201`, 0x0f],
    [hex`01 aa 02 bb`, 0x70],
    [hex`00 00 7f`, 0x71],
    [hex`02 aa`, 0x79],
    [hex`00000001 00 00 05`, 0x38],
    [hex`000001`, 0x78],
    [hex`00 01 00`, 0x7f],
    [hex`80 05 01 01 03 00`, 0x10],
    [hex`05 7f`, 0x50],
    [hex`05`, 0x51],
    [hex`80808080808080808080 01`, 0x18],
    [hex`05`, 0x5e]
  ] as const) {
    const bytes = written(writer => writeChunk(writer, { kind: 'Unknown', type, payload }))
    t.match(
      chunksOf(bytes, hex`0c 0000`),
      [{ kind: 'Malformed', type, error: { layer: 'rtmfp', offset: Number } }, { kind: 'Close' }],
      `${type}`
    )
  }
})

t.test('a length that does not fit is padding (2.2.4)', async t => {
  t.match(readPacket(hex`01 0c0000 ffffffffff`), { chunks: [{ kind: 'Close' }], padding: 5 })
  t.match(readPacket(hex`01 0c0000 18 0002 05`), { chunks: [{ kind: 'Close' }], padding: 4 })
  t.match(readPacket(hex`01 0c0000 0c00`), { chunks: [{ kind: 'Close' }], padding: 2 })
  const long = { kind: 'Ping', message: Buffer.alloc(65_536) } as const
  t.throws(() => writeChunk(new ByteWriter(), long), {
    name: 'RangeError',
    message: /^Ping of 65536 bytes is too long/
  })
})

t.test('startup chunks are for startup, all others for sessions (2.3)', async t => {
  const [hello, probe, unknown] = [hex`30 0001 00`, hex`18 0001 05`, hex`ec 0001 00`].flatMap(bytes => chunksOf(bytes))
  const modes = (chunk: RtmfpChunk) => ([1, 2, 3] as PacketMode[]).filter(mode => isInMode(chunk, mode))
  t.same([hello!, probe!, unknown!].map(modes), [[3], [1, 2], [1, 2, 3]])
})

t.test('what is written is read as it was, cut at every byte, and damaged at any', async t => {
  const reads = (bytes: Buffer) => {
    try {
      return readPacket(bytes)
    } catch (error) {
      if (error instanceof ProtocolError && error.layer === 'rtmfp' && error.offset !== undefined) return error
      throw error
    }
  }
  const shared = new ByteWriter(16)
  holds(
    t,
    'a packet of any chunks',
    fc.property(packets, fc.nat(), fc.nat({ max: 255 }), (packet, at, value) => {
      const bytes = writePacket(packet)
      t.same(readPacket(bytes), packet)
      t.ok(writePacket(packet, shared).equals(bytes), 'by a writer that has written others')
      for (const chunk of packet.chunks) {
        if (chunk.kind !== 'UserData' && chunk.kind !== 'NextUserData') continue
        t.equal(userDataLength(chunk), written(writer => writeUserData(writer, chunk)).length)
      }
      for (let length = 0; length < bytes.length; length++) reads(bytes.subarray(0, length))
      const damaged = Buffer.from(bytes)
      damaged[at % bytes.length] = value
      const again = reads(damaged)
      if (again instanceof Error) return
      // malformed chunks and others go out as they came, and their bytes are read as the same again
      t.same(readPacket(writePacket(again)).chunks.length, again.chunks.length)
    })
  )
})
