import { BitReader } from './bit-reader.ts'

/** The audio format that a codec declares. A property is undefined if it is not declared. */
export interface AudioFormat {
  /** The sample rate of the output, in hertz. */
  readonly sampleRate?: number | undefined
  /** Channels, low-frequency ones included. */
  readonly channels?: number | undefined
  /** The profile of AAC: `LC`, `HE-AAC`, `HE-AACv2`; `object type 42` for one without a name here. */
  readonly profile?: string | undefined
}

/** ISO/IEC 14496-3, table 1.18. */
const AAC_RATES = [96_000, 88_200, 64_000, 48_000, 44_100, 32_000, 24_000, 22_050, 16_000, 12_000, 11_025, 8000, 7350]
/** ISO/IEC 14496-3, table 1.19; 0 is told by the first frame. */
const AAC_CHANNELS = [undefined, 1, 2, 3, 4, 5, 6, 8, undefined, undefined, undefined, 7, 8, undefined, 8]
const OTHER_RATE = 15
const OTHER_TYPE = 31
/** Object types of HE-AAC. Their second rate is that of the output; version 2 makes stereo from one channel. */
const SBR = 5
const PARAMETRIC_STEREO = 29
const SBR_SYNC = 0x2b7
const PARAMETRIC_STEREO_SYNC = 0x548
const aacProfiles: ReadonlyMap<number, string> = new Map([
  [1, 'Main'],
  [2, 'LC'],
  [3, 'SSR'],
  [4, 'LTP'],
  [SBR, 'HE-AAC'],
  [PARAMETRIC_STEREO, 'HE-AACv2'],
  [23, 'LD'],
  [39, 'ELD']
])

/** The format in an AudioSpecificConfig (ISO/IEC 14496-3, 1.6.2.1). */
export function aacFormat(config: Buffer): AudioFormat | undefined {
  const reader = new BitReader(config)
  const declared = readObjectType(reader)
  const first = readRate(reader)
  const configuration = reader.bits(4)
  const isExplicit = declared === SBR || declared === PARAMETRIC_STEREO
  const second = isExplicit ? readRate(reader) : undefined
  if (reader.isOver) return undefined
  const { type, rate } = isExplicit ? { type: declared, rate: second } : readExtension(reader, declared, configuration)
  const channels = AAC_CHANNELS[configuration]
  return {
    sampleRate: rate ?? first,
    channels: type === PARAMETRIC_STEREO && channels === 1 ? 2 : channels,
    profile: aacProfiles.get(type) ?? `object type ${type}`
  }
}

/** ISO/IEC 14496-3, 1.6.2.1. */
export function readObjectType(reader: BitReader): number {
  const type = reader.bits(5)
  return type === OTHER_TYPE ? 32 + reader.bits(6) : type
}

function readRate(reader: BitReader): number | undefined {
  const index = reader.bits(4)
  return index === OTHER_RATE ? reader.bits(24) || undefined : AAC_RATES[index]
}

/** HE-AAC that decoders of AAC-LC play too: it is declared after the config of AAC-LC (ISO/IEC 14496-3, 1.6.5). */
function readExtension(
  reader: BitReader,
  type: number,
  configuration: number
): { type: number; rate?: number | undefined } {
  // with channel configuration 0 a list of channels precedes it
  if (type !== 2 || configuration === 0) return { type }
  reader.skip(1)
  if (reader.flag()) reader.skip(14)
  reader.skip(1)
  if (reader.left < 16 || reader.bits(11) !== SBR_SYNC || readObjectType(reader) !== SBR || !reader.flag())
    return { type }
  const rate = readRate(reader)
  const isStereo = reader.left >= 12 && reader.bits(11) === PARAMETRIC_STEREO_SYNC && reader.flag()
  return reader.isOver ? { type } : { type: isStereo ? PARAMETRIC_STEREO : SBR, rate }
}

