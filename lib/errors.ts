import type { Status } from './status.ts'

/**
 * Every error code and its message. A code is stable, its message is not: test the code. `docs/errors.md` is generated from this table.
 *
 * @example
 * ```ts
 * for (const [code, meaning] of Object.entries(errorCodes)) console.log(code, meaning)
 * ```
 */
export const errorCodes = {
  ERR_RTMP_TRUNCATED: 'value is longer than the bytes that carry it',
  ERR_RTMP_PROXY_HEADER: 'header of the PROXY protocol is missing or invalid',
  ERR_RTMP_HANDSHAKE_VERSION: 'handshake version is not supported',
  ERR_RTMP_HANDSHAKE_DIGEST: 'first packet of an RTMPE handshake contains no valid digest',
  ERR_RTMP_HANDSHAKE_KEY: 'first packet of an RTMPE handshake contains an invalid or weak Diffie-Hellman key',
  ERR_RTMP_HANDSHAKE_SIGNATURE: 'second packet of an RTMPE handshake has an invalid signature',
  ERR_RTMP_HANDSHAKE_TIMEOUT: 'handshake timed out: not complete within limits.handshakeMs',
  ERR_RTMP_CHUNK_FORMAT_UNKNOWN_STREAM: 'chunk of format 1, 2 or 3 has no preceding chunk on its chunk stream',
  ERR_RTMP_CHUNK_UNFINISHED_MESSAGE: 'message header interrupts an unfinished message on the same chunk stream',
  ERR_RTMP_CHUNK_TOO_MANY_STREAMS:
    'peer uses more chunk streams than limits.chunkStreamHeaders, or has unfinished messages on more than limits.chunkStreams',
  ERR_RTMP_CHUNK_SIZE: 'Set Chunk Size requests a chunk size of 0',
  ERR_RTMP_SWF: 'SWF verification failed',
  ERR_RTMP_CONTROL_LENGTH: 'protocol control message is shorter than its fields',
  ERR_RTMP_MESSAGE_TOO_LONG: 'message length exceeds limits.messageBytes',
  ERR_RTMP_BUFFERED_TOO_MUCH: 'unfinished messages exceed limits.bufferedBytes',
  ERR_RTMP_AGGREGATE: 'Aggregate message contains a part that exceeds its body',
  ERR_RTMP_REFUSED: 'refused',
  ERR_RTMP_SEQUENCE: 'command is not allowed in this state of the connection',
  ERR_RTMP_ANSWER_TIMEOUT: 'peer did not answer in time',
  ERR_RTMP_CONNECT_TIMEOUT: 'peer timed out: no connect, publish or play within limits.connectMs',
  ERR_RTMP_COMMANDS: 'peer exceeded limits.commandsPerSecond',
  ERR_RTMP_IDLE: 'peer timed out: no bytes for limits.idleMs, or no answer to a ping within limits.pingMs',
  ERR_RTMP_STRAY:
    'peer exceeded limits.strayBytes of media without a publish or play, or sent it on an ambiguous message stream',
  ERR_RTMP_REPLIES: 'peer does not read: queued answers exceed limits.replyBytes',
  ERR_RTMP_STALLED: 'peer stalled: no byte accepted for limits.stallMs',
  ERR_RTMP_BUDGET: 'connection closed to free memory: the process exceeded its MemoryBudget',
  ERR_RTMP_COMMAND: 'command message has no valid name or transaction id',
  ERR_RTMP_AMF_MARKER: 'AMF type marker is unknown',
  ERR_RTMP_AMF_REFERENCE: 'AMF reference is out of range',
  ERR_RTMP_AMF_COUNT: 'AMF array or object declares more values than its bytes can hold',
  ERR_RTMP_AMF_DEPTH: 'AMF nesting exceeds limits.amfDepth',
  ERR_RTMP_AMF_NODES: 'number of AMF values exceeds limits.amfNodes',
  ERR_RTMP_AMF_EXTERNALIZABLE: 'externalizable AMF3 object has a format that only its class defines',
  ERR_RTMP_TAG: 'audio or video payload is invalid',
  ERR_RTMP_FLV_HEADER: 'FLV header is missing or invalid',
  ERR_RTMP_FLV_TAG: 'FLV tag is invalid',
  ERR_RTMP_VLU: 'variable length number is longer than 10 bytes or exceeds 2^53 - 1',
  ERR_RTMP_RTMFP_PACKET: 'RTMFP packet is invalid',
  ERR_RTMP_RTMFP_CHUNK: 'RTMFP chunk is invalid',
  ERR_RTMP_RTMFP_KEYING: 'RTMFP certificate or session key component is invalid, or does not suit this side',
  ERR_RTMP_RTMFP_TIMEOUT: 'RTMFP session was not opened in time: no answer for 95 s',
  ERR_RTMP_RTWS: 'RTWebSocket message is not allowed in this state of its flow',
  ERR_RTMP_TUNNEL_IDLE: 'HTTP tunnel timed out: no post, or no response to one, within limits.tunnelIdleMs',
  ERR_RTMP_TUNNEL_SEQUENCE: 'tunnel post has an unexpected sequence number',
  ERR_RTMP_TUNNEL_POST: 'tunnel post exceeds limits.tunnelPostBytes',
  ERR_RTMP_TUNNEL_STATUS: 'tunnel post was answered with an HTTP status other than 200',
  ERR_RTMP_TUNNEL_ID: 'response to open contains no valid session id',
  ERR_RTMP_GO_LIVE_FIELD: 'field of a go-live request or configuration is missing or invalid',
  ERR_RTMP_GO_LIVE_HTTP: 'go-live request was not answered with HTTP status 200 and JSON',
  ERR_RTMP_GO_LIVE_REFUSED: 'go-live request was refused',
  ERR_RTMP_PREMATURE_CLOSE: 'stream closed before it ended'
} as const

