import { ByteReader } from '../bytes/byte-reader.ts'
import { ByteWriter } from '../bytes/byte-writer.ts'
import { type Message, type MessageStreamId, MessageTypeId } from './message.ts'

/**
 * A User Control message (RTMP 1.0, 7.1.7). The SWF verification and buffer events are Adobe's and not specified: they
 * are read as librtmp and FFmpeg read them. FlowSync and SetKeepalive are of RTMFP (RFC 7425, 5.2, 5.3.4): a flow waits
 * until `count` flows have sent the same; a client pings the server, and its other peers, after so many milliseconds.
 */
export type UserControlEvent =
  | { readonly kind: 'StreamBegin'; readonly messageStreamId: MessageStreamId }
  | { readonly kind: 'StreamEof'; readonly messageStreamId: MessageStreamId }
  | { readonly kind: 'StreamDry'; readonly messageStreamId: MessageStreamId }
  | { readonly kind: 'SetBufferLength'; readonly messageStreamId: MessageStreamId; readonly milliseconds: number }
  | { readonly kind: 'StreamIsRecorded'; readonly messageStreamId: MessageStreamId }
  | { readonly kind: 'PingRequest'; readonly timestamp: number }
  | { readonly kind: 'PingResponse'; readonly timestamp: number }
  | { readonly kind: 'SwfVerificationRequest' }
  | { readonly kind: 'SwfVerificationResponse'; readonly signature: Buffer }
  | { readonly kind: 'BufferEmpty'; readonly messageStreamId: MessageStreamId }
  | { readonly kind: 'BufferReady'; readonly messageStreamId: MessageStreamId }
  | { readonly kind: 'FlowSync'; readonly syncId: number; readonly count: number }
  | { readonly kind: 'SetKeepalive'; readonly serverPeriod: number; readonly peerPeriod: number }
  | { readonly kind: 'Unknown'; readonly eventType: number; readonly data: Buffer }

/**
 * The event types of User Control messages (RTMP 1.0, 7.1.7).
 *
 * @example
 * ```ts
 * const isPing = message.payload.readUInt16BE() === UserControlEventType.PingRequest
 * ```
 */
export const UserControlEventType = {
  StreamBegin: 0,
  StreamEof: 1,
  StreamDry: 2,
  SetBufferLength: 3,
  StreamIsRecorded: 4,
  PingRequest: 6,
  PingResponse: 7,
  SwfVerificationRequest: 26,
  SwfVerificationResponse: 27,
  BufferEmpty: 31,
  BufferReady: 32,
  FlowSync: 34,
  SetKeepalive: 41
} as const

/** 01 01, the size of the SWF twice, and the digest. */
const SWF_SIGNATURE_LENGTH = 42

/** Bytes of an event's fields; further bytes are ignored. */
const dataLength: ReadonlyMap<number, number> = new Map([
  [UserControlEventType.StreamBegin, 4],
  [UserControlEventType.StreamEof, 4],
  [UserControlEventType.StreamDry, 4],
  [UserControlEventType.SetBufferLength, 8],
  [UserControlEventType.StreamIsRecorded, 4],
  [UserControlEventType.PingRequest, 4],
  [UserControlEventType.PingResponse, 4],
  [UserControlEventType.SwfVerificationRequest, 0],
  [UserControlEventType.SwfVerificationResponse, SWF_SIGNATURE_LENGTH],
  [UserControlEventType.BufferEmpty, 4],
  [UserControlEventType.BufferReady, 4],
  [UserControlEventType.FlowSync, 8],
  [UserControlEventType.SetKeepalive, 8]
])

/**
 * Decodes the body of a User Control message. An unknown event, or one that is too short for its fields, is
 * `'Unknown'`.
 *
 * @example
 * ```ts
 * const event = readUserControlEvent(message.payload)
 * if (event.kind === 'PingRequest') wire.write(userControlMessage({ ...event, kind: 'PingResponse' }))
 * ```
 */
export function readUserControlEvent(body: Buffer): UserControlEvent {
  const bytes = new ByteReader(body, 'message')
  if (bytes.left < 2) return { kind: 'Unknown', eventType: -1, data: body }
  const eventType = bytes.u16()
  const wanted = dataLength.get(eventType)
  if (wanted === undefined || bytes.left < wanted) return { kind: 'Unknown', eventType, data: body.subarray(2) }
  switch (eventType) {
    case UserControlEventType.StreamBegin:
      return { kind: 'StreamBegin', messageStreamId: bytes.u32() }
    case UserControlEventType.StreamEof:
      return { kind: 'StreamEof', messageStreamId: bytes.u32() }
    case UserControlEventType.StreamDry:
      return { kind: 'StreamDry', messageStreamId: bytes.u32() }
    case UserControlEventType.SetBufferLength:
      return { kind: 'SetBufferLength', messageStreamId: bytes.u32(), milliseconds: bytes.u32() }
    case UserControlEventType.StreamIsRecorded:
      return { kind: 'StreamIsRecorded', messageStreamId: bytes.u32() }
    case UserControlEventType.PingRequest:
      return { kind: 'PingRequest', timestamp: bytes.u32() }
    case UserControlEventType.PingResponse:
      return { kind: 'PingResponse', timestamp: bytes.u32() }
    case UserControlEventType.SwfVerificationRequest:
      return { kind: 'SwfVerificationRequest' }
    case UserControlEventType.SwfVerificationResponse:
      return { kind: 'SwfVerificationResponse', signature: bytes.view(SWF_SIGNATURE_LENGTH) }
    case UserControlEventType.BufferEmpty:
      return { kind: 'BufferEmpty', messageStreamId: bytes.u32() }
    case UserControlEventType.FlowSync:
      return { kind: 'FlowSync', syncId: bytes.u32(), count: bytes.u32() }
    case UserControlEventType.SetKeepalive:
      return { kind: 'SetKeepalive', serverPeriod: bytes.u32(), peerPeriod: bytes.u32() }
    default:
      return { kind: 'BufferReady', messageStreamId: bytes.u32() }
  }
}

/** The message that tells it, on message stream 0 (RTMP 1.0, 6.2). */
export function userControlMessage(event: UserControlEvent): Message {
  const bytes = new ByteWriter(16)
  if (event.kind !== 'Unknown') bytes.u16(UserControlEventType[event.kind])
  else if (event.eventType >= 0) bytes.u16(event.eventType)
  if ('messageStreamId' in event) bytes.u32(event.messageStreamId)
  if ('milliseconds' in event) bytes.u32(event.milliseconds)
  if ('timestamp' in event) bytes.u32(event.timestamp)
  if ('syncId' in event) bytes.u32(event.syncId).u32(event.count)
  if ('serverPeriod' in event) bytes.u32(event.serverPeriod).u32(event.peerPeriod)
  if ('signature' in event) bytes.raw(event.signature)
  if ('data' in event) bytes.raw(event.data)
  return { type: MessageTypeId.UserControl, messageStreamId: 0, timestamp: 0, payload: bytes.done() }
}
