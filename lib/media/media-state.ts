import { isDataNamed } from '../message/data.ts'
import { MESSAGE_COST, type Message, MessageTypeId } from '../message/message.ts'
import { audioStateKind, audioStates } from './tags/audio-tag.ts'
import { videoStateKind, videoStates } from './tags/video-tag.ts'
import { trackOf } from './track.ts'

/** Whether the message is audio, video or data: media of a publisher. */
export const isMedia = (message: Message): boolean => trackOf(message) !== undefined

/** Whether the message is a sequence header, which a decoder needs before the frames. */
export function isSequenceHeader({ type, payload }: Message): boolean {
  if (type === MessageTypeId.Video) return videoStateKind(payload) !== undefined
  return type === MessageTypeId.Audio && audioStateKind(payload) !== undefined
}

/** Whether the message is the stream's metadata, wrapped in `@setDataFrame` or not. */
export const isMetadata = (message: Message): boolean =>
  isDataNamed(message, 'onMetaData') || isDataNamed(message, '@setDataFrame')

/** Whether the message is state, not a frame: a sequence header or metadata. */
export const isState = (message: Message): boolean => isMetadata(message) || isSequenceHeader(message)

/** Bytes that the state of a stream may have; that of real encoders has a few hundred. */
const MAX_BYTES = 4 * 1024 * 1024

/**
 * The state of a stream: its metadata and the sequence headers of each track, the latest of each. A reader that joins,
 * or has missed messages, needs it first.
 */
export class MediaState {
  /** By the part that it sets. A message that sets parts of several tracks is here for each, until others replace it. */
  readonly #messages = new Map<string, Message>()

  /**
   * Stores the message if it is state, and returns the stored copy. The payload is copied: 30 bytes must not pin a read
   * of 64 KB. State of more than 4 MiB in total, 256 bytes for each message included, is not stored.
   */
  note(message: Message): Message | undefined {
    if (!isState(message)) return undefined
    const names = namesOf(message)
    if (this.#bytesWithout(names) + message.payload.length + MESSAGE_COST > MAX_BYTES) return undefined
    const payload = Buffer.allocUnsafeSlow(message.payload.length)
    message.payload.copy(payload)
    const kept = { ...message, payload }
    const before = new Set(names.map(name => this.#messages.get(name)))
    for (const name of names) this.#messages.set(name, kept)
    // what still sets another part must be read ahead of what replaces it
    if (this.messages().some(each => before.has(each))) {
      for (const name of names) this.#messages.delete(name)
      for (const name of names) this.#messages.set(name, kept)
    }
    return kept
  }

  /** The latest message of each part, metadata first if it arrived first. */
  messages(): Message[] {
    return [...new Set(this.#messages.values())]
  }

  /** Replaces the stored messages by new objects, so that readers that send only new state send all of it again. */
  renew(): void {
    const renewed = new Map(this.messages().map(message => [message, { ...message }]))
    for (const [name, message] of this.#messages) this.#messages.set(name, renewed.get(message)!)
  }

  #bytesWithout(names: readonly string[]): number {
    const others = new Set([...this.#messages].flatMap(([name, message]) => (names.includes(name) ? [] : [message])))
    let bytes = 0
    for (const { payload } of others) bytes += payload.length + MESSAGE_COST
    return bytes
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

function namesOf(message: Message): string[] {
  if (message.type === MessageTypeId.Video) return videoStates(message.payload)
  return message.type === MessageTypeId.Audio ? audioStates(message.payload) : ['metadata']
}
