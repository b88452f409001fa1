import {
  type Acknowledgement,
  type Address,
  addressText,
  type RtmfpChunk,
  RtmfpChunkType,
  type RtmfpPacket,
  readFlowOptions,
  readOptions,
  type UserData
} from '../rtmfp/index.ts'

/** As in RFC 7016 (2.3), some of them shorter. */
const names: ReadonlyMap<number, string> = new Map([
  ...Object.entries(RtmfpChunkType).map(([name, type]) => [type, name] as const),
  [RtmfpChunkType.UserData, 'Data'],
  [RtmfpChunkType.NextUserData, 'NextData'],
  [RtmfpChunkType.BitmapAck, 'AckBitmap'],
  [RtmfpChunkType.RangeAck, 'AckRanges'],
  [0xec, 'EcnReport']
])

export const chunkName = (chunk: RtmfpChunk): string => names.get(typeOf(chunk)) ?? hex(typeOf(chunk))

const hex = (number: number): string => number.toString(16).padStart(2, '0')
/** A session id, in the order of its bytes. */
export const word = (number: number): string => number.toString(16).padStart(8, '0')
export const digits = (bytes: Buffer): string => bytes.toString('hex')
const typeOf = (chunk: RtmfpChunk): number => ('type' in chunk ? chunk.type : RtmfpChunkType[chunk.kind])

/** The flags of a packet, by the names of RFC 7016 (2.2.4). */
export function flagNames({ timeCritical, timeCriticalReverse, timestamp, timestampEcho }: RtmfpPacket): string {
  const flags = {
    TC: timeCritical,
    TCR: timeCriticalReverse,
    TS: timestamp !== undefined,
    TSE: timestampEcho !== undefined
  }
  return Object.entries(flags)
    .flatMap(([name, isSet]) => (isSet ? [name] : []))
    .join(' ')
}

/** A chunk as a row: its type, and what is in it. */
export function chunkRow(chunk: RtmfpChunk): unknown[] {
  const type = hex(typeOf(chunk))
  switch (chunk.kind) {
    case 'UserData':
    case 'NextUserData':
      return [type, ...dataRow(chunk)]
    case 'BitmapAck':
    case 'RangeAck':
      return [type, ...acknowledgementRow(chunk)]
    default:
      return [type, fields(chunk)]
  }
}

function dataRow(chunk: UserData): unknown[] {
  const { flowId, sequenceNumber, forwardSequenceNumber, fragmentControl, data, abandon, final, options } = chunk
  const { metadata, returnFlowId, rejected } = readFlowOptions(options)
  const told = {
    ...(metadata && { metadata: metadata.toString('hex') }),
    ...(returnFlowId !== undefined && { returnOf: returnFlowId }),
    ...(abandon && { abandon }),
    ...(final && { final }),
    ...(rejected && { rejected })
  }
  const row = [flowId, sequenceNumber, forwardSequenceNumber, fragmentControl, data.length]
  return Object.keys(told).length === 0 ? row : [...row, told]
}

const acknowledgementRow = (chunk: Acknowledgement): unknown[] => [
  chunk.flowId,
  chunk.bufferBlocksAvailable,
  chunk.cumulativeAck,
  chunk.received
]

type OtherChunk = Exclude<RtmfpChunk, UserData | Acknowledgement>

function fields(chunk: OtherChunk): object {
  switch (chunk.kind) {
    case 'IHello':
      return { epd: options(chunk.endpointDiscriminator), tag: digits(chunk.tag) }
    case 'FIHello':
      return {
        epd: options(chunk.endpointDiscriminator),
        reply: addressFields(chunk.replyAddress),
        tag: digits(chunk.tag)
      }
    case 'RHello':
      return { tag: digits(chunk.tagEcho), cookie: digits(chunk.cookie), certificate: options(chunk.certificate) }
    case 'Redirect':
      return { tag: digits(chunk.tagEcho), destinations: chunk.destinations.map(addressFields) }
    case 'CookieChange':
      return { oldCookie: digits(chunk.oldCookie), newCookie: digits(chunk.newCookie) }
    case 'IIKeying':
      return {
        initiatorSessionId: word(chunk.initiatorSessionId),
        cookie: digits(chunk.cookieEcho),
        certificate: options(chunk.certificate),
        skic: digits(chunk.keyComponent),
        signature: digits(chunk.signature)
      }
    case 'RIKeying':
      return {
        responderSessionId: word(chunk.responderSessionId),
        skrc: digits(chunk.keyComponent),
        signature: digits(chunk.signature)
      }
    case 'PacketFragment':
      return { more: chunk.more, packet: chunk.packetId, fragment: chunk.fragmentNumber, bytes: chunk.data.length }
    case 'Ping':
    case 'PingReply':
      return { message: digits(chunk.message) }
    case 'BufferProbe':
      return { flow: chunk.flowId }
    case 'FlowException':
      return { flow: chunk.flowId, exception: chunk.exceptionCode }
    case 'Close':
    case 'CloseAck':
      return { payload: '' }
    case 'Malformed':
      return { payload: digits(chunk.payload), error: chunk.error.code, offset: chunk.error.offset }
    default:
      return { payload: digits(chunk.payload) }
  }
}

const addressFields = (address: Address): object => ({ address: addressText(address), origin: address.origin })

/** The type and the value of each option, and null for a Marker; the bytes of what is no list of options. */
function options(field: Buffer): unknown {
  try {
    return readOptions(field).map(option => (option === undefined ? null : [hex(option.type), digits(option.value)]))
  } catch {
    return digits(field)
  }
}
