import { BitReader } from './bit-reader.ts'
import { type Chroma, chromaBy, readColor, sizeOf, type VideoFormat } from './video-format.ts'

/** VP Codec ISO Media File Format Binding, "VP Codec Configuration Box". */
const subsamplings: readonly (Chroma | undefined)[] = ['4:2:0', '4:2:0', '4:2:2', '4:4:4']
/** Version and flags of the box, which some writers leave before the record. */
const BOX_VERSION = 0x01000000
const RECORD_LENGTH = 6

/** Where the record begins: behind the version, if there is one. */
export const vpRecordAt = (record: Buffer): number =>
  record.length >= RECORD_LENGTH + 4 && record.readUInt32BE(0) === BOX_VERSION ? 4 : 0

/** The format in a VPCodecConfigurationRecord: all but the size, which keyframes have. */
export function vpFormat(record: Buffer): VideoFormat | undefined {
  const at = vpRecordAt(record)
  if (record.length < at + RECORD_LENGTH) return undefined
  const reader = new BitReader(record, at)
  const [profile, level, bitDepth] = [reader.bits(8), reader.bits(8), reader.bits(4)]
  const chroma = subsamplings[reader.bits(3)]
  const color = readColor(reader, reader.flag())
  return { profile: `Profile ${profile}`, level: level === 0 ? undefined : `${level / 10}`, bitDepth, chroma, color }
}

const SYNC_CODE = 0x498342
const SRGB = 7

/** The format in a keyframe of VP9 (VP9, 6.2); undefined for any other frame. */
export function vp9FrameFormat(frame: Buffer): VideoFormat | undefined {
  const reader = new BitReader(frame)
  if (reader.bits(2) !== 2) return undefined
  const profile = reader.bits(1) + 2 * reader.bits(1)
  if (profile === 3) reader.skip(1)
  const [isShown, isInter] = [reader.flag(), reader.flag()]
  reader.skip(2)
  if (isShown || isInter || reader.bits(24) !== SYNC_CODE) return undefined
  const bitDepth = profile < 2 ? 8 : reader.flag() ? 12 : 10
  const colorSpace = reader.bits(3)
  const isRgb = colorSpace === SRGB
  if (!isRgb) reader.skip(1)
  let [x, y] = [!isRgb, !isRgb]
  if (profile % 2 === 1) {
    if (!isRgb) [x, y] = [reader.flag(), reader.flag()]
    reader.skip(1)
  }
  const [width, height] = [reader.bits(16) + 1, reader.bits(16) + 1]
  if (reader.isOver) return undefined
  return {
    width: sizeOf(width),
    height: sizeOf(height),
    profile: `Profile ${profile}`,
    bitDepth,
    chroma: chromaBy(false, x, y)
  }
}

/** The size in a keyframe of VP8 (RFC 6386, 9.1); undefined for any other frame. */
export function vp8FrameFormat(frame: Buffer): VideoFormat | undefined {
  if (frame.length < 10 || (frame[0]! & 1) !== 0 || frame.readUIntBE(3, 3) !== 0x9d012a) return undefined
  const size = (at: number) => sizeOf(frame.readUInt16LE(at) & 0x3fff)
  return { width: size(6), height: size(8), profile: `Profile ${(frame[0]! >> 1) & 7}`, bitDepth: 8, chroma: '4:2:0' }
}
