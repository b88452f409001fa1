import { BitReader } from './bit-reader.ts'
import { chromaBy, rateOf, readColor, sizeOf, type VideoFormat } from './video-format.ts'

const profiles: readonly string[] = ['Main', 'High', 'Professional']
/** Bytes of an AV1CodecConfigurationRecord before its OBUs. */
const RECORD_LENGTH = 4
const SEQUENCE_HEADER = 1
/** A sequence header precedes the frames. */
const MAX_OBUS = 8
const [SELECT, SRGB, IDENTITY, BT709] = [2, 13, 0, 1]

/** The format in an AV1CodecConfigurationRecord (AV1 in ISOBMFF, 2.3.3), and in its sequence header if it has one. */
export function av1Format(record: Buffer): VideoFormat | undefined {
  if (record.length < RECORD_LENGTH || record[0] !== 0x81) return undefined
  const reader = new BitReader(record, 1)
  const profile = reader.bits(3)
  const level = reader.bits(5)
  reader.skip(1)
  const [isHigh, isTwelve, isMono, x, y] = [reader.flag(), reader.flag(), reader.flag(), reader.flag(), reader.flag()]
  return {
    profile: profileName(profile),
    level: levelName(level),
    bitDepth: depthOf(isHigh, isTwelve),
    chroma: chromaBy(isMono, x, y),
    ...av1FrameFormat(record.subarray(RECORD_LENGTH))
  }
}

/** The format in the sequence header among these OBUs (AV1, 5.3); undefined if there is none. */
export function av1FrameFormat(obus: Buffer): VideoFormat | undefined {
  let at = 0
  for (let count = 0; count < MAX_OBUS && at < obus.length; count++) {
    const header = obus[at]!
    at += (header & 4) === 0 ? 1 : 2
    let size = obus.length - at
    if ((header & 2) !== 0) {
      size = 0
      let length = 0
      for (let byte = 0x80; byte >= 0x80 && length < 8; length++) {
        byte = obus[at + length] ?? 0
        size += (byte & 0x7f) * 2 ** (7 * length)
      }
      at += length
    }
    if (((header >> 3) & 0x0f) === SEQUENCE_HEADER) return sequenceFormat(new BitReader(obus.subarray(at, at + size)))
    at += size
  }
  return undefined
}

const profileName = (profile: number): string => profiles[profile] ?? `profile ${profile}`
const levelName = (level: number): string => `${2 + (level >> 2)}.${level & 3}`
const depthOf = (isHigh: boolean, isTwelve: boolean): number => (isHigh ? (isTwelve ? 12 : 10) : 8)

/** AV1, 5.5. */
function sequenceFormat(reader: BitReader): VideoFormat | undefined {
  const profile = reader.bits(3)
  reader.skip(1)
  const isReduced = reader.flag()
  const { level, frameRate } = isReduced ? { level: reader.bits(5), frameRate: undefined } : readOperatingPoints(reader)
  const [widthBits, heightBits] = [reader.bits(4) + 1, reader.bits(4) + 1]
  const [width, height] = [reader.bits(widthBits) + 1, reader.bits(heightBits) + 1]
  if (reader.isOver) return undefined
  const format = {
    ...{ width: sizeOf(width), height: sizeOf(height) },
    ...{ profile: profileName(profile), level: levelName(level), frameRate }
  }
  skipTools(reader, isReduced)
  const colors = readColors(reader, profile)
  return reader.isOver ? format : { ...format, ...colors }
}

/** Timing and the operating points: the level of the first, and the frame rate. */
function readOperatingPoints(reader: BitReader): { level: number; frameRate: number | undefined } {
  let frameRate: number | undefined
  let delayBits: number | undefined
  if (reader.flag()) {
    const [units, scale] = [reader.bits(32), reader.bits(32)]
    if (reader.flag()) frameRate = rateOf(scale, units * (reader.ue() + 1))
    if (reader.flag()) {
      delayBits = reader.bits(5) + 1
      reader.skip(32 + 5 + 5)
    }
  }
  const hasDelay = reader.flag()
  let first = 0
  for (let last = reader.bits(5), point = 0; point <= last; point++) {
    reader.skip(12)
    const level = reader.bits(5)
    if (point === 0) first = level
    if (level > 7) reader.skip(1)
    if (delayBits !== undefined && reader.flag()) reader.skip(2 * delayBits + 1)
    if (hasDelay && reader.flag()) reader.skip(4)
  }
  return { level: first, frameRate }
}

/** Skips everything between the size and the colours. */
function skipTools(reader: BitReader, isReduced: boolean): void {
  if (!isReduced && reader.flag()) reader.skip(4 + 3)
  reader.skip(3)
  if (!isReduced) {
    reader.skip(4)
    const hasOrder = reader.flag()
    if (hasOrder) reader.skip(2)
    const screenContent = reader.flag() ? SELECT : reader.bits(1)
    if (screenContent > 0 && !reader.flag()) reader.skip(1)
    if (hasOrder) reader.skip(3)
  }
  reader.skip(3)
}

/** AV1, 5.5.2. */
function readColors(reader: BitReader, profile: number): VideoFormat {
  const isHigh = reader.flag()
  const bitDepth = depthOf(isHigh, profile === 2 && isHigh && reader.flag())
  const isMono = profile !== 1 && reader.flag()
  const described = reader.flag() ? readColor(reader, false) : undefined
  const { colorPrimaries, transferCharacteristics, matrixCoefficients } = described ?? {}
  const isRgb = colorPrimaries === BT709 && transferCharacteristics === SRGB && matrixCoefficients === IDENTITY
  const isFullRange = (!isMono && isRgb) || reader.flag()
  const isTwelve = profile === 2 && bitDepth === 12
  const x = !isRgb && (profile === 0 || (profile === 2 && (!isTwelve || reader.flag())))
  const y = x && (profile === 0 || (isTwelve && reader.flag()))
  return { bitDepth, chroma: chromaBy(isMono, x, y), color: described && { ...described, isFullRange } }
}
