import type { Status } from './status.ts'

/**
 * Every code the library can end with, and what it says. The table is the documentation: a code is stable, its sentence is not.
 */
export const errorCodes = {
  ERR_RTMP_TRUNCATED: 'a value ends before its bytes do',
  ERR_RTMP_HANDSHAKE_VERSION: 'the first byte names no handshake version that is spoken here',
  ERR_RTMP_HANDSHAKE_DIGEST: 'the first packet of a handshake for RTMPE has no digest that fits',
  ERR_RTMP_HANDSHAKE_KEY: 'the first packet of a handshake for RTMPE has a key that is none, or weak',
  ERR_RTMP_HANDSHAKE_SIGNATURE: 'the second packet of a handshake for RTMPE is not signed as it should be',
  ERR_RTMP_HANDSHAKE_TIMEOUT: 'the handshake was not over in time',
  ERR_RTMP_CHUNK_FORMAT_UNKNOWN_STREAM: 'a chunk of format 1, 2 or 3 opens a chunk stream that has no header yet',
  ERR_RTMP_CHUNK_UNFINISHED_MESSAGE: 'a new message header interrupts an unfinished message of its chunk stream',
  ERR_RTMP_CHUNK_TOO_MANY_STREAMS:
    'more chunk streams than limits.chunkStreams hold an unfinished message, or more than limits.chunkStreamHeaders are used',
  ERR_RTMP_CHUNK_SIZE: 'Set Chunk Size asks for 0 bytes',
  ERR_RTMP_SWF: 'the peer was asked which SWF it is, and did not tell one that is allowed',
  ERR_RTMP_CONTROL_LENGTH: 'a protocol control message is too short for its fields',
  ERR_RTMP_MESSAGE_TOO_LONG: 'a message announces more bytes than limits.messageBytes',
  ERR_RTMP_BUFFERED_TOO_MUCH: 'unfinished messages hold more bytes than limits.bufferedBytes',
  ERR_RTMP_AGGREGATE: 'an Aggregate message whose parts do not fit its body',
  ERR_RTMP_REFUSED: 'refused',
  ERR_RTMP_SEQUENCE: 'a command that has no place in the state of its connection',
  ERR_RTMP_ANSWER_TIMEOUT: 'the peer did not answer in time',
  ERR_RTMP_CONNECT_TIMEOUT: 'the peer did not say in time what it came for',
  ERR_RTMP_COMMANDS: 'the peer sends more commands in a second than limits.commandsPerSecond',
  ERR_RTMP_IDLE:
    'the peer is gone: it sent nothing, and answered no ping, for longer than limits.pingMs or limits.idleMs allow',
  ERR_RTMP_STRAY:
    'the peer sent media of no publish or play that it was granted, or more of that than limits.strayBytes',
  ERR_RTMP_REPLIES: 'the peer asks and asks but takes no answers: more of them wait than limits.replyBytes',
  ERR_RTMP_STALLED: 'the peer took no byte for limits.stallMs',
  ERR_RTMP_BUDGET: 'the servers of this process hold more bytes than their budget, and the newest have to go',
  ERR_RTMP_COMMAND: 'a command message that names no command or no transaction',
  ERR_RTMP_AMF_MARKER: 'a byte that is no AMF type marker',
  ERR_RTMP_AMF_REFERENCE: 'an AMF reference to what was not sent',
  ERR_RTMP_AMF_COUNT: 'an AMF array or object counts more values than there are bytes',
  ERR_RTMP_AMF_DEPTH: 'AMF values are nested deeper than limits.amfDepth',
  ERR_RTMP_AMF_NODES: 'AMF values are more in number than limits.amfNodes',
  ERR_RTMP_AMF_EXTERNALIZABLE: 'an object that wrote itself, in a form that only its class knows',
  ERR_RTMP_FLV_HEADER: 'the bytes do not begin with an FLV header',
  ERR_RTMP_FLV_TAG: 'an FLV tag of an unknown form',
  ERR_RTMP_TUNNEL_IDLE: 'no post, or no answer to one, for limits.tunnelIdleMs',
  ERR_RTMP_TUNNEL_SEQUENCE: 'the number of a post is out of all sequence',
  ERR_RTMP_TUNNEL_POST: 'a post has more bytes than limits.tunnelPostBytes',
  ERR_RTMP_TUNNEL_STATUS: 'a post was answered with another status than 200',
  ERR_RTMP_TUNNEL_ID: 'the answer to open is no session id',
  ERR_RTMP_PREMATURE_CLOSE: 'a stage was closed before its end'
} as const

