import { type ChunkStreamId, MessageTypeId } from '../message/message.ts'

/** The chunk stream of protocol control and user control messages (RTMP 1.0, 5.3.1.1 and 6.2). */
export const CONTROL_CHUNK_STREAM_ID = 2
/** The others are custom: readers do not depend on the numbers. */
const COMMAND_CHUNK_STREAM_ID = 3
const AUDIO_CHUNK_STREAM_ID = 4
const DATA_CHUNK_STREAM_ID = 5
const VIDEO_CHUNK_STREAM_ID = 6

/** The chunk streams that batches of live media go out on: see BatchChunks. */
export const MEDIA_CHUNK_STREAM_IDS: readonly ChunkStreamId[] = [
  AUDIO_CHUNK_STREAM_ID,
  DATA_CHUNK_STREAM_ID,
  VIDEO_CHUNK_STREAM_ID
]

/** The one of them that a message of a batch goes out on. */
export function mediaChunkStreamId(type: MessageTypeId): ChunkStreamId {
  if (type === MessageTypeId.Audio) return AUDIO_CHUNK_STREAM_ID
  return type === MessageTypeId.Video ? VIDEO_CHUNK_STREAM_ID : DATA_CHUNK_STREAM_ID
}

/** The chunk stream that a message goes out on if it names none. */
export function usualChunkStreamId(type: MessageTypeId): ChunkStreamId {
  switch (type) {
    case MessageTypeId.Audio:
    case MessageTypeId.Video:
    case MessageTypeId.DataAmf0:
    case MessageTypeId.DataAmf3:
    case MessageTypeId.Aggregate:
      return mediaChunkStreamId(type)
    default:
      return type <= MessageTypeId.SetPeerBandwidth ? CONTROL_CHUNK_STREAM_ID : COMMAND_CHUNK_STREAM_ID
  }
}
