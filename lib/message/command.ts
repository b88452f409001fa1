import type { AmfReaderOptions } from '../amf/amf-bounds.ts'
import type { AmfValue } from '../amf/amf-value.ts'
import { Amf0Marker } from '../amf/amf0-marker.ts'
import { Amf0Reader } from '../amf/amf0-reader.ts'
import { ProtocolError } from '../errors.ts'
import type { Status, StatusLevel } from '../status.ts'
import { type ObjectEncoding, writeBody } from './body.ts'
import { type ChunkStreamId, type Message, type MessageStreamId, MessageTypeId } from './message.ts'

/** A number that an answer repeats, to identify its command (RTMP 1.0, 7.1.1). */
export type TransactionId = number

/**
 * A decoded command message (RTMP 1.0, 7.1.1 and 7.2). `args` is everything after the transaction id; its first value
 * is the command object, or null. It is deeply frozen, except for bytes: to change a command, make a new one,
 * `{ ...command, args: [...] }`.
 */
export interface Command {
  /** `connect`, `publish`, `_result`, `onStatus` ... */
  readonly name: string
  /** 0 if no answer is expected. */
  readonly transactionId: TransactionId
  /** Everything after the transaction id; the first value is the command object, or null. */
  readonly args: readonly AmfValue[]
  /** The encoding of its message: 0 for type 20, 3 for type 17. */
  readonly encoding: ObjectEncoding
  /** 0 for commands of the connection itself. */
  readonly messageStreamId: MessageStreamId
  /** Of its message. */
  readonly chunkStreamId?: ChunkStreamId | undefined
  /** Milliseconds. */
  readonly timestamp: number
}

/**
 * The message each command was read from, by identity: an unchanged command is sent with the bytes it arrived with,
 * inexact numbers and unusual markers included.
 */
const sources = new WeakMap<Command, Message>()

/** Whether messages of this type are commands: 20, or 17 for AMF3. */
export const isCommandType = (type: number): boolean =>
  type === MessageTypeId.CommandAmf0 || type === MessageTypeId.CommandAmf3

/** Whether an item of a stream is a Command, not a Message. */
export function isCommand(item: unknown): item is Command {
  return typeof item === 'object' && item !== null && 'transactionId' in item && 'name' in item
}

/**
 * Decodes a message of type 20 or 17. A command that ends after its name has transaction 0 and no args: FFmpeg's server
 * sends onFCPublish so.
 * @throws ProtocolError `ERR_RTMP_COMMAND` for an invalid name or transaction id, `ERR_RTMP_AMF_*` for invalid values.
 *
 * @example
 * ```ts
 * if (isCommandType(message.type)) console.log(readCommand(message).name)
 * ```
 */
export function readCommand(message: Message, options?: AmfReaderOptions): Command {
  const { type, payload, messageStreamId, chunkStreamId, timestamp } = message
  const encoding = type === MessageTypeId.CommandAmf3 ? 3 : 0
  const start = encoding === 3 ? selectorLength(payload) : 0
  const values = new Amf0Reader(payload, { ...options, start })
  const name = values.done ? undefined : values.read()
  if (typeof name !== 'string') return fail(start, `command name is ${typeof name}`)
  const { offset } = values
  const transactionId = values.done ? 0 : values.read()
  if (typeof transactionId !== 'number') return fail(offset, `transaction id of ${name} is ${typeof transactionId}`)
  const args: AmfValue[] = []
  while (!values.done) args.push(values.read())
  const command = deepFreeze({
    name,
    transactionId,
    args,
    encoding,
    messageStreamId,
    chunkStreamId,
    timestamp
  } as const)
  sources.set(command, message)
  return command
}

/**
 * The message of a command: the one it was read from, or a newly encoded one.
 * @throws TypeError, RangeError for a value that cannot be encoded: see Amf0Writer.
 */
export function commandMessage(command: Command): Message {
  const source = sources.get(command)
  if (source !== undefined) return source
  const { name, transactionId, args, encoding, messageStreamId, chunkStreamId, timestamp } = command
  const payload = writeBody(encoding, [name, transactionId, ...args])
  const type = encoding === 3 ? MessageTypeId.CommandAmf3 : MessageTypeId.CommandAmf0
  return { type, messageStreamId, chunkStreamId, timestamp, payload }
}

/**
 * A command with what is usual where nothing is said: AMF0, message stream 0, timestamp 0.
 *
 * @example
 * ```ts
 * wire.write(commandMessage(createCommand('getStreamLength', 4, [null, 'film'])))
 * ```
 */
export function createCommand(
  name: string,
  transactionId: TransactionId,
  args: readonly AmfValue[],
  rest: Partial<Omit<Command, 'name' | 'transactionId' | 'args'>> = {}
): Command {
  const usual = { encoding: 0, messageStreamId: 0, timestamp: 0 } as const
  return { name, transactionId, args, ...usual, ...rest }
}

/** The `_result` that answers a command, in the command's own encoding (RTMP 1.0, 7.2.1). */
export const resultCommand = (to: Command, ...args: AmfValue[]): Command =>
  createCommand('_result', to.transactionId, args, { encoding: to.encoding })

/**
 * The `_error` that answers a command (RTMP 1.0, 7.2.1).
 *
 * @example
 * ```ts
 * const answer = errorCommand(command, null, { level: 'error', code: 'NetConnection.Call.Failed' })
 * ```
 */
export const errorCommand = (to: Command, ...args: AmfValue[]): Command =>
  createCommand('_error', to.transactionId, args, { encoding: to.encoding })

/** An `onStatus` of a message stream (RTMP 1.0, 7.2.2), such as `NetStream.Play.Start`. */
export const onStatus = (
  messageStreamId: MessageStreamId,
  code: Status,
  description: string,
  level: StatusLevel = 'status'
): Command => createCommand('onStatus', 0, [null, { level, code, description }], { messageStreamId })

/** Type 17 starts with a format byte, always 0; some clients omit it. */
const selectorLength = (payload: Buffer): number => (payload.length === 0 || payload[0] === Amf0Marker.String ? 0 : 1)

function fail(offset: number, detail: string): never {
  throw new ProtocolError('ERR_RTMP_COMMAND', { layer: 'message', offset, detail })
}

/** Without recursion: by references a peer can build a chain of objects far deeper than their nesting. */
function deepFreeze<Value>(value: Value): Value {
  const met: unknown[] = [value]
  for (let each = met.pop(); each !== undefined || met.length > 0; each = met.pop()) {
    // typed arrays cannot be frozen
    if (typeof each !== 'object' || each === null || Object.isFrozen(each) || ArrayBuffer.isView(each)) continue
    for (const inner of Object.values(Object.freeze(each))) met.push(inner)
  }
  return value
}