/** A code of the table errorCodes. */
export type RtmpErrorCode = keyof typeof errorCodes

/**
 * The base class of every error of this library. Test `code`, not the class: a process may contain several copies of a
 * package.
 *
 * @example
 * ```ts
 * server.on('sessionError', error => {
 *   if (error instanceof RtmpError) console.log(error.code)
 * })
 * ```
 */
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

/** The codes of a peer that disconnects without a goodbye: a player that is closed, an encoder that is killed. */
const LEAVES: readonly unknown[] = [
  'ERR_RTMP_PREMATURE_CLOSE',
  'ERR_STREAM_PREMATURE_CLOSE',
  'ECONNRESET',
  'ECONNABORTED',
  'EPIPE'
]

/** Whether an error means only that the peer has disconnected. */
export const hasLeft = (error: unknown): boolean => LEAVES.includes((error as { code?: unknown } | undefined)?.code)

/** The part of the protocol that found an error. */
export type LayerName =
  | 'proxy-header'
  | 'handshake'
  | 'chunk'
  | 'message'
  | 'amf'
  | 'media'
  | 'flv'
  | 'session'
  | 'tunnel'
  | 'rtmfp'
  | 'rtws'

/** The fields of a ProtocolError. */
export interface ProtocolErrorFields {
  /** The part of the protocol that found it. */
  layer: LayerName
  /** Where the fault lies: see ProtocolError. */
  offset?: number | undefined
  /** Details, which are part of the message. */
  detail?: string | undefined
}

/**
 * A peer's bytes, or a file's, that break the protocol. It says which layer found that, and at which byte.
 *
 * @example
 * ```ts
 * decoder.on('error', error => {
 *   if (error instanceof ProtocolError) console.log(error.layer, error.offset)
 * })
 * ```
 */
export class ProtocolError extends RtmpError {
  override readonly name = 'ProtocolError'
  /** The part of the protocol that found it. */
  readonly layer: LayerName
  /**
   * The position of the error, in bytes of the input of its layer:
   *
   * - `'proxy-header'`: the connection.
   * - `'handshake'`: everything that the peer has sent; of a handshake that timed out, its end.
   * - `'chunk'`: everything after the handshake; the first byte of a chunk.
   * - `'flv'`: the file; the first byte of a tag.
   * - `'message'`, `'amf'`, `'media'`: the body of one message; the first byte of a value or field.
   * - `'rtmfp'`: the packet, chunk or option list that is read.
   * - `'rtws'`: one message of WebSocket.
   *
   * Absent in `'session'` and `'tunnel'`, where a command or a post has no position.
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
 * A refused request. If an application's handler throws it, the request is refused; if a peer sent it, it says why.
 * `status` is the status code on the wire, such as `NetStream.Publish.BadName`.
 */
export class Refused extends RtmpError {
  override readonly name = 'Refused'
  /** The status code on the wire: `NetStream.Publish.BadName`. */
  readonly status: Status
  /** The reason, as text for people; empty if there is none. */
  readonly description: string
  /**
   * Everything the peer sent; for a redirect, `ex: { code: 302, redirect: 'rtmp://...' }`. Empty for a refusal by this
   * side.
   */
  readonly information: Readonly<Record<string, unknown>>

  constructor(status: Status, description = '', information: Readonly<Record<string, unknown>> = {}) {
    super('ERR_RTMP_REFUSED', description === '' ? status : `${status}, ${description}`)
    this.status = status
    this.description = description
    this.information = information
  }
}

/**
 * The argument of `'truncated'`: the input ended inside a value. Invalid bytes are an error; missing bytes at the end
 * are not, because a peer may disconnect at any moment.
 */
export interface Truncated {
  /** The part of the protocol whose input ended. */
  readonly layer: LayerName
  /** Bytes read of this layer's input. */
  readonly offset: number
  /** Missing bytes, as far as they were announced; at least 1. */
  readonly missing: number
}

/** What was thrown, as an Error: anything may be, undefined too. */
export const asError = (thrown: unknown): Error =>
  thrown instanceof Error ? thrown : new Error(thrown === undefined ? 'undefined was thrown' : String(thrown))

/** `error` as an Error with the name of the layer it was thrown in, unless it has one. */
export function inLayer(layer: string, error: unknown): Error {
  const named = asError(error)
  if (!('layer' in named) && Object.isExtensible(named))
    Object.defineProperty(named, 'layer', { value: layer, enumerable: true })
  return named
}
