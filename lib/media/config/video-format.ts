import type { BitReader } from './bit-reader.ts'

/** The colours of a picture, by the numbers of ISO/IEC 23091-2 (H.273). */
export interface ColorDescription {
  /** 1 is BT.709, 9 BT.2020, 2 unspecified. */
  readonly colorPrimaries: number
  /** 1 is BT.709, 16 PQ, 18 HLG, 2 unspecified. */
  readonly transferCharacteristics: number
  /** 0 is RGB, 1 BT.709, 9 BT.2020, 2 unspecified. */
  readonly matrixCoefficients: number
  /** Whether samples use the full range of values. */
  readonly isFullRange: boolean
}

/** How colour is sampled. */
export type Chroma = '4:0:0' | '4:2:0' | '4:2:2' | '4:4:4'

/** The video format that a codec declares. A property is undefined if it is not declared. */
export interface VideoFormat {
  /** Pixels that are shown, without those that are cropped. */
  readonly width?: number | undefined
  /** Pixels that are shown, without those that are cropped. */
  readonly height?: number | undefined
  /** Frames a second, where the stream declares it; encoders with a variable rate may declare any. */
  readonly frameRate?: number | undefined
  /** The profile by its name: `High`, `Main 10`; `profile 118` for one without a name here. */
  readonly profile?: string | undefined
  /** The level: `4.1`. */
  readonly level?: string | undefined
  /** Bits of a luma sample. */
  readonly bitDepth?: number | undefined
  /** How colour is sampled. */
  readonly chroma?: Chroma | undefined
  /** Whether frames may consist of two fields. */
  readonly isInterlaced?: boolean | undefined
  /** The colours, where the stream describes them. */
  readonly color?: ColorDescription | undefined
}

export const chromaOf = (idc: number): Chroma | undefined => (['4:0:0', '4:2:0', '4:2:2', '4:4:4'] as const)[idc]

/** Of two factors of subsampling. */
export const chromaBy = (isMono: boolean, x: boolean, y: boolean): Chroma =>
  isMono ? '4:0:0' : x ? (y ? '4:2:0' : '4:2:2') : '4:4:4'

/** Frames a second; undefined for invalid values. */
export function rateOf(timeScale: number, units: number): number | undefined {
  const rate = timeScale / units
  return rate > 0 && rate < Number.POSITIVE_INFINITY ? rate : undefined
}

/** A size in pixels; undefined for invalid values. */
export const sizeOf = (pixels: number): number | undefined => (pixels > 0 && pixels <= 0xffff ? pixels : undefined)

/** Aspect ratio, overscan, colour and chroma location: the same at the front of the VUI of AVC (E.1.1) and HEVC (E.2.1). */
export function readVuiStart(reader: BitReader): ColorDescription | undefined {
  const EXTENDED_ASPECT_RATIO = 255
  if (reader.flag() && reader.bits(8) === EXTENDED_ASPECT_RATIO) reader.skip(32)
  if (reader.flag()) reader.skip(1)
  let color: ColorDescription | undefined
  if (reader.flag()) {
    reader.skip(3)
    const isFullRange = reader.flag()
    if (reader.flag()) color = readColor(reader, isFullRange)
    else color = { ...UNSPECIFIED, isFullRange }
  }
  if (reader.flag()) {
    reader.ue()
    reader.ue()
  }
  return reader.isOver ? undefined : color
}

const UNSPECIFIED = { colorPrimaries: 2, transferCharacteristics: 2, matrixCoefficients: 2 }

/** Three bytes, in the order of all codecs. */
export const readColor = (reader: BitReader, isFullRange: boolean): ColorDescription => ({
  colorPrimaries: reader.bits(8),
  transferCharacteristics: reader.bits(8),
  matrixCoefficients: reader.bits(8),
  isFullRange
})
