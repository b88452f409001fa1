/** The header of an audio or video payload, legacy or Enhanced. */
export interface TagHeader {
  /** Whether it is an Enhanced RTMP header, with a FourCC. */
  readonly enhanced: boolean
  /** The packet type: see AudioPacketType and VideoPacketType. */
  readonly packetType: number
  /** The id of the first track of a multitrack packet, otherwise 0. */
  readonly trackId: number
  /** Whether it is a multitrack packet. */
  readonly multitrack: boolean
  /** Where the FourCC of an Enhanced payload is, that of its first track; 0 in a legacy one, which has none. */
  readonly fourCcAt: number
}

/**
 * How a Multitrack packet is divided (Enhanced RTMP v2, "AvMultitrackType").
 *
 * @example
 * ```ts
 * const tag = readVideoTag(message.payload)
 * if (tag.form === 'multitrack' && tag.multitrackType === MultitrackType.OneTrack) console.log(tag.tracks[0]?.trackId)
 * ```
 */
export const MultitrackType = {
  /** One track, to the end of the payload. */
  OneTrack: 0,
  /** Tracks of one codec, each with its size. */
  ManyTracks: 1,
  /** Tracks with a codec and a size each. */
  ManyTracksManyCodecs: 2
} as const

/** The packet types that announce a Multitrack packet, and that of ModEx. */
export const VIDEO_MULTITRACK = 6
export const AUDIO_MULTITRACK = 5
export const MOD_EX = 7

/** Bytes of a FourCC; the id of the first track follows it in every kind of Multitrack. */
export const FOUR_CC_LENGTH = 4
/** Track ids have 8 bits, and ModEx has one use so far: what a payload of megabytes costs is bounded. */
export const MAX_TRACKS = 256
export const MAX_MOD_EX = 256
/** In place of an 8-bit size minus one, it announces one of 16 bits. */
const SIZE_OF_16_BITS = 0xff

/**
 * Where the packet type of an Enhanced payload is: in the lower four bits of this byte, the first one unless ModEx
 * precedes it (Enhanced RTMP v2, "ExVideoTagHeader" and "ExAudioTagHeader"). -1 if the payload ends before it,
 * or more than 256 ModEx precede it. This and the functions below are asked of every message, and allocate nothing.
 */
export function packetTypeAt(payload: Buffer): number {
  let at = 0
  for (let count = 0; (payload[at]! & 0x0f) === MOD_EX; count++) {
    at = modExEnd(payload, at)
    if (!(at < payload.length) || count === MAX_MOD_EX) return -1
  }
  return at
}

/** Where the data of the ModEx begins whose packet type is at `at`. */
export const modExStart = (payload: Buffer, at: number): number =>
  payload[at + 1] === SIZE_OF_16_BITS ? at + 4 : at + 2

/** Where that data ends: there are its type and the next packet type. May lie behind the payload. */
export function modExEnd(payload: Buffer, at: number): number {
  if (payload[at + 1] !== SIZE_OF_16_BITS) return at + 2 + payload[at + 1]! + 1
  return at + 4 + ((payload[at + 2]! << 8) | payload[at + 3]!) + 1
}

/** The packet type of an Enhanced payload, inside Multitrack too; -1 if the payload ends before it. */
export function enhancedPacketType(payload: Buffer, multitrack: number): number {
  const at = packetTypeAt(payload)
  if (at < 0) return -1
  const type = payload[at]! & 0x0f
  if (type !== multitrack) return type
  return at + 1 < payload.length ? payload[at + 1]! & 0x0f : -1
}

/** Whether an Enhanced payload is multitrack. */
export function isMultitrack(payload: Buffer, multitrack: number): boolean {
  const at = packetTypeAt(payload)
  return at >= 0 && (payload[at]! & 0x0f) === multitrack
}

/** The lowest id of the tracks of an Enhanced payload; 0 if it is not multitrack, or ends before the id. */
export function lowestTrackId(payload: Buffer, multitrack: number): number {
  const at = packetTypeAt(payload)
  if (at < 0 || (payload[at]! & 0x0f) !== multitrack || at + 2 + FOUR_CC_LENGTH >= payload.length) return 0
  // nothing but this has been seen of FFmpeg and OBS
  if (payload[at + 1]! >> 4 === MultitrackType.OneTrack) return payload[at + 2 + FOUR_CC_LENGTH]!
  return Math.min(...trackIds(payload, multitrack))
}

/** The ids of the tracks of an Enhanced payload, each once; 0 alone if it is not multitrack, or ends before the id. */
export function trackIds(payload: Buffer, multitrack: number): Set<number> {
  const typeAt = packetTypeAt(payload)
  let at = typeAt + 2 + FOUR_CC_LENGTH
  if (typeAt < 0 || (payload[typeAt]! & 0x0f) !== multitrack || at >= payload.length) return new Set([0])
  const type = payload[typeAt + 1]! >> 4
  const ids = new Set([payload[at]!])
  for (let count = 1; type !== MultitrackType.OneTrack && at + 4 <= payload.length && count < MAX_TRACKS; count++) {
    at += 4 + payload.readUIntBE(at + 1, 3) + (type === MultitrackType.ManyTracksManyCodecs ? FOUR_CC_LENGTH : 0)
    if (at < payload.length) ids.add(payload[at]!)
  }
  return ids
}

/** The header of an Enhanced payload; undefined if the payload ends inside it. */
export function readEnhancedHeader(payload: Buffer, multitrack: number): TagHeader | undefined {
  const packetType = enhancedPacketType(payload, multitrack)
  if (packetType < 0) return undefined
  const at = packetTypeAt(payload)
  const isMultitrack = (payload[at]! & 0x0f) === multitrack
  const fourCcAt = isMultitrack ? at + 2 : at + 1
  const trackId = isMultitrack ? (payload[fourCcAt + FOUR_CC_LENGTH] ?? 0) : 0
  return { enhanced: true, packetType, trackId, multitrack: isMultitrack, fourCcAt }
}
