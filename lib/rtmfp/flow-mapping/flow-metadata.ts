import { ByteReader } from '../../bytes/byte-reader.ts'
import { ByteWriter } from '../../bytes/byte-writer.ts'
import { ProtocolError } from '../../errors.ts'
import type { MessageStreamId } from '../../message/message.ts'
import type { ReceiveOrder } from '../flow/receive-buffer.ts'
import { readVlu, writeVlu } from '../wire/vlu.ts'

/** The fields in the metadata of a flow of RTMP messages (RFC 7425, 5.1.1). */
export interface FlowMetadata {
  /** The message stream of its messages. */
  readonly messageStreamId: MessageStreamId
  /** The order in which its messages are delivered. */
  readonly receiveOrder: ReceiveOrder
}

/** "TC", the signature of a flow of RTMP messages. */
const SIGNATURE = 0x5443
const STREAM_ID_FLAG = 0x04
const RECEIVE_INTENT_BITS = 0x03
const NETWORK_ORDER = 1

/** Reads metadata; undefined for a flow of another protocol, which is to be rejected. */
export function readFlowMetadata(metadata: Buffer): FlowMetadata | undefined {
  const reader = new ByteReader(metadata, 'rtmfp')
  try {
    if (reader.u16() !== SIGNATURE) return undefined
    const flags = reader.u8()
    if ((flags & STREAM_ID_FLAG) === 0) return undefined
    const receiveOrder = (flags & RECEIVE_INTENT_BITS) === NETWORK_ORDER ? 'network' : 'sequence'
    return { messageStreamId: readVlu(reader), receiveOrder }
  } catch (error) {
    if (error instanceof ProtocolError) return undefined
    throw error
  }
}

export function flowMetadata({ messageStreamId, receiveOrder }: FlowMetadata): Buffer {
  const writer = new ByteWriter(8).u16(SIGNATURE).u8(STREAM_ID_FLAG | (receiveOrder === 'network' ? NETWORK_ORDER : 0))
  writeVlu(writer, messageStreamId)
  return writer.done()
}
