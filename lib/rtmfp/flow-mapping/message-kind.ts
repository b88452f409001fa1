import { MessageTypeId } from '../../message/message.ts'

/** Which flow of its message stream a message goes on: audio and video have one each, so that neither waits for the other. */
export type MessageKind = 'audio' | 'video' | 'rest'

export const kindOf = (type: number): MessageKind =>
  type === MessageTypeId.Audio ? 'audio' : type === MessageTypeId.Video ? 'video' : 'rest'
