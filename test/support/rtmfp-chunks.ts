import fc from 'fast-check'
import type { Acknowledgement, SequenceRange } from '../../lib/rtmfp/wire/acknowledgement.ts'
import type { Address } from '../../lib/rtmfp/wire/address.ts'
import { type RtmfpChunk, RtmfpChunkType } from '../../lib/rtmfp/wire/chunk.ts'
import type { Option } from '../../lib/rtmfp/wire/option.ts'
import type { RtmfpPacket } from '../../lib/rtmfp/wire/packet.ts'
import { buffers } from './property.ts'

/** Any chunk and packet of RTMFP, as fast-check makes them. */
const vlu = fc.oneof(fc.nat({ max: 300 }), fc.maxSafeNat())
const bytes = buffers(40)
const word = fc.nat({ max: 0xffffffff })
const bit = fc.boolean()
const constant = <Kind extends string>(kind: Kind) => fc.constant(kind)

export const addresses: fc.Arbitrary<Address> = fc.record({
  address: fc.oneof(
    fc.ipV4(),
    fc.ipV6().map(text => new URL(`http://[${text}]`).hostname.slice(1, -1))
  ),
  port: fc.nat({ max: 0xffff }),
  origin: fc.nat({ max: 3 })
})

export const options: fc.Arbitrary<Option> = fc.record({ type: vlu, value: bytes })

/** Ranges beyond a cumulative number, by how much is missing and how much is there. */
const received = (cumulative: number, counts: readonly (readonly [number, number])[]): SequenceRange[] => {
  let end = cumulative
  return counts.map(([missing, there]) => {
    const first = end + missing + 1
    end = first + there - 1
    return [first, end]
  })
}

const acknowledgements: fc.Arbitrary<Acknowledgement> = fc
  .record({
    kind: fc.constantFrom('BitmapAck', 'RangeAck'),
    flowId: vlu,
    bufferBlocksAvailable: vlu,
    cumulativeAck: fc.oneof(fc.nat({ max: 300 }), fc.nat({ max: 2 ** 48 })),
    counts: fc.array(fc.tuple(fc.integer({ min: 1, max: 40 }), fc.integer({ min: 1, max: 40 })), { maxLength: 6 })
  })
  .map(({ counts, ...rest }) => ({ ...rest, received: received(rest.cumulativeAck, counts) }) as Acknowledgement)

const userData = fc
  .record({
    kind: constant('UserData'),
    flowId: vlu,
    sequenceNumber: vlu,
    forwardSequenceNumber: vlu,
    fragmentControl: fc.constantFrom('whole', 'begin', 'end', 'middle'),
    abandon: bit,
    final: bit,
    options: fc.array(options, { maxLength: 3 }),
    data: bytes
  })
  .map(chunk => ({ ...chunk, forwardSequenceNumber: Math.min(chunk.forwardSequenceNumber, chunk.sequenceNumber) }))

const known = Object.values(RtmfpChunkType) as number[]

export const chunks: fc.Arbitrary<RtmfpChunk> = fc.oneof(
  fc.record({ kind: constant('IHello'), endpointDiscriminator: bytes, tag: bytes }),
  fc.record({ kind: constant('FIHello'), endpointDiscriminator: bytes, replyAddress: addresses, tag: bytes }),
  fc.record({ kind: constant('RHello'), tagEcho: bytes, cookie: bytes, certificate: bytes }),
  fc.record({ kind: constant('Redirect'), tagEcho: bytes, destinations: fc.array(addresses, { maxLength: 4 }) }),
  fc.record({ kind: constant('CookieChange'), oldCookie: bytes, newCookie: bytes }),
  fc.record({
    kind: constant('IIKeying'),
    initiatorSessionId: word,
    cookieEcho: bytes,
    certificate: bytes,
    keyComponent: bytes,
    signature: bytes
  }),
  fc.record({ kind: constant('RIKeying'), responderSessionId: word, keyComponent: bytes, signature: bytes }),
  fc.record({
    kind: constant('PacketFragment'),
    more: bit,
    packetId: vlu,
    fragmentNumber: vlu,
    data: bytes.filter(({ length }) => length > 0)
  }),
  fc.record({ kind: fc.constantFrom('Ping', 'PingReply'), message: bytes }),
  fc.record({ kind: fc.constantFrom('Close', 'CloseAck') }),
  fc.record({ kind: constant('BufferProbe'), flowId: vlu }),
  fc.record({ kind: constant('FlowException'), flowId: vlu, exceptionCode: vlu }),
  acknowledgements,
  userData,
  fc.record({
    kind: constant('Unknown'),
    type: fc.nat({ max: 255 }).filter(type => !known.includes(type)),
    payload: bytes
  })
)

export const packets: fc.Arbitrary<RtmfpPacket> = fc.record({
  mode: fc.constantFrom(1, 2, 3),
  timeCritical: bit,
  timeCriticalReverse: bit,
  timestamp: fc.option(fc.nat({ max: 0xffff }), { nil: undefined }),
  timestampEcho: fc.option(fc.nat({ max: 0xffff }), { nil: undefined }),
  chunks: fc
    .array(fc.oneof({ weight: 3, arbitrary: chunks.map(chunk => [chunk]) }, { weight: 1, arbitrary: runs() }), {
      maxLength: 5
    })
    .map(each => each.flat()),
  padding: fc.constant(0)
})

/** User Data, and Next User Data behind it. */
function runs(): fc.Arbitrary<RtmfpChunk[]> {
  return fc.tuple(userData, fc.array(userData, { maxLength: 3 })).map(([first, following]) => {
    const { flowId, forwardSequenceNumber } = first
    const sequenceNumber = Math.min(first.sequenceNumber, Number.MAX_SAFE_INTEGER - 3)
    const forward = Math.min(forwardSequenceNumber, sequenceNumber)
    return [first, ...following].map((chunk, i) => ({
      ...chunk,
      kind: i === 0 ? ('UserData' as const) : ('NextUserData' as const),
      flowId,
      sequenceNumber: sequenceNumber + i,
      forwardSequenceNumber: forward
    }))
  })
}
