/**
 * rtmpipe/inspect: what a capture or an FLV file holds, entry by entry.
 *
 *   pcap · pcapng      the packets of a file
 *   tcp                their segments, put in order for each connection
 *   ledger             what one side of an RTMP connection sent: handshake, chunks, messages, errors, with offsets and times
 *   text · json        an entry as lines to read, or as JSON
 *   rtmfp              the packets, flows and messages of RTMFP in a capture, with the keys of its sessions
 *
 * It is made of rtmpipe's public parts, and of the codecs of RTMFP; rtmpipe does not load it.
 *
 * @module rtmpipe/inspect
 */
export { escaped } from './escaped.ts'
export { type InspectOptions, inspectCapture, inspectFile, inspectFlv } from './inspect.ts'
export {
  type ChunkEntry,
  type ConnectionEntry,
  type EndEntry,
  type ErrorEntry,
  type FlvEntry,
  type HandshakeEntry,
  type LedgerEntry,
  type MessageEntry,
  type MissingEntry,
  messageEntry,
  type NoteEntry,
  type PreviousTagSizeEntry,
  type ResyncEntry,
  type TagEntry
} from './ledger.ts'
export { jsonLine } from './ledger-json.ts'
export { textLine } from './ledger-text.ts'
export { type RtmfpFlowReport, type RtmfpReport, rtmfpReport } from './rtmfp-json.ts'
export { rtmfpLines } from './rtmfp-text.ts'
