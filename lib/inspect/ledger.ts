import {
  type AmfValue,
  type Chunk,
  type ChunkFormat,
  type ChunkStreamId,
  type DigestScheme,
  isCommandType,
  isDataType,
  isProtocolControlType,
  type LayerName,
  type Message,
  type MessageStreamId,
  MessageTypeId,
  type ProtocolControl,
  ProtocolError,
  type RtmpErrorCode,
  readAggregate,
  readCommand,
  readData,
  readProtocolControl,
  readUserControlEvent,
  type TransactionId,
  type Truncated,
  type UserControlEvent
} from '../index.ts'
import { type AudioSays, audioSays, type VideoSays, videoSays } from './media-says.ts'
import type { Sender } from './tcp.ts'
import type { DirectionEnd } from './tcp-direction.ts'

/** The origin of an entry. Unknown fields are omitted. */
export interface Place {
  /** The TCP connection of a capture, from 1. */
  readonly connection?: number
  /** Which side has sent it. */
  readonly from?: Sender
  /** Seconds since the start of the connection. */
  readonly time?: number
  /** Bytes before it: of its direction, handshake included, or of its file. */
  readonly offset?: number
}

/** One event of a ledger. */
export type LedgerEntry =
  | ConnectionEntry
  | HandshakeEntry
  | ChunkEntry
  | MessageEntry
  | TagEntry
  | FlvEntry
  | PreviousTagSizeEntry
  | ResyncEntry
  | EndEntry
  | MissingEntry
  | ErrorEntry
  | NoteEntry

/** A connection of a capture has sent its first bytes. Only plain RTMP is decoded. */
export interface ConnectionEntry {
  readonly kind: 'connection'
  /** Its number in the capture, from 1. */
  readonly connection: number
  /** The address and port that connected: `127.0.0.1:50000`. */
  readonly client: string
  /** The address and port it connected to. */
  readonly server: string
  /** Its start, ISO 8601; omitted if the capture has no valid time. */
  readonly began?: string
  /** `'RTMP'`, or the detected protocol. */
  readonly protocol: string
  /** False if the capture starts inside the connection. */
  readonly whole: boolean
}

/** C0 and C1, or S0 and S1. */
export interface HandshakeEntry extends Place {
  readonly kind: 'handshake'
  /** The version byte: 3, or that of a cipher. */
  readonly version: number
  /** The digest scheme, or `'simple'`. */
  readonly digest: DigestScheme | 'simple'
}

/** One chunk (RTMP 1.0, 5.3.1), with the header it has or takes over. */
export interface ChunkEntry extends Place {
  readonly kind: 'chunk'
  /** The format of its header, 0 to 3. */
  readonly format: ChunkFormat
  /** Its chunk stream. */
  readonly chunkStreamId: ChunkStreamId
  /** The message stream of its message. */
  readonly messageStreamId: MessageStreamId
  /** The timestamp of its message, in milliseconds. */
  readonly timestamp: number
  /** The type of its message. */
  readonly type: number
  /** The name of that type: one of MessageTypeId's, or `type 99`. */
  readonly name: string
  /** Bytes of its message. */
  readonly length: number
  /** Its length on the wire, header included. */
  readonly byteLength: number
  /** Bytes of its message that it carries. */
  readonly payloadLength: number
  /** Whether it is the last chunk of its message. */
  readonly last: boolean
}

/** The common fields of a message and a tag. */
interface Told extends Place {
  /** In milliseconds. */
  readonly timestamp: number
  /** The type id of its message. */
  readonly type: number
  /** The name of its type: one of MessageTypeId's, or `type 99`. */
  readonly name: string
  /** Bytes of its body. */
  readonly length: number
  /** What its body says. */
  readonly says: Says
  /** Its body. */
  readonly payload: Buffer
}

/** A message, once its last byte has come. */
export interface MessageEntry extends Told {
  readonly kind: 'message'
  /** The chunk stream that carried it. */
  readonly chunkStreamId: ChunkStreamId | undefined
  /** Its message stream. */
  readonly messageStreamId: MessageStreamId
  /** How many chunks carried it. */
  readonly chunks?: number
  /** The format of the first chunk's header. */
  readonly format?: ChunkFormat
}

/** A tag of an FLV file: a message with another header. */
export interface TagEntry extends Told {
  readonly kind: 'tag'
}

/** The decoded body of a message; `bytes` if its type is not decoded. */
export type Says =
  | {
      readonly kind: 'command'
      readonly name: string
      readonly transactionId: TransactionId
      readonly args: readonly AmfValue[]
    }
  | { readonly kind: 'data'; readonly values: readonly AmfValue[] }
  | ProtocolControl
  | UserControlEvent
  | VideoSays
  | AudioSays
  | { readonly kind: 'aggregate'; readonly parts: readonly MessageEntry[] }
  | Fault
  | { readonly kind: 'bytes' }

