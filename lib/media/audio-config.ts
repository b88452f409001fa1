import { AudioPacketType, readAudioTagHeader, SoundFormat } from './audio-tag.ts'
import { fourCc } from './codec.ts'
import { FOUR_CC_LENGTH } from './tag-header.ts'

/** What an AAC sequence header says of the sound. */
export interface AudioFormat {
  /** Hertz. */
  readonly sampleRate: number | undefined
  /** The number of channels; undefined where the first frame tells it. */
  readonly channels: number | undefined
}

/** ISO/IEC 14496-3, table 1.18. */
const RATES = [96_000, 88_200, 64_000, 48_000, 44_100, 32_000, 24_000, 22_050, 16_000, 12_000, 11_025, 8000, 7350]
const OTHER_RATE = 15
const OTHER_TYPE = 31
/** Object types of HE-AAC, whose second rate is that of the sound; version 2 makes stereo of one channel. */
const SBR = 5
const PARAMETRIC_STEREO = 29

/** The format in the AudioSpecificConfig of an AAC sequence header (ISO/IEC 14496-3, 1.6.2.1); undefined for any other payload. */
export function aacFormat(payload: Buffer): AudioFormat | undefined {
  const tag = readAudioTagHeader(payload)
  if (tag?.packetType !== AudioPacketType.SequenceStart || tag.multitrack) return undefined
  if (tag.enhanced)
    return fourCc(payload, tag) === 'mp4a' ? read(payload.subarray(tag.fourCcAt + FOUR_CC_LENGTH)) : undefined
  return tag.soundFormat === SoundFormat.Aac ? read(payload.subarray(2)) : undefined
}

function read(config: Buffer): AudioFormat | undefined {
  if (config.length < 2) return undefined
  let at = 0
  const take = (bits: number): number => {
    let value = 0
    for (const end = at + bits; at < end; at++) value = value * 2 + (((config[at >> 3] ?? 0) >> (7 - (at & 7))) & 1)
    return value
  }
  const rate = (): number | undefined => {
    const index = take(4)
    return index === OTHER_RATE ? take(24) : RATES[index]
  }
  const type = take(5)
  if (type === OTHER_TYPE) take(6)
  const first = rate()
  const configuration = take(4)
  const sampleRate = type === SBR || type === PARAMETRIC_STEREO ? rate() : first
  const channels = configuration === 7 ? 8 : configuration === 0 || configuration > 7 ? undefined : configuration
  return { sampleRate, channels: type === PARAMETRIC_STEREO && channels === 1 ? 2 : channels }
}
