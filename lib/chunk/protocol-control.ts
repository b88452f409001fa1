import { ProtocolError } from '../errors.ts'
import { type Message, MessageTypeId } from '../message/message.ts'
import { type Chunk, type LimitType, MAX_CHUNK_SIZE, type ProtocolControl } from './chunk.ts'
import { CONTROL_CHUNK_STREAM_ID } from './chunk-stream-id.ts'

const limitTypes: readonly LimitType[] = ['hard', 'soft', 'dynamic']

/** Bytes of the fields of a protocol control message. */
export const protocolControlLength = (type: number): number => (type === MessageTypeId.SetPeerBandwidth ? 5 : 4)

/** What the body of a Set Chunk Size says: 31 bits, of which no more are meant than a message has bytes (RTMP 1.0, 5.4.1). */
export const chunkSizeOf = (body: Buffer): number => Math.min(body.readUInt32BE(0) & 0x7fffffff, MAX_CHUNK_SIZE)

/**
 * Reads the body of a protocol control message; bytes after its fields are ignored. `offset`, where
 * it is known, is that of its chunk, for the error.
 * @throws ProtocolError `ERR_RTMP_CONTROL_LENGTH` for a body too short, `ERR_RTMP_CHUNK_SIZE` for a chunk size of 0.
 *
 * @example
 * ```ts
 * if (isProtocolControlType(message.type)) console.log(readProtocolControl(message.type, message.payload).kind)
 * ```
 */
export function readProtocolControl(type: number, body: Buffer, offset?: number): ProtocolControl {
  if (body.length < protocolControlLength(type)) {
    const detail = `type ${type} with ${body.length} bytes`
    throw new ProtocolError('ERR_RTMP_CONTROL_LENGTH', { layer: 'chunk', offset, detail })
  }
  const value = body.readUInt32BE(0)
  switch (type) {
    case MessageTypeId.SetChunkSize: {
      const chunkSize = chunkSizeOf(body)
      if (chunkSize === 0) throw new ProtocolError('ERR_RTMP_CHUNK_SIZE', { layer: 'chunk', offset })
      return { kind: 'SetChunkSize', chunkSize }
    }
    case MessageTypeId.Abort:
      return { kind: 'Abort', chunkStreamId: value }
    case MessageTypeId.Acknowledgement:
      return { kind: 'Acknowledgement', sequenceNumber: value }
    case MessageTypeId.WindowAcknowledgementSize:
      return { kind: 'WindowAcknowledgementSize', windowSize: value }
    case MessageTypeId.SetPeerBandwidth:
      return { kind: 'SetPeerBandwidth', windowSize: value, limitType: limitTypes[body[4]!] ?? 'dynamic' }
    default:
      throw new RangeError(`message type ${type} is not a protocol control message`)
  }
}

/**
 * A protocol control message, on chunk stream 2 and message stream 0 (RTMP 1.0, 5.4).
 * @throws RangeError for a chunk size outside 1 to 16777215, or a number that does not fit in 32 bits.
 *
 * @example
 * ```ts
 * wire.write(protocolControlMessage({ kind: 'SetChunkSize', chunkSize: 4096 }))
 * ```
 */
export function protocolControlMessage(control: ProtocolControl): Message {
  const payload = Buffer.alloc(control.kind === 'SetPeerBandwidth' ? 5 : 4)
  switch (control.kind) {
    case 'SetChunkSize':
      if (!(control.chunkSize >= 1 && control.chunkSize <= MAX_CHUNK_SIZE))
        throw new RangeError(`chunk size ${control.chunkSize}`)
      payload.writeUInt32BE(control.chunkSize)
      break
    case 'Abort':
      payload.writeUInt32BE(control.chunkStreamId)
      break
    case 'Acknowledgement':
      payload.writeUInt32BE(control.sequenceNumber)
      break
    case 'SetPeerBandwidth':
      payload.writeUInt32BE(control.windowSize)
      payload[4] = limitTypes.indexOf(control.limitType)
      break
    case 'WindowAcknowledgementSize':
      payload.writeUInt32BE(control.windowSize)
  }
  return {
    type: MessageTypeId[control.kind],
    messageStreamId: 0,
    chunkStreamId: CONTROL_CHUNK_STREAM_ID,
    timestamp: 0,
    payload
  }
}

/** Set Chunk Size: chunks sent from now on carry up to this many bytes: 1 to 16777215 (RTMP 1.0, 5.4.1). */
export const setChunkSize = (chunkSize: number): Message => protocolControlMessage({ kind: 'SetChunkSize', chunkSize })

/**
 * Abort: the unfinished message of this chunk stream will not be completed (RTMP 1.0, 5.4.2).
 *
 * @example
 * ```ts
 * wire.write(abortMessage(4))
 * ```
 */
export const abortMessage = (chunkStreamId: number): Message => protocolControlMessage({ kind: 'Abort', chunkStreamId })

/**
 * Acknowledgement: the number of received bytes, modulo 2^32, the handshake included (RTMP 1.0, 5.4.3).
 *
 * @example
 * ```ts
 * wire.write(acknowledgement(2_500_000))
 * ```
 */
export const acknowledgement = (sequenceNumber: number): Message =>
  protocolControlMessage({ kind: 'Acknowledgement', sequenceNumber })

/** Window Acknowledgement Size: asks the peer to acknowledge after this many bytes (RTMP 1.0, 5.4.4). */
export const windowAcknowledgementSize = (windowSize: number): Message =>
  protocolControlMessage({ kind: 'WindowAcknowledgementSize', windowSize })

/**
 * Set Peer Bandwidth: asks the peer to send at most this many unacknowledged bytes (RTMP 1.0, 5.4.5).
 *
 * @example
 * ```ts
 * wire.write(setPeerBandwidth(2_500_000, 'dynamic'))
 * ```
 */
export const setPeerBandwidth = (windowSize: number, limitType: LimitType = 'dynamic'): Message =>
  protocolControlMessage({ kind: 'SetPeerBandwidth', windowSize, limitType })

/** A protocol control or user control message as the one chunk it is: it fits the smallest there may be. */
export function controlChunk({ payload, ...fields }: Message): Chunk {
  const header = { ...fields, chunkStreamId: CONTROL_CHUNK_STREAM_ID, length: payload.length }
  return { header, payload, last: true, byteLength: 0 }
}
