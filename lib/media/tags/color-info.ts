import { type AmfObject, type AmfValue, propertiesOf } from '../../amf/amf-value.ts'
import { readAmf0 } from '../../amf/amf0-reader.ts'
import { unlessInvalid } from './enhanced-tag.ts'
import { VideoPacketType } from './video-tag.ts'
import { readVideoTag } from './video-tag-reader.ts'

/** The colours of a video and of the display it was made on (Enhanced RTMP v2, "Metadata Frame"): what was sent of it. */
export interface ColorInfo {
  /** How samples are to be understood, by the numbers of ISO/IEC 23091-2 (H.273). */
  readonly colorConfig?: Partial<Record<'bitDepth' | (typeof colorNames)[number], number>>
  /** Light levels of the content, cd/m². */
  readonly hdrCll?: Partial<Record<'maxFall' | 'maxCLL', number>>
  /** The mastering display: its primaries and white point in CIE 1931, and its luminance, cd/m². */
  readonly hdrMdcv?: Partial<Record<(typeof displayNames)[number], number>>
}

const colorNames = ['colorPrimaries', 'transferCharacteristics', 'matrixCoefficients'] as const
const displayNames = [
  'redX',
  'redY',
  'greenX',
  'greenY',
  'blueX',
  'blueY',
  'whitePointX',
  'whitePointY',
  'maxLuminance',
  'minLuminance'
] as const

/** The colours of a track. */
export interface TrackColorInfo {
  /** The track. FFmpeg 8 sends those of every track without an id, as if they were of track 0: then see `fourCc`. */
  readonly trackId: number
  /** The codec, four characters. */
  readonly fourCc: string
  /** The colours; empty where they are as in the stream itself again. */
  readonly colorInfo: ColorInfo
}

/**
 * The colours that the payload of a video message sets, one for each track; none for any other payload. The frame type
 * has no meaning: FFmpeg sends 5, that of a command. What is no number is left out, and a payload that cannot be read is
 * passed over: it throws nothing.
 *
 * @example
 * ```ts
 * for (const { colorInfo } of readColorInfo(message.payload)) console.log(colorInfo.colorConfig?.transferCharacteristics)
 * ```
 */
export function readColorInfo(payload: Buffer): TrackColorInfo[] {
  const tag = unlessInvalid(() => readVideoTag(payload))
  if (tag?.form === 'multitrack') return tag.tracks.flatMap(colorsOf)
  return tag?.form === 'enhanced' ? colorsOf({ ...tag, trackId: 0 }) : []
}

interface Packet {
  readonly trackId: number
  readonly fourCc: string
  readonly packetType: number
  readonly data: Buffer
}

function colorsOf({ trackId, fourCc, packetType, data }: Packet): TrackColorInfo[] {
  if (packetType !== VideoPacketType.Metadata) return []
  const values = valuesOf(data)
  const at = values.indexOf('colorInfo')
  return at < 0 ? [] : [{ trackId, fourCc, colorInfo: colorInfoOf(propertiesOf(values[at + 1]) ?? {}) }]
}

function valuesOf(data: Buffer): AmfValue[] {
  try {
    return readAmf0(data)
  } catch {
    return []
  }
}

function colorInfoOf({ colorConfig, hdrCll, hdrMdcv }: AmfObject): ColorInfo {
  return {
    ...named('colorConfig', colorConfig, ['bitDepth', ...colorNames]),
    ...named('hdrCll', hdrCll, ['maxFall', 'maxCLL']),
    ...named('hdrMdcv', hdrMdcv, displayNames)
  }
}

/** Of the properties of a value those of these names that are numbers; nothing if there are none. */
function named(name: keyof ColorInfo, value: AmfValue, names: readonly string[]): ColorInfo {
  const properties = propertiesOf(value) ?? {}
  const numbers = names.filter(each => Object.hasOwn(properties, each) && Number.isFinite(properties[each]))
  return numbers.length === 0 ? {} : { [name]: Object.fromEntries(numbers.map(each => [each, properties[each]])) }
}
