/**
 * The codecs of RTMFP (RFC 7016, RFC 7425) that the inspector reads captures with. It is no entry of the package.
 *
 *   flow-mapping   RTMP messages in the messages of flows
 *   flow           fragments of a flow, in any order, to messages
 *   wire           packets of chunks, to bytes and back
 *   crypto         encrypted packets
 */
export { PacketOpener } from './crypto/packet-opener.ts'
export { defaultProtection, type PacketProtection } from './crypto/packet-protection.ts'
export { type FlowMessage, ReceiveBuffer } from './flow/receive-buffer.ts'
export { readFlowMessage } from './flow-mapping/flow-message.ts'
export { type FlowMetadata, readFlowMetadata } from './flow-mapping/flow-metadata.ts'
export type { Acknowledgement } from './wire/acknowledgement.ts'
export { type Address, addressText } from './wire/address.ts'
export { type RtmfpChunk, RtmfpChunkType } from './wire/chunk.ts'
export { readFlowOptions } from './wire/flow-options.ts'
export { readOptions } from './wire/option.ts'
export { PacketMode, type RtmfpPacket, readPacket } from './wire/packet.ts'
export { readSessionId, SESSION_ID_LENGTH } from './wire/session-id.ts'
export type { UserData } from './wire/user-data.ts'
