import { BitReader, withoutEmulation } from './bit-reader.ts'
import { chromaOf, rateOf, readVuiStart, sizeOf, type VideoFormat } from './video-format.ts'

const profiles: ReadonlyMap<number, string> = new Map([
  [44, 'CAVLC 4:4:4 Intra'],
  [66, 'Baseline'],
  [77, 'Main'],
  [88, 'Extended'],
  [100, 'High'],
  [110, 'High 10'],
  [122, 'High 4:2:2'],
  [244, 'High 4:4:4 Predictive']
])
/** Profiles whose SPS has chroma_format_idc (ISO/IEC 14496-10, 7.3.2.1.1). */
const WITH_CHROMA: readonly number[] = [100, 110, 122, 244, 44, 83, 86, 118, 128, 138, 139, 134, 135]
/** Bytes of an AVCDecoderConfigurationRecord before its first SPS. */
const RECORD_LENGTH = 6

/** The format in an AVCDecoderConfigurationRecord (ISO/IEC 14496-15, 5.3.3.1), by its first SPS. */
export function avcFormat(record: Buffer): VideoFormat | undefined {
  if (record.length < RECORD_LENGTH || record[0] !== 1) return undefined
  const [, profile = 0, constraints = 0, level = 0] = record
  const named = { profile: profileName(profile, constraints), level: levelName(profile, constraints, level) }
  const count = record[5]! & 0x1f
  if (count === 0 || record.length < RECORD_LENGTH + 2) return named
  const start = RECORD_LENGTH + 2
  return { ...named, ...spsFormat(record.subarray(start, start + record.readUInt16BE(RECORD_LENGTH))) }
}

function profileName(profile: number, constraints: number): string {
  const has = (set: number) => (constraints & (0x80 >> set)) !== 0
  const name = profiles.get(profile) ?? `profile ${profile}`
  if (profile === 66 && has(1)) return `Constrained ${name}`
  if (profile === 100 && has(4) && has(5)) return `Constrained ${name}`
  return (profile === 110 || profile === 122) && has(3) ? `${name} Intra` : name
}

/** Level 1b is 11 with a constraint, in profiles before High (ISO/IEC 14496-10, A.3.4). */
const levelName = (profile: number, constraints: number, level: number): string =>
  level === 9 || (level === 11 && (constraints & 0x10) !== 0 && profile < 100) ? '1b' : `${level / 10}`

/** ISO/IEC 14496-10, 7.3.2.1.1. */
function spsFormat(nal: Buffer): VideoFormat {
  const reader = new BitReader(withoutEmulation(nal, 1))
  const profile = reader.bits(8)
  reader.skip(16)
  reader.ue()
  const { chroma, isSeparate, bitDepth } = WITH_CHROMA.includes(profile)
    ? readChroma(reader)
    : { chroma: 1, isSeparate: false, bitDepth: 8 }
  reader.ue()
  skipOrder(reader)
  reader.ue()
  reader.skip(1)
  const columns = reader.ue() + 1
  const rows = reader.ue() + 1
  const isInterlaced = !reader.flag()
  if (isInterlaced) reader.skip(1)
  reader.skip(1)
  const [left, right, top, bottom] = reader.flag() ? [reader.ue(), reader.ue(), reader.ue(), reader.ue()] : [0, 0, 0, 0]
  if (reader.isOver) return {}
  const fields = isInterlaced ? 2 : 1
  const isSubsampled = !isSeparate && (chroma === 1 || chroma === 2)
  const cropY = (!isSeparate && chroma === 1 ? 2 : 1) * fields
  const format = {
    width: sizeOf(columns * 16 - (isSubsampled ? 2 : 1) * (left + right)),
    height: sizeOf(rows * 16 * fields - cropY * (top + bottom)),
    bitDepth,
    chroma: chromaOf(chroma),
    isInterlaced
  }
  return reader.flag() ? { ...format, ...readVui(reader) } : format
}

function readChroma(reader: BitReader): { chroma: number; isSeparate: boolean; bitDepth: number } {
  const chroma = reader.ue()
  const isSeparate = chroma === 3 && reader.flag()
  const bitDepth = reader.ue() + 8
  reader.ue()
  reader.skip(1)
  if (reader.flag()) {
    for (let list = 0; list < (chroma === 3 ? 12 : 8); list++)
      if (reader.flag()) skipScalingList(reader, list < 6 ? 16 : 64)
  }
  return { chroma, isSeparate, bitDepth }
}

/** ISO/IEC 14496-10, 7.3.2.1.1.1. */
function skipScalingList(reader: BitReader, size: number): void {
  let last = 8
  for (let at = 0; at < size; at++) {
    const next = (last + reader.se()) & 0xff
    if (next === 0) return
    last = next
  }
}

/** pic_order_cnt_type and what follows it. */
function skipOrder(reader: BitReader): void {
  const type = reader.ue()
  if (type === 0) reader.ue()
  if (type !== 1) return
  reader.skip(1)
  reader.se()
  reader.se()
  for (let left = reader.ue(); left > 0 && !reader.isOver; left--) reader.se()
}

/** ISO/IEC 14496-10, E.1.1. A frame is two ticks. */
function readVui(reader: BitReader): VideoFormat {
  const color = readVuiStart(reader)
  if (!reader.flag()) return { color }
  const units = reader.bits(32)
  const timeScale = reader.bits(32)
  return reader.isOver ? { color } : { color, frameRate: rateOf(timeScale, 2 * units) }
}
