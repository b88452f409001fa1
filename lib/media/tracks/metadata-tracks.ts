import type { Message } from '../../message/message.ts'
import { unlessInvalid } from '../tags/enhanced-tag.ts'
import { MultitrackType } from '../tags/tag-header.ts'
import { isVideo, VideoCodecId, VideoPacketType, videoStateKind } from '../tags/video-tag.ts'
import { readVideoTag } from '../tags/video-tag-reader.ts'
import { writeVideoTag } from '../tags/video-tag-writer.ts'

/**
 * Gives metadata frames the id of their track. FFmpeg 8 sends the colours of every track outside Multitrack, as if they were those of
 * track 0; only the FourCC tells them apart. A frame stays as it is if track 0 has its codec, or several other tracks have.
 */
export class MetadataTracks {
  /** The FourCC of each track, by its sequence header. */
  readonly #codecs = new Map<number, string>()

  /** Observes each message of a stream, in order. Returns it, or in place of a metadata frame one with the id of its track. */
  attributed(message: Message): Message {
    if (!isVideo(message) || videoStateKind(message.payload) === undefined) return message
    const tag = unlessInvalid(() => readVideoTag(message.payload))
    if (tag === undefined || tag.form === 'command') return message
    if (tag.form === 'multitrack') {
      for (const { trackId, fourCc, packetType } of tag.tracks) this.#note(trackId, fourCc, packetType)
      return message
    }
    if (tag.form === 'legacy') {
      if (tag.codecId === VideoCodecId.Avc) this.#note(0, 'avc1', tag.packetType)
      return message
    }
    const { frameType, modEx, fourCc, packetType, data } = tag
    this.#note(0, fourCc, packetType)
    if (packetType !== VideoPacketType.Metadata) return message
    const trackId = this.#trackOf(fourCc)
    if (trackId === undefined) return message
    const track = { trackId, fourCc, packetType, data }
    // FFmpeg reads metadata of frame type 5 alone, and takes any other for a frame
    const [form, multitrackType] = ['multitrack', MultitrackType.OneTrack] as const
    return { ...message, payload: writeVideoTag({ form, frameType, modEx, multitrackType, tracks: [track] }) }
  }

  #note(trackId: number, fourCc: string, packetType: number): void {
    if (packetType === VideoPacketType.SequenceStart) this.#codecs.set(trackId, fourCc)
  }

  /** The only track of a codec that track 0 has not. */
  #trackOf(fourCc: string): number | undefined {
    if (this.#codecs.get(0) === fourCc) return undefined
    const [trackId, ...others] = [...this.#codecs.keys()].filter(id => this.#codecs.get(id) === fourCc)
    return others.length > 0 ? undefined : trackId
  }
}
