import { isDataNamed } from '../message/data.ts'
import { type Message, MessageTypeId } from '../message/message.ts'
import { audioState } from './audio-tag.ts'
import { trackOf } from './track.ts'
import { videoState } from './video-tag.ts'

/** Whether the message is audio, video or data: what a publisher sends for its players. */
export const isMedia = (message: Message): boolean => trackOf(message) !== undefined

/** Whether the message is a sequence header: what a decoder needs ahead of the frames, and each new player with it. */
export function isSequenceHeader({ type, payload }: Message): boolean {
  if (type === MessageTypeId.Video) return videoState(payload) !== undefined
  return type === MessageTypeId.Audio && audioState(payload) !== undefined
}

/** Whether the message carries the stream's metadata, wrapped in `@setDataFrame` as publishers send it or not. */
export const isMetadata = (message: Message): boolean =>
  isDataNamed(message, 'onMetaData') || isDataNamed(message, '@setDataFrame')

/** Whether the message is state, which a decoder keeps, and no moment: a sequence header or metadata. */
export const isState = (message: Message): boolean => isMetadata(message) || isSequenceHeader(message)

/**
 * The messages of a stream that are state and not moments: its metadata and the sequence headers of each track, the latest of
 * each. Whoever joins late, or lost a stretch, needs them first.
 */
export class MediaState {
  readonly #messages = new Map<string, Message>()

  /**
   * Remembers the message if it is state, and gives what is kept of it. The payload is copied: 30 bytes must not pin a read
   * of 64 KB.
   */
  note(message: Message): Message | undefined {
    const name = nameOf(message)
    if (name === undefined) return undefined
    const payload = Buffer.allocUnsafeSlow(message.payload.length)
    message.payload.copy(payload)
    const kept = { ...message, payload }
    this.#messages.set(name, kept)
    return kept
  }

  /** The latest message of each part, metadata first if it came first. */
  messages(): Message[] {
    return [...this.#messages.values()]
  }

  /** Makes new objects of what is kept: whoever tells readers only what they have not been told tells all of it again. */
  renew(): void {
    for (const [name, message] of this.#messages) this.#messages.set(name, { ...message })
  }
}

/**
 * State as it goes ahead of the message of that timestamp. Metadata is of no moment and has 0, as nginx-rtmp sends it: of an
 * onMetaData at any other time FFmpeg makes a stream of subtitles, which ends `ffmpeg -map 0 -c copy film.mp4`.
 */
export const stateAt = (state: Message, timestamp: number): Message => ({
  ...state,
  timestamp: isMetadata(state) ? 0 : timestamp
})

function nameOf(message: Message): string | undefined {
  if (message.type === MessageTypeId.Video) return videoState(message.payload)
  if (message.type === MessageTypeId.Audio) return audioState(message.payload)
  return isMetadata(message) ? 'metadata' : undefined
}
