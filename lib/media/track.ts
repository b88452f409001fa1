import { isDataType } from '../message/data.ts'
import { type Message, MessageTypeId } from '../message/message.ts'

export type TrackName = 'audio' | 'video' | 'data'

/** The track that the message belongs to; undefined for one that is no media, and for an aggregate, which is of several. */
export function trackOf({ type }: Message): TrackName | undefined {
  if (type === MessageTypeId.Audio) return 'audio'
  if (type === MessageTypeId.Video) return 'video'
  return isDataType(type) ? 'data' : undefined
}
