import { type AmfObject, type AmfValue, EcmaArray, keysInOrder, propertiesOf, TypedObject } from '../amf/amf-value.ts'
import { writeAmf0 } from '../amf/amf0-writer.ts'
import { isDataNamed, readData } from './data.ts'
import { type Message, MessageTypeId } from './message.ts'

/**
 * Properties of one finished file, in lower case: OBS writes `fileSize`, FFmpeg `filesize`. FFmpeg, yamdi, flvtool2 and
 * OBS write them, and an encoder that reads such a file publishes them unchanged. `spacer` is the space that a
 * recording of this library reserves for them.
 */
const FILE_PROPERTIES: ReadonlySet<string> = new Set([
  'bytelength',
  'canseektoend',
  'cuepoints',
  'audiosize',
  'datasize',
  'duration',
  'filesize',
  'hascuepoints',
  'haskeyframes',
  'keyframes',
  'lastkeyframelocation',
  'lastkeyframetimestamp',
  'lasttimestamp',
  'moovposition',
  'seekpoints',
  'spacer',
  'totalduration',
  'videosize'
])

const isOfFile = (key: string): boolean => FILE_PROPERTIES.has(key.toLowerCase())

/**
 * Metadata of a live stream: without the properties that only a finished file has (duration, size, keyframe index), and
 * in AMF0 (type 18), which FFmpeg and librtmp require. Returns the same message if there is nothing to change, if it is
 * not `onMetaData` (in `@setDataFrame` or not), and if it cannot be decoded.
 *
 * @example
 * ```ts
 * live.input().write(liveMetadata(message))
 * ```
 */
export function liveMetadata(message: Message): Message {
  if (!isDataNamed(message, 'onMetaData') && !isDataNamed(message, '@setDataFrame')) return message
  const tellsOfFile = (value: AmfValue) => Object.keys(propertiesOf(value) ?? {}).some(isOfFile)
  const plain = inAmf0(message)
  const values = valuesOf(plain)
  if (values === undefined || !values.some(tellsOfFile)) return plain
  return rewritten(plain, values, key => !isOfFile(key))
}

/** The properties of an `onMetaData` message, without those of a file; undefined for any other message, or one that cannot be read. */
export function describedBy(message: Message): AmfObject | undefined {
  if (!isDataNamed(message, 'onMetaData')) return undefined
  const value = valuesOf(inAmf0(message))?.find(each => propertiesOf(each) !== undefined)
  return value === undefined ? undefined : filtered(value, key => !isOfFile(key))
}

/**
 * The `onMetaData` message, in `@setDataFrame` or not, with the properties that `change` makes of its own, in AMF0. It is returned as it is if
 * `change` returns what it was given, if it cannot be read or written, and if it is any other message.
 */
export function changedMetadata(message: Message, change: (properties: AmfObject) => AmfObject): Message {
  if (!isDataNamed(message, 'onMetaData') && !isDataNamed(message, '@setDataFrame')) return message
  const plain = inAmf0(message)
  const values = valuesOf(plain)
  const at = values?.findIndex(value => propertiesOf(value) !== undefined) ?? -1
  if (values === undefined || at < 0) return message
  const properties = propertiesOf(values[at])!
  const changed = change(properties)
  if (changed === properties) return message
  try {
    return { ...plain, payload: writeAmf0(...values.with(at, withProperties(values[at], changed))) }
  } catch {
    return message
  }
}

/**
 * A data message of type 15 as type 18, in AMF0. Properties that AMF0 cannot express are left out; a message that cannot be read, or
 * that consists of such values, is returned as it is, and so is any other type.
 */
export function inAmf0(message: Message): Message {
  if (message.type !== MessageTypeId.DataAmf3) return message
  const values = valuesOf(message)
  return values === undefined ? message : rewritten(message, values, () => true)
}

/** The message in AMF0, with the properties that `keeps` names and AMF0 can express; as it is where other values cannot be. */
function rewritten(message: Message, values: readonly AmfValue[], keeps: (key: string) => boolean): Message {
  const kept = values.map(value =>
    withProperties(
      value,
      filtered(value, (key, property) => keeps(key) && isExpressible(property))
    )
  )
  try {
    return { ...message, type: MessageTypeId.DataAmf0, payload: writeAmf0(...kept) }
  } catch {
    return message
  }
}

/** Data messages of a peer may contain anything, and must not end a session. */
function valuesOf(message: Message): AmfValue[] | undefined {
  try {
    return readData(message)
  } catch {
    return undefined
  }
}

function isExpressible(value: AmfValue): boolean {
  try {
    writeAmf0(value)
    return true
  } catch {
    return false
  }
}

function filtered(value: AmfValue, keeps: (key: string, property: AmfValue) => boolean): AmfObject {
  const properties = propertiesOf(value) ?? {}
  const kept: Record<string, AmfValue> = Object.create(null)
  for (const key of keysInOrder(properties)) if (keeps(key, properties[key])) kept[key] = properties[key]
  return kept
}

/** The same kind of value with other properties; a value that has none as it is. */
function withProperties(value: AmfValue, properties: AmfObject): AmfValue {
  if (value instanceof EcmaArray) return new EcmaArray(properties)
  if (value instanceof TypedObject) return new TypedObject(value.className, properties)
  return propertiesOf(value) === undefined ? value : properties
}
