import { BitReader, withoutEmulation } from './bit-reader.ts'
import { chromaOf, rateOf, readVuiStart, sizeOf, type VideoFormat } from './video-format.ts'

const profiles: ReadonlyMap<number, string> = new Map([
  [1, 'Main'],
  [2, 'Main 10'],
  [3, 'Main Still Picture'],
  [4, 'Rext'],
  [9, 'SCC']
])
/** Bytes of a HEVCDecoderConfigurationRecord before its arrays of NAL units. */
const RECORD_LENGTH = 23
const SPS = 33
const MAX_REFERENCE_SETS = 64
const MAX_REFERENCES = 16

/** The format in a HEVCDecoderConfigurationRecord (ISO/IEC 14496-15, 8.3.3.1), by its first SPS. */
export function hevcFormat(record: Buffer): VideoFormat | undefined {
  if (record.length < RECORD_LENGTH) return undefined
  const profile = record[1]! & 0x1f
  const named = {
    profile: profiles.get(profile) ?? `profile ${profile}`,
    level: `${Math.round(record[12]! / 3) / 10}`,
    chroma: chromaOf(record[16]! & 3),
    bitDepth: (record[17]! & 7) + 8
  }
  const sps = firstSps(record)
  return sps === undefined ? named : { ...named, ...spsFormat(sps) }
}

function firstSps(record: Buffer): Buffer | undefined {
  let at = RECORD_LENGTH
  for (let arrays = record[22]!; arrays > 0 && at + 3 <= record.length; arrays--) {
    const type = record[at]! & 0x3f
    const count = record.readUInt16BE(at + 1)
    at += 3
    for (let unit = 0; unit < count && at + 2 <= record.length; unit++) {
      const end = at + 2 + record.readUInt16BE(at)
      if (type === SPS) return record.subarray(at + 2, end)
      at = end
    }
  }
  return undefined
}

/** ISO/IEC 23008-2, 7.3.2.2.1. */
function spsFormat(nal: Buffer): VideoFormat {
  const reader = new BitReader(withoutEmulation(nal, 2))
  reader.skip(4)
  const subLayers = reader.bits(3)
  reader.skip(1)
  skipProfileTierLevel(reader, subLayers)
  reader.ue()
  const chroma = reader.ue()
  if (chroma === 3) reader.skip(1)
  const [width, height] = [reader.ue(), reader.ue()]
  const [left, right, top, bottom] = reader.flag() ? [reader.ue(), reader.ue(), reader.ue(), reader.ue()] : [0, 0, 0, 0]
  const bitDepth = reader.ue() + 8
  if (reader.isOver) return {}
  const format = {
    width: sizeOf(width - (chroma === 1 || chroma === 2 ? 2 : 1) * (left + right)),
    height: sizeOf(height - (chroma === 1 ? 2 : 1) * (top + bottom)),
    chroma: chromaOf(chroma),
    bitDepth
  }
  return skipToVui(reader, subLayers) ? { ...format, ...readVui(reader) } : format
}

/** ISO/IEC 23008-2, 7.3.3. */
function skipProfileTierLevel(reader: BitReader, subLayers: number): void {
  reader.skip(88 + 8)
  const present: (readonly [profile: boolean, level: boolean])[] = []
  for (let layer = 0; layer < subLayers; layer++) present.push([reader.flag(), reader.flag()])
  if (subLayers > 0) reader.skip(2 * (8 - subLayers))
  for (const [profile, level] of present) reader.skip((profile ? 88 : 0) + (level ? 8 : 0))
}

/** All between bit_depth_luma_minus8 and the VUI; whether there is one. */
function skipToVui(reader: BitReader, subLayers: number): boolean {
  reader.ue()
  const orderBits = reader.ue() + 4
  for (let layer = reader.flag() ? 0 : subLayers; layer <= subLayers; layer++) skipNumbers(reader, 3)
  skipNumbers(reader, 6)
  if (reader.flag() && reader.flag()) skipScalingLists(reader)
  reader.skip(2)
  if (reader.flag()) {
    reader.skip(8)
    skipNumbers(reader, 2)
    reader.skip(1)
  }
  if (!skipReferenceSets(reader)) return false
  if (reader.flag()) {
    for (let count = reader.ue(); count > 0 && !reader.isOver; count--) reader.skip(orderBits + 1)
  }
  reader.skip(2)
  return reader.flag()
}

function skipNumbers(reader: BitReader, count: number): void {
  for (let at = 0; at < count; at++) reader.ue()
}

/** ISO/IEC 23008-2, 7.3.4. */
function skipScalingLists(reader: BitReader): void {
  for (let size = 0; size < 4; size++) {
    for (let matrix = 0; matrix < 6; matrix += size === 3 ? 3 : 1) {
      if (!reader.flag()) {
        reader.ue()
        continue
      }
      if (size > 1) reader.se()
      skipNumbers(reader, Math.min(64, 1 << (4 + size * 2)))
    }
  }
}

/** A set of reference pictures, by their distances from the picture: those before it, and those after it. */
interface ReferenceSet {
  readonly before: readonly number[]
  readonly behind: readonly number[]
}

/** False for values that no stream can have. */
function skipReferenceSets(reader: BitReader): boolean {
  const count = reader.ue()
  if (count > MAX_REFERENCE_SETS) return false
  let last: ReferenceSet = { before: [], behind: [] }
  for (let at = 0; at < count; at++) {
    last = at > 0 && reader.flag() ? predicted(reader, last) : explicit(reader)
    if (reader.isOver || last.before.length + last.behind.length > MAX_REFERENCES) return false
  }
  return true
}

/** ISO/IEC 23008-2, 7.3.7. */
function explicit(reader: BitReader): ReferenceSet {
  const [before, behind] = [reader.ue(), reader.ue()]
  const distances = (count: number, sign: number) => {
    let distance = 0
    return Array.from({ length: Math.min(count, MAX_REFERENCES + 1) }, () => {
      distance += sign * (reader.ue() + 1)
      reader.skip(1)
      return distance
    })
  }
  return { before: distances(before, -1), behind: distances(behind, 1) }
}

/** A set that is predicted from another one (ISO/IEC 23008-2, 7.4.8). The next set needs the number of its pictures. */
function predicted(reader: BitReader, { before, behind }: ReferenceSet): ReferenceSet {
  const isNegative = reader.flag()
  const delta = (reader.ue() + 1) * (isNegative ? -1 : 1)
  const from = [...before, ...behind, 0]
  const kept = from.filter(() => reader.flag() || reader.flag()).map(distance => distance + delta)
  return {
    before: kept.filter(distance => distance < 0).sort((one, other) => other - one),
    behind: kept.filter(distance => distance > 0).sort((one, other) => one - other)
  }
}

/** ISO/IEC 23008-2, E.2.1. */
function readVui(reader: BitReader): VideoFormat {
  const color = readVuiStart(reader)
  reader.skip(1)
  const isInterlaced = reader.flag()
  reader.skip(1)
  if (reader.flag()) skipNumbers(reader, 4)
  if (!reader.flag()) return reader.isOver ? { color } : { color, isInterlaced }
  const units = reader.bits(32)
  const timeScale = reader.bits(32)
  return reader.isOver ? { color } : { color, isInterlaced, frameRate: rateOf(timeScale, units) }
}