/** Bytes that violate the protocol. */
export interface Fault {
  readonly kind: 'error'
  /** The code of the ProtocolError. */
  readonly code: RtmpErrorCode
  /** Its message. */
  readonly message: string
  /** The layer that read them. */
  readonly layer: LayerName
  /** Where the fault lies, in bytes of this layer's input: see ProtocolError. */
  readonly layerOffset?: number
}

/** The header of an FLV file. */
export interface FlvEntry extends Place {
  readonly kind: 'flv'
  /** Whether it says that there is audio. */
  readonly audio: boolean
  /** Whether it says that there is video. */
  readonly video: boolean
}

/** A PreviousTagSize that differs from the size of the preceding tag. */
export interface PreviousTagSizeEntry extends Place {
  readonly kind: 'previousTagSize'
  /** Bytes of the tag before it. */
  readonly expected: number
  /** Bytes that the field says. */
  readonly found: number
}

/** Damaged bytes of an FLV file, which were skipped. */
export interface ResyncEntry extends Place {
  readonly kind: 'resync'
  /** Their number. */
  readonly bytes: number
}

/** A direction of a connection, or a file, ends. */
export interface EndEntry extends Place {
  readonly kind: 'end'
  /** By what: a FIN, a RST, the end of the capture or of the file. */
  readonly how: DirectionEnd | 'file'
  /** What is truncated by it. */
  readonly cut?: Truncated
}

/** A direction ends because bytes were not captured. */
export interface MissingEntry extends Place {
  readonly kind: 'missing'
  /** How many. */
  readonly bytes: number
}

/** An error that ends the decoding of a direction or a file. */
export type ErrorEntry = Place & Fault

/** A remark on the capture as a whole. */
export interface NoteEntry {
  readonly kind: 'note'
  /** One sentence. */
  readonly text: string
}

const names: ReadonlyMap<number, string> = new Map(Object.entries(MessageTypeId).map(([name, id]) => [id, name]))

const typeName = (type: number): string => names.get(type) ?? `type ${type}`

/**
 * The entry of a message, from a capture, a file or a live wire.
 *
 * @example
 * ```ts
 * console.log(textLine(messageEntry(message)))
 * ```
 */
export function messageEntry(
  message: Message,
  place: Place & Pick<MessageEntry, 'chunks' | 'format'> = {}
): MessageEntry {
  return { ...place, ...entryOf(message, says(message)) }
}

/** The entry of an FLV tag; `offset` is that of its first byte in the file. */
export function tagEntry(message: Message, offset: number): TagEntry {
  const { chunkStreamId: _, messageStreamId: __, ...entry } = messageEntry(message)
  return { offset, ...entry, kind: 'tag' }
}

export function chunkEntry({ header, payload, last, byteLength }: Chunk, place: Place = {}): ChunkEntry {
  const { format = 0, ...rest } = header
  const name = typeName(header.type)
  return { ...place, kind: 'chunk', format, ...rest, name, byteLength, payloadLength: payload.length, last }
}

/**
 * The entry of an error caused by bytes.
 * @throws `error` itself if it is another error.
 */
export const errorEntry = (error: unknown, place: Place = {}): ErrorEntry => ({ ...place, ...fault(error) })

function entryOf({ chunkStreamId, messageStreamId, timestamp, type, payload }: Message, says: Says): MessageEntry {
  const header = { chunkStreamId, messageStreamId, timestamp, type, name: typeName(type), length: payload.length }
  return { kind: 'message', ...header, says, payload }
}

function says(message: Message): Says {
  try {
    return read(message) ?? { kind: 'bytes' }
  } catch (error) {
    return fault(error)
  }
}

function read(message: Message): Says | undefined {
  const { type, payload } = message
  if (isCommandType(type)) {
    const { name, transactionId, args } = readCommand(message)
    return { kind: 'command', name, transactionId, args }
  }
  if (isDataType(type)) return { kind: 'data', values: readData(message) }
  if (isProtocolControlType(type)) return readProtocolControl(type, payload)
  if (type === MessageTypeId.UserControl) return readUserControlEvent(payload)
  if (type === MessageTypeId.Video) return videoSays(payload)
  if (type === MessageTypeId.Audio) return audioSays(payload)
  if (type === MessageTypeId.Aggregate)
    return { kind: 'aggregate', parts: Array.from(readAggregate(message), partEntry) }
  return undefined
}

/** A nested aggregate is not decoded: none is sent in practice, and they could nest without end. */
function partEntry(message: Message): MessageEntry {
  const isAggregate = message.type === MessageTypeId.Aggregate
  return entryOf(message, isAggregate ? { kind: 'bytes' } : says(message))
}

function fault(error: unknown): Fault {
  if (!(error instanceof ProtocolError)) throw error
  const { code, message, layer, offset } = error
  return { kind: 'error', code, message, layer, ...(offset !== undefined && { layerOffset: offset }) }
}
