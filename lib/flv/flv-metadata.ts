import { type AmfObject, EcmaArray, propertiesOf } from '../amf/amf-value.ts'
import { writeAmf0 } from '../amf/amf0-writer.ts'
import { isDataNamed, readData } from '../message/data.ts'
import type { Message } from '../message/message.ts'

/** See FILE_PROPERTIES, which keeps it out of live streams. */
const SPACER = 'spacer'
/** Key, marker and count of an array that holds nothing. */
const EMPTY_SPACER = 2 + SPACER.length + 1 + 4
/** Marker and double. */
const NUMBER_LENGTH = 9

/** The body of an onMetaData tag. */
const metadataBody = (properties: AmfObject): Buffer => writeAmf0('onMetaData', new EcmaArray(properties))

/**
 * The body of an onMetaData tag of exactly `length` bytes, so that it can be replaced in place: a last property
 * `spacer`, an array, fills the rest. Undefined if it does not fit.
 */
export function paddedMetadataBody(properties: AmfObject, length: number): Buffer | undefined {
  const body = metadataBody(properties)
  if (body.length === length) return body
  const spare = length - body.length - EMPTY_SPACER
  return spare < 0 ? undefined : metadataBody({ ...properties, [SPACER]: filler(spare) })
}

/** A length that fits the body and any smaller one. */
export const roomFor = (properties: AmfObject): number => metadataBody(properties).length + EMPTY_SPACER

/** Whether a tag is metadata of this library, which can be replaced in place. */
export function hasSpacer(message: Message): boolean {
  if (!isDataNamed(message, 'onMetaData')) return false
  try {
    return readData(message).some(value => Object.hasOwn(propertiesOf(value) ?? {}, SPACER))
  } catch {
    return false
  }
}

/**
 * Values of exactly this many bytes: numbers, and a null for each remaining byte. FFmpeg shows strings as tags wherever
 * they are, and refuses one of 1024 bytes; GStreamer reads the items of an array as numbers, and ignores a null.
 */
function filler(bytes: number): (number | null)[] {
  const numbers = Math.floor(bytes / NUMBER_LENGTH)
  return [...new Array(numbers).fill(0), ...new Array(bytes % NUMBER_LENGTH).fill(null)]
}
