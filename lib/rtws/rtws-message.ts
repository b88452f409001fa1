import { ByteReader } from '../bytes/byte-reader.ts'
import { ByteWriter } from '../bytes/byte-writer.ts'
import { MAX_VLU_LENGTH, readVlu, writeVlu } from '../rtmfp/wire/vlu.ts'

/** The codes of RTWebSocket: the first byte of a binary message of WebSocket. */
export const RtwsCode = {
  Ping: 0x01,
  PingReply: 0x41,
  AckWindow: 0x0a,
  FlowOpen: 0x10,
  ReturnFlowOpen: 0x30,
  LastFragment: 0x1d,
  Fragment: 0x3d,
  Abandon: 0x1a,
  FlowClose: 0x1c,
  FlowCloseAck: 0x5c,
  DataAck: 0x5a,
  FlowException: 0x5e
} as const

/**
 * A message of RTWebSocket, which is one binary message of WebSocket (the file `protocol` of zenomt/rtwebsocket). The sender of a flow chooses
 * its id. Buffers are views.
 */
export type RtwsMessage =
  | { readonly kind: 'Ping' | 'PingReply'; readonly data: Buffer }
  /** Asks for an acknowledgement after each so many bytes. */
  | { readonly kind: 'AckWindow'; readonly bytes: number }
  | { readonly kind: 'FlowOpen'; readonly flowId: number; readonly metadata: Buffer }
  /** `returnFlowId` is the flow of the other side that it answers. */
  | {
      readonly kind: 'ReturnFlowOpen'
      readonly flowId: number
      readonly returnFlowId: number
      readonly metadata: Buffer
    }
  /** A fragment of a message of a flow. */
  | { readonly kind: 'LastFragment' | 'Fragment'; readonly flowId: number; readonly data: Buffer }
  /** Abandons `countMinusOne` + 1 messages of a flow; the first of them may have been sent in part. */
  | { readonly kind: 'Abandon'; readonly flowId: number; readonly countMinusOne: number }
  | { readonly kind: 'FlowClose' | 'FlowCloseAck'; readonly flowId: number }
  /** Acknowledges `deltaBytes` of fragments since the last acknowledgement, and allows `bufferBytes` more. */
  | {
      readonly kind: 'DataAck'
      readonly flowId: number
      readonly deltaBytes: number
      readonly bufferBytes: number
    }
  | { readonly kind: 'FlowException'; readonly flowId: number; readonly exceptionCode: number; readonly text: string }
  /** An unknown code. */
  | { readonly kind: 'Unknown'; readonly code: number; readonly data: Buffer }

const kinds: ReadonlyMap<number, keyof typeof RtwsCode> = new Map(
  Object.entries(RtwsCode).map(([kind, code]) => [code, kind as keyof typeof RtwsCode])
)

/** Reads a message. @throws ProtocolError `ERR_RTMP_TRUNCATED`, also for an empty one; `ERR_RTMP_VLU`. */
export function readRtwsMessage(bytes: Buffer): RtwsMessage {
  const reader = new ByteReader(bytes, 'rtws')
  const code = reader.u8()
  const kind = kinds.get(code)
  switch (kind) {
    case undefined:
      return { kind: 'Unknown', code, data: rest(reader) }
    case 'Ping':
    case 'PingReply':
      return { kind, data: rest(reader) }
    case 'AckWindow':
      return { kind, bytes: readVlu(reader) }
    case 'FlowOpen':
      return { kind, flowId: readVlu(reader), metadata: rest(reader) }
    case 'ReturnFlowOpen':
      return { kind, flowId: readVlu(reader), returnFlowId: readVlu(reader), metadata: rest(reader) }
    case 'LastFragment':
    case 'Fragment':
      return { kind, flowId: readVlu(reader), data: rest(reader) }
    case 'Abandon':
      return { kind, flowId: readVlu(reader), countMinusOne: readOptional(reader) }
    case 'FlowClose':
    case 'FlowCloseAck':
      return { kind, flowId: readVlu(reader) }
    case 'DataAck':
      return { kind, flowId: readVlu(reader), deltaBytes: readVlu(reader), bufferBytes: readVlu(reader) }
    case 'FlowException': {
      const [flowId, exceptionCode] = [readVlu(reader), readOptional(reader)]
      return { kind, flowId, exceptionCode, text: reader.utf8(reader.left) }
    }
  }
}

/** A code and three VLUs. */
const MAX_HEADER_LENGTH = 1 + 3 * MAX_VLU_LENGTH

/** The inverse of readRtwsMessage. @throws RangeError for a number that a VLU cannot carry. */
export function rtwsMessage(message: RtwsMessage): Buffer {
  const writer = new ByteWriter(MAX_HEADER_LENGTH + ('data' in message ? message.data.length : 0))
  writer.u8(message.kind === 'Unknown' ? message.code : RtwsCode[message.kind])
  if ('flowId' in message) writeVlu(writer, message.flowId)
  switch (message.kind) {
    case 'AckWindow':
      writeVlu(writer, message.bytes)
      break
    case 'FlowOpen':
      writer.raw(message.metadata)
      break
    case 'ReturnFlowOpen':
      writeVlu(writer, message.returnFlowId)
      writer.raw(message.metadata)
      break
    case 'Abandon':
      if (message.countMinusOne > 0) writeVlu(writer, message.countMinusOne)
      break
    case 'DataAck':
      writeVlu(writer, message.deltaBytes)
      writeVlu(writer, message.bufferBytes)
      break
    case 'FlowException':
      writeVlu(writer, message.exceptionCode)
      writer.utf8(message.text)
      break
    case 'FlowClose':
    case 'FlowCloseAck':
      break
    default:
      writer.raw(message.data)
  }
  return writer.done()
}

const rest = (reader: ByteReader): Buffer => reader.view(reader.left)

/** Reads a number at the end, which is omitted if it is 0. */
const readOptional = (reader: ByteReader): number => (reader.left === 0 ? 0 : readVlu(reader))
