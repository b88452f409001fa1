import { ByteReader } from '../../bytes/byte-reader.ts'
import type { ByteWriter } from '../../bytes/byte-writer.ts'
import { ProtocolError } from '../../errors.ts'
import { type Acknowledgement, readBitmapAck, readRangeAck, writeAcknowledgement } from './acknowledgement.ts'
import {
  type BufferProbe,
  type FlowException,
  readBufferProbe,
  readFlowException,
  writeBufferProbe,
  writeFlowException
} from './flow-chunks.ts'
import {
  type IIKeying,
  type RIKeying,
  readIIKeying,
  readRIKeying,
  writeIIKeying,
  writeRIKeying
} from './keying-chunks.ts'
import { type PacketFragment, readPacketFragment, writePacketFragment } from './packet-fragment.ts'
import { type Close, type Ping, readClose, readCloseAck, readPing, readPingReply, writePing } from './session-chunks.ts'
import {
  type CookieChange,
  type FIHello,
  type IHello,
  type Redirect,
  type RHello,
  readCookieChange,
  readFIHello,
  readIHello,
  readRedirect,
  readRHello,
  writeCookieChange,
  writeFIHello,
  writeIHello,
  writeRedirect,
  writeRHello
} from './startup-chunks.ts'
import { readNextUserData, readUserData, type UserData, writeUserData } from './user-data.ts'

/** The chunk types of RFC 7016 (2.3). */
export const RtmfpChunkType = {
  Ping: 0x01,
  Close: 0x0c,
  FIHello: 0x0f,
  UserData: 0x10,
  NextUserData: 0x11,
  BufferProbe: 0x18,
  IHello: 0x30,
  IIKeying: 0x38,
  PingReply: 0x41,
  CloseAck: 0x4c,
  BitmapAck: 0x50,
  RangeAck: 0x51,
  FlowException: 0x5e,
  RHello: 0x70,
  Redirect: 0x71,
  RIKeying: 0x78,
  CookieChange: 0x79,
  PacketFragment: 0x7f
} as const

/** A chunk that is ignored: padding between chunks (types 00 and ff), or an unknown type. */
export interface UnknownChunk {
  readonly kind: 'Unknown'
  readonly type: number
  readonly payload: Buffer
}

/** A malformed chunk, which is ignored. */
export interface MalformedChunk {
  readonly kind: 'Malformed'
  readonly type: number
  readonly payload: Buffer
  /** The offset is relative to the packet. */
  readonly error: ProtocolError
}

/** A chunk of an RTMFP packet (RFC 7016, 2.3). Its buffers are views of the packet. */
export type RtmfpChunk =
  | PacketFragment
  | IHello
  | FIHello
  | RHello
  | Redirect
  | CookieChange
  | IIKeying
  | RIKeying
  | Ping
  | UserData
  | Acknowledgement
  | BufferProbe
  | FlowException
  | Close
  | UnknownChunk
  | MalformedChunk

type Read = (reader: ByteReader, previous: UserData | undefined) => RtmfpChunk

const readers: ReadonlyMap<number, Read> = new Map<number, Read>([
  [RtmfpChunkType.Ping, readPing],
  [RtmfpChunkType.Close, readClose],
  [RtmfpChunkType.FIHello, readFIHello],
  [RtmfpChunkType.UserData, readUserData],
  [RtmfpChunkType.NextUserData, readNextUserData],
  [RtmfpChunkType.BufferProbe, readBufferProbe],
  [RtmfpChunkType.IHello, readIHello],
  [RtmfpChunkType.IIKeying, readIIKeying],
  [RtmfpChunkType.PingReply, readPingReply],
  [RtmfpChunkType.CloseAck, readCloseAck],
  [RtmfpChunkType.BitmapAck, readBitmapAck],
  [RtmfpChunkType.RangeAck, readRangeAck],
  [RtmfpChunkType.FlowException, readFlowException],
  [RtmfpChunkType.RHello, readRHello],
  [RtmfpChunkType.Redirect, readRedirect],
  [RtmfpChunkType.RIKeying, readRIKeying],
  [RtmfpChunkType.CookieChange, readCookieChange],
  [RtmfpChunkType.PacketFragment, readPacketFragment]
])

