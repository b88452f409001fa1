import { isDataType } from '../message/data.ts'
import { type Message, MessageTypeId } from '../message/message.ts'
import { audioTrackId } from './tags/audio-tag.ts'
import { videoTrackId } from './tags/video-tag.ts'

export type TrackName = 'audio' | 'video' | 'data'

/**
 * The track of the message; undefined for a message that is not media, and for an aggregate, which may contain several.
 */
export function trackOf({ type }: Message): TrackName | undefined {
  if (type === MessageTypeId.Audio) return 'audio'
  if (type === MessageTypeId.Video) return 'video'
  return isDataType(type) ? 'data' : undefined
}

/** A number for each track: several of audio and of video have ids (Enhanced RTMP v2, "Multitrack"). Of `trackOf` it has the name. */
export function trackKey({ type, payload }: Message): number {
  if (type === MessageTypeId.Audio) return (type << 8) | audioTrackId(payload)
  if (type === MessageTypeId.Video) return (type << 8) | videoTrackId(payload)
  return MessageTypeId.DataAmf0 << 8
}
