import { ByteReader } from '../../bytes/byte-reader.ts'
import { ByteWriter } from '../../bytes/byte-writer.ts'
import type { Message, MessageStreamId } from '../../message/message.ts'

/** Type and timestamp. The length follows from the message of the flow, and the message stream from the flow. */
const HEADER_LENGTH = 5

/**
 * Reads an RTMP message from a message of a flow (RFC 7425, 5.1.2). Its payload is a view.
 * @throws ProtocolError `ERR_RTMP_TRUNCATED` if it is shorter than its header.
 */
export function readFlowMessage(bytes: Buffer, messageStreamId: MessageStreamId): Message {
  const reader = new ByteReader(bytes, 'rtmfp')
  return { type: reader.u8(), messageStreamId, timestamp: reader.u32(), payload: reader.view(reader.left) }
}

/** Bytes that writeFlowMessage writes. */
export const flowMessageLength = ({ payload }: Message): number => HEADER_LENGTH + payload.length

/** The inverse of readFlowMessage: header and payload in one buffer. */
export const writeFlowMessage = (message: Message): Buffer => writeFlowMessages([message])

/** The same for several messages, one after the other in one buffer. */
export function writeFlowMessages(messages: readonly Message[]): Buffer {
  const writer = new ByteWriter(messages.reduce((length, message) => length + flowMessageLength(message), 0))
  for (const { type, timestamp, payload } of messages) writer.u8(type).u32(timestamp).raw(payload)
  return writer.done()
}
