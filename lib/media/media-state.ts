import { isDataNamed } from '../message/data.ts'
import { type Message, MessageTypeId } from '../message/message.ts'
import { audioState } from './audio-tag.ts'
import { trackOf } from './track.ts'
import { videoState } from './video-tag.ts'

/** Whether the message is audio, video or data: media of a publisher. */
export const isMedia = (message: Message): boolean => trackOf(message) !== undefined

/** Whether the message is a sequence header, which a decoder needs before the frames. */
export function isSequenceHeader({ type, payload }: Message): boolean {
  if (type === MessageTypeId.Video) return videoState(payload) !== undefined
  return type === MessageTypeId.Audio && audioState(payload) !== undefined
}

/** Whether the message is the stream's metadata, wrapped in `@setDataFrame` or not. */
export const isMetadata = (message: Message): boolean =>
  isDataNamed(message, 'onMetaData') || isDataNamed(message, '@setDataFrame')

/** Whether the message is state, not a frame: a sequence header or metadata. */
export const isState = (message: Message): boolean => isMetadata(message) || isSequenceHeader(message)

/**
 * The state of a stream: its metadata and the sequence headers of each track, the latest of each. A reader that joins,
 * or has missed messages, needs it first.
 */
export class MediaState {
  readonly #messages = new Map<string, Message>()

  /**
   * Stores the message if it is state, and returns the stored copy. The payload is copied: 30 bytes must not pin a read
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

  /** The latest message of each part, metadata first if it arrived first. */
  messages(): Message[] {
    return [...this.#messages.values()]
  }

  /** Replaces the stored messages by new objects, so that readers that send only new state send all of it again. */
  renew(): void {
    for (const [name, message] of this.#messages) this.#messages.set(name, { ...message })
  }
}

/**
 * State for a message with this timestamp. Metadata has 0, as nginx-rtmp sends it: FFmpeg makes a subtitle stream of an
 * onMetaData with another timestamp, which breaks `ffmpeg -map 0 -c copy film.mp4`.
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