/** A code of the table errorCodes. */
export type RtmpErrorCode = keyof typeof errorCodes

/** The base of every error this library makes. Test `code`, not the class: copies of a package differ, codes do not. */
export class RtmpError extends Error {
  /** The name of the class. */
  override readonly name: string = 'RtmpError'
  /** The code to test: see errorCodes. */
  readonly code: RtmpErrorCode

  constructor(code: RtmpErrorCode, detail?: string, options?: ErrorOptions) {
    super(detail === undefined ? errorCodes[code] : `${errorCodes[code]}: ${detail}`, options)
    this.code = code
  }
}

/** How those leave that do not say goodbye: a player that is closed, an encoder that is killed. */
const LEAVES: readonly unknown[] = [
  'ERR_RTMP_PREMATURE_CLOSE',
  'ERR_STREAM_PREMATURE_CLOSE',
  'ECONNRESET',
  'ECONNABORTED',
  'EPIPE'
]

/** Whether an error says no more than that the peer has left, which is its right. */
export const hasLeft = (error: unknown): boolean => LEAVES.includes((error as { code?: unknown } | undefined)?.code)

/** The part of the protocol that found the fault. */
export type LayerName = 'handshake' | 'chunk' | 'message' | 'amf' | 'flv' | 'session' | 'tunnel'

/** What a ProtocolError is made of. */
export interface ProtocolErrorFields {
  /** The part of the protocol that found it. */
  layer: LayerName
  /** Where the fault lies: see ProtocolError. */
  offset?: number | undefined
  /** What was found; it stands in the message. */
  detail?: string | undefined
}

/** A peer's bytes, or a file's, that break the protocol. It says which layer found that, and at which byte. */
export class ProtocolError extends RtmpError {
  override readonly name = 'ProtocolError'
  /** The part of the protocol that found it. */
  readonly layer: LayerName
  /**
   * Where the fault lies, in bytes of this layer's input. Of `'handshake'` that is all the peer has sent, of a handshake that timed
   * out its end; of `'chunk'` what is behind the handshake, and the first byte of a chunk; of `'flv'` the file, and the first byte of
   * a tag; of `'message'` and `'amf'` the body of one message, and the first byte of a value or field. Absent where no byte is at fault: in
   * `'session'` and `'tunnel'`, where a command or a post has no place.
   */
  declare readonly offset?: number

  constructor(code: RtmpErrorCode, { layer, offset, detail }: ProtocolErrorFields) {
    const where = offset === undefined ? `${layer} layer` : `${layer} layer, byte ${offset}`
    super(code, detail === undefined ? where : `${detail}, ${where}`)
    this.layer = layer
    if (offset !== undefined) this.offset = offset
  }
}

/**
 * A request that is not granted: thrown by an application's handler it refuses the request, received from a peer it says why
 * the peer refused ours. `status` is what goes over the wire, such as `NetStream.Publish.BadName`.
 */
export class Refused extends RtmpError {
  override readonly name = 'Refused'
  /** The status code as it goes over the wire: `NetStream.Publish.BadName`. */
  readonly status: Status
  /** The reason, for people; empty where none was given. */
  readonly description: string
  /** All that the peer said; where it sends us elsewhere, `ex: { code: 302, redirect: 'rtmp://...' }`. Empty where we refuse. */
  readonly information: Readonly<Record<string, unknown>>

  constructor(status: Status, description = '', information: Readonly<Record<string, unknown>> = {}) {
    super('ERR_RTMP_REFUSED', description === '' ? status : `${status}, ${description}`)
    this.status = status
    this.description = description
    this.information = information
  }
}

/**
 * What a `'truncated'` event tells: the input ended inside something. Bytes that are wrong are an error; bytes that are
 * missing at the end are not, for a peer may leave at any moment.
 */
export interface Truncated {
  /** The part of the protocol whose input ended. */
  readonly layer: LayerName
  /** Bytes read of this layer's input. */
  readonly offset: number
  /** Bytes that were still to come, as far as they were announced; at least 1. */
  readonly missing: number
}

/** `error` as an Error that names the layer it was thrown in, unless it names one already. */
export function inLayer(layer: string, error: unknown): Error {
  const named = error instanceof Error ? error : new Error(String(error))
  if (!('layer' in named) && Object.isExtensible(named))
    Object.defineProperty(named, 'layer', { value: layer, enumerable: true })
  return named
}
