import { type AmfObject, EcmaArray, propertiesOf } from '../amf/amf-value.ts'
import { writeAmf0 } from '../amf/amf0-writer.ts'
import { isDataNamed, readData } from '../message/data.ts'
import type { Message } from '../message/message.ts'

/** See FILE_PROPERTIES, which keeps it out of live streams. */
const SPACER = 'spacer'
/** Key, marker and end of an object that holds nothing. */
const EMPTY_SPACER = 2 + SPACER.length + 1 + 3
/** Key of four digits, marker and length of a string in it. */
const STRING_HEADER = 2 + 4 + 1 + 2
/** FFmpeg refuses metadata with a string of 1024 bytes or more. */
const MAX_STRING = 1000

/** The body of an onMetaData tag. */
const metadataBody = (properties: AmfObject): Buffer => writeAmf0('onMetaData', new EcmaArray(properties))

/**
 * The body of an onMetaData tag in exactly `length` bytes, so that it can be written again in its place: a last property `spacer`, an
 * object of blanks, fills what is left. Undefined where it does not fit.
 */
export function paddedMetadataBody(properties: AmfObject, length: number): Buffer | undefined {
  const body = metadataBody(properties)
  if (body.length === length) return body
  const spare = length - body.length - EMPTY_SPACER
  if (spare < 0 || (spare > 0 && spare < STRING_HEADER)) return undefined
  return metadataBody({ ...properties, [SPACER]: blanks(spare) })
}

/** A length that the body fits in, and so does any smaller one. */
export const roomFor = (properties: AmfObject): number => metadataBody(properties).length + EMPTY_SPACER + STRING_HEADER

/** Whether a tag is metadata of ours, which can be written again in its place. */
export function hasSpacer(message: Message): boolean {
  if (!isDataNamed(message, 'onMetaData')) return false
  try {
    return readData(message).some(value => Object.hasOwn(propertiesOf(value) ?? {}, SPACER))
  } catch {
    return false
  }
}

/** Named strings that take so many bytes. GStreamer reads arrays as numbers, whatever they hold, but objects as they are. */
function blanks(bytes: number): AmfObject {
  const made: Record<string, string> = {}
  let left = bytes
  for (let at = 0; left > 0; at++) {
    const rest = left - STRING_HEADER - MAX_STRING
    // what is left for the next one must hold it
    const length = rest <= 0 ? left - STRING_HEADER : Math.min(MAX_STRING, MAX_STRING + rest - STRING_HEADER)
    made[`${at}`.padStart(4, '0')] = ' '.repeat(length)
    left -= STRING_HEADER + length
  }
  return made
}