const HEADER_LENGTH = 3
const MAX_PAYLOAD_LENGTH = 0xffff

/**
 * The chunks of a packet, from `offset` on. They end where fewer than three bytes are left or a length does not fit: the rest is padding
 * (RFC 7016, 2.2.4). A malformed chunk does not make the packet invalid.
 */
export function readChunks(packet: Buffer, offset: number): { chunks: RtmfpChunk[]; end: number } {
  const chunks: RtmfpChunk[] = []
  let userData: UserData | undefined
  let at = offset
  while (at + HEADER_LENGTH <= packet.length) {
    const start = at + HEADER_LENGTH
    const end = start + packet.readUInt16BE(at + 1)
    if (end > packet.length) break
    const chunk = readChunk(packet.subarray(0, end), packet[at]!, start, userData)
    chunks.push(chunk)
    if (chunk.kind === 'UserData' || chunk.kind === 'NextUserData') userData = chunk
    // Next User Data after a malformed chunk must not continue the User Data before that chunk
    else if (chunk.kind === 'Malformed' && isUserData(chunk.type)) userData = undefined
    at = end
  }
  return { chunks, end: at }
}

const isUserData = (type: number) => type === RtmfpChunkType.UserData || type === RtmfpChunkType.NextUserData

function readChunk(bytes: Buffer, type: number, start: number, userData: UserData | undefined): RtmfpChunk {
  const read = readers.get(type)
  if (read === undefined) return { kind: 'Unknown', type, payload: bytes.subarray(start) }
  try {
    return read(new ByteReader(bytes, 'rtmfp', start), userData)
  } catch (error) {
    if (!(error instanceof ProtocolError)) throw error
    return { kind: 'Malformed', type, payload: bytes.subarray(start), error }
  }
}

/**
 * Writes a chunk: the inverse of readChunks.
 * @throws RangeError for a number that no VLU carries, or a payload of more than 65535 bytes.
 */
export function writeChunk(writer: ByteWriter, chunk: RtmfpChunk): void {
  const at = writer.length
  writer.u8('type' in chunk ? chunk.type : RtmfpChunkType[chunk.kind]).u16(0)
  writePayload(writer, chunk)
  const length = writer.length - at - HEADER_LENGTH
  if (length > MAX_PAYLOAD_LENGTH) throw new RangeError(`${chunk.kind} of ${length} bytes is too long for a chunk`)
  writer.u16At(at + 1, length)
}

function writePayload(writer: ByteWriter, chunk: RtmfpChunk): void {
  switch (chunk.kind) {
    case 'UserData':
    case 'NextUserData':
      writeUserData(writer, chunk)
      return
    case 'BitmapAck':
    case 'RangeAck':
      writeAcknowledgement(writer, chunk)
      return
    case 'BufferProbe':
      writeBufferProbe(writer, chunk)
      return
    case 'FlowException':
      writeFlowException(writer, chunk)
      return
    case 'Ping':
    case 'PingReply':
      writePing(writer, chunk)
      return
    case 'Close':
    case 'CloseAck':
      return
    case 'IHello':
      writeIHello(writer, chunk)
      return
    case 'FIHello':
      writeFIHello(writer, chunk)
      return
    case 'RHello':
      writeRHello(writer, chunk)
      return
    case 'Redirect':
      writeRedirect(writer, chunk)
      return
    case 'CookieChange':
      writeCookieChange(writer, chunk)
      return
    case 'IIKeying':
      writeIIKeying(writer, chunk)
      return
    case 'RIKeying':
      writeRIKeying(writer, chunk)
      return
    case 'PacketFragment':
      writePacketFragment(writer, chunk)
      return
    default:
      writer.raw(chunk.payload)
  }
}