/** The format in an identification header (RFC 7845, 5.1). Opus is always played at 48 kHz; its header has that of the source. */
export function opusFormat(header: Buffer): AudioFormat | undefined {
  if (header.length < 10 || header.toString('latin1', 0, 8) !== 'OpusHead') return undefined
  return { sampleRate: 48_000, channels: header[9]! || undefined }
}

const STREAM_INFO_LENGTH = 34

/**
 * The format in a STREAMINFO block (RFC 9639, 8.2): after `fLaC`, as in Enhanced RTMP, after the version of a `dfLa`
 * box, or by itself.
 */
export function flacFormat(header: Buffer): AudioFormat | undefined {
  let at = header.toString('latin1', 0, 4) === 'fLaC' ? 4 : 0
  const isBlock = (from: number) =>
    header.length >= from + 4 && (header.readUInt32BE(from) & 0x7fffffff) === STREAM_INFO_LENGTH
  if (at === 0 && header.length > 4 && header.readUInt32BE(0) === 0 && isBlock(4)) at = 4
  if (isBlock(at)) at += 4
  if (header.length < at + STREAM_INFO_LENGTH) return undefined
  const reader = new BitReader(header, at + 10)
  const sampleRate = reader.bits(20)
  return { sampleRate: sampleRate || undefined, channels: reader.bits(3) + 1 }
}

const AC3_SYNC = 0x0b77
const AC3_RATES = [48_000, 44_100, 32_000]
/** Channels by acmod, without that for low frequencies (ATSC A/52, table 5.8). */
const AC3_CHANNELS = [2, 1, 2, 3, 3, 4, 4, 5]
/** Above it the frame is one of E-AC-3. */
const AC3_MAX_BSID = 10

/** The format in a frame of AC-3 (ATSC A/52, 5.3) or E-AC-3 (E.1.2), which have no sequence header. */
export function ac3Format(frame: Buffer): AudioFormat | undefined {
  if (frame.length < 7 || frame.readUInt16BE(0) !== AC3_SYNC) return undefined
  const bsid = frame[5]! >> 3
  const reader = new BitReader(frame, 4)
  const code = reader.bits(2)
  if (bsid > AC3_MAX_BSID) {
    const half = reader.bits(2)
    return ac3(code === 3 ? (AC3_RATES[half] ?? 0) / 2 : AC3_RATES[code], reader.bits(3), reader.flag())
  }
  reader.skip(6 + 5 + 3)
  const mode = reader.bits(3)
  if ((mode & 1) !== 0 && mode !== 1) reader.skip(2)
  if ((mode & 4) !== 0) reader.skip(2)
  if (mode === 2) reader.skip(2)
  const rate = AC3_RATES[code]
  return ac3(rate && rate >> Math.max(0, bsid - 8), mode, reader.flag())
}

const ac3 = (rate: number | undefined, mode: number, hasLow: boolean): AudioFormat => ({
  sampleRate: rate || undefined,
  channels: AC3_CHANNELS[mode]! + Number(hasLow)
})

const MP3_RATES = [44_100, 48_000, 32_000]
const SINGLE_CHANNEL = 3

/** The format in a frame of MP3 (ISO/IEC 11172-3, 2.4.1.3), which has no sequence header. */
export function mp3Format(frame: Buffer): AudioFormat | undefined {
  const reader = new BitReader(frame)
  const sync = reader.bits(11)
  const version = reader.bits(2)
  const layer = reader.bits(2)
  reader.skip(1 + 4)
  const rate = MP3_RATES[reader.bits(2)]
  reader.skip(2)
  const mode = reader.bits(2)
  if (reader.isOver || sync !== 0x7ff || layer === 0 || version === 1 || rate === undefined) return undefined
  return { sampleRate: rate >> (version === 3 ? 0 : version === 2 ? 1 : 2), channels: mode === SINGLE_CHANNEL ? 1 : 2 }
}
