import { readObjectType } from './audio.ts'
import { BitReader } from './bit-reader.ts'
import { vpRecordAt } from './vp.ts'

/** The strings by FourCC: of the data of a sequence header, and of codecs that have none, of nothing. */
const strings: ReadonlyMap<string, (record: Buffer) => string> = new Map([
  ['avc1', avc],
  ['hvc1', hevc],
  ['av01', av1],
  ['vp08', () => 'vp8'],
  ['vp09', vp9],
  ['mp4a', aac],
  ['Opus', () => 'opus'],
  ['fLaC', () => 'flac'],
  ['ac-3', () => 'ac-3'],
  ['ec-3', () => 'ec-3'],
  ['.mp3', () => 'mp3']
])

/** The string of a codec, by its FourCC and a sequence header that its reader has accepted. */
export const codecString = (fourCc: string, record: Buffer): string | undefined => strings.get(fourCc)?.(record)

/** RFC 6381, 3.3: profile, constraints and level. */
function avc(record: Buffer): string {
  return `avc1.${record.toString('hex', 1, 4)}`
}

/** ISO/IEC 14496-15, annex E: the flags of compatibility with their bits reversed, and constraints without zeros at the end. */
function hevc(record: Buffer): string {
  const first = record[1]!
  const space = ['', 'A', 'B', 'C'][first >> 6]
  let compatible = 0
  for (let bit = 0, flags = record.readUInt32BE(2); bit < 32; bit++, flags >>>= 1)
    compatible = compatible * 2 + (flags & 1)
  const constraints = [...record.subarray(6, 12)].map(byte => byte.toString(16).toUpperCase())
  while (constraints.at(-1) === '0') constraints.pop()
  const tier = (first & 0x20) === 0 ? 'L' : 'H'
  const parts = [`${space}${first & 0x1f}`, compatible.toString(16).toUpperCase(), `${tier}${record[12]}`]
  return ['hvc1', ...parts, ...constraints].join('.')
}

/** AV1 in ISOBMFF, section 5, without its optional part. */
function av1(record: Buffer): string {
  const reader = new BitReader(record, 1)
  const [profile, level] = [reader.bits(3), reader.bits(5)]
  const tier = reader.flag() ? 'H' : 'M'
  const depth = reader.flag() ? (reader.flag() ? 12 : 10) : 8
  return `av01.${profile}.${two(level)}${tier}.${two(depth)}`
}

/** VP Codec ISO Media File Format Binding, "Codecs Parameter String". Chromium knows no level 0, which some encoders write. */
function vp9(record: Buffer): string {
  const reader = new BitReader(record, vpRecordAt(record))
  const [profile, level, depth] = [reader.bits(8), reader.bits(8), reader.bits(4)]
  return `vp09.${two(profile)}.${two(level || 10)}.${two(depth)}`
}

/** RFC 6381, 3.3: the object type that is declared first, which every decoder of AAC knows. */
function aac(config: Buffer): string {
  return `mp4a.40.${readObjectType(new BitReader(config))}`
}

const two = (value: number): string => `${value}`.padStart(2, '0')
