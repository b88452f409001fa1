import { isDataType } from '../message/data.ts'
import { type Message, MessageTypeId } from '../message/message.ts'

export type TrackName = 'audio' | 'video' | 'data'

/**
 * The track of the message; undefined for a message that is not media, and for an aggregate, which may contain several.
 */
export function trackOf({ type }: Message): TrackName | undefined {
  if (type === MessageTypeId.Audio) return 'audio'
  if (type === MessageTypeId.Video) return 'video'
  return isDataType(type) ? 'data' : undefined
}
