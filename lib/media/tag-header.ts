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

const ENHANCED_MOD_EX = 7

/** Bytes of a FourCC; the id of the first track follows it in every kind of Multitrack. */
export const FOUR_CC_LENGTH = 4

/**
 * Reads the header of an Enhanced payload (Enhanced RTMP v2, "ExVideoTagHeader" and "ExAudioTagHeader"): skips ModEx,
 * enters Multitrack. `multitrack` is the packet type that announces it: 6 for video, 5 for audio. Undefined if the
 * payload ends inside the header.
 */
export function readEnhancedHeader(payload: Buffer, multitrack: number): TagHeader | undefined {
  let at = 1
  let packetType = payload[0]! & 0x0f
  while (packetType === ENHANCED_MOD_EX) {
    let size = (payload[at++] ?? 0) + 1
    if (size === 256) {
      if (at + 2 > payload.length) return undefined
      size = payload.readUInt16BE(at) + 1
      at += 2
    }
    at += size
    if (at >= payload.length) return undefined
    packetType = payload[at++]! & 0x0f
  }
  if (packetType !== multitrack) return { enhanced: true, packetType, trackId: 0, multitrack: false, fourCcAt: at }
  if (at >= payload.length) return undefined
  const kind = payload[at++]!
  const trackId = payload[at + FOUR_CC_LENGTH] ?? 0
  return { enhanced: true, packetType: kind & 0x0f, trackId, multitrack: true, fourCcAt: at }
}
