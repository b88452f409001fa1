import { chooseTracks, isSingleTrack, PRIMARY, type TrackIds } from '../media/tracks/choose-tracks.ts'
import type { Message } from '../message/message.ts'

/** Makes the bytes of a batch as one carrier wants them: chunks (see BatchChunks), FLV tags, or one buffer for a broker. */
export interface BatchEncoder {
  /** The bytes of these messages, in order. */
  encode(messages: readonly Message[]): Buffer
  /** Whether the other makes the same bytes of the same messages. It is asked for every write to every player. */
  equals(other: BatchEncoder): boolean
}

/** What a batch remembers of one encoder. */
interface Encoding {
  readonly encoder: BatchEncoder
  readonly bytes: Buffer
}

/** Of one batch. Peers choose the message stream ids, so there may be thousands. */
const MAX_ENCODINGS = 4
const MAX_ENCODED_BYTES = 4 * 1024 * 1024
/** Of one batch. Peers choose the ids of tracks too. */
const MAX_CHOICES = 4

/** What readers of two tracks receive of a batch. */
interface Choice extends Required<TrackIds> {
  readonly batch: MessageBatch | undefined
}

/**
 * Messages that are due at one moment, and their bytes, made once for all who want the same: a wire says by its encoder how they are
 * to be cut and on which message stream, so any order of Set Chunk Size is right.
 *
 * @example
 * ```ts
 * const batch = new MessageBatch(messages)
 * console.log(batch.timestamp, batch.byteLength)
 * ```
 */
export class MessageBatch {
  /** The messages, at least one, in order. */
  readonly messages: readonly Message[]
  /** Milliseconds: the position of the stream at its first message. */
  readonly timestamp: number
  /** Bytes of the payloads. */
  readonly byteLength: number
  readonly #primary: Required<TrackIds>
  /** The one that was used last is the first; a recorder asks for none. */
  #encodings: Encoding[] | undefined
  #choices: Choice[] | undefined
  #isSingleTrack: boolean | undefined

  /**
   * @param timestamp by default that of its first message; metadata has 0 anywhere.
   * @param primary the ids of the primary tracks of its stream
   * @throws RangeError for no messages.
   */
  constructor(
    messages: readonly Message[],
    timestamp: number | undefined = messages[0]?.timestamp,
    primary: Required<TrackIds> = PRIMARY
  ) {
    if (timestamp === undefined) throw new RangeError('a batch must contain at least one message')
    this.messages = messages
    this.timestamp = timestamp
    this.#primary = primary
    let length = 0
    for (const { payload } of messages) length += payload.length
    this.byteLength = length
  }

  /**
   * The bytes that an encoder makes of all its messages: the same buffer for equal encoders, and never to be written to. It keeps the
   * four encodings that were used last, of 4 MiB in all; any other is made anew.
   */
  encoded(encoder: BatchEncoder): Buffer {
    this.#encodings ??= []
    const encodings = this.#encodings
    for (let at = 0; at < encodings.length; at++) {
      const encoding = encodings[at]!
      if (!encoding.encoder.equals(encoder)) continue
      for (let to = at; to > 0; to--) encodings[to] = encodings[to - 1]!
      encodings[0] = encoding
      return encoding.bytes
    }
    const bytes = encoder.encode(this.messages)
    encodings.unshift({ encoder, bytes })
    encodings.length = fitting(encodings)
    return bytes
  }

  /**
   * What readers of these tracks receive of it, the same batch for all of them; undefined for nothing. It is the batch itself where nothing
   * changes: see chooseTracks. An id of 0 is the primary track, whatever its id. It keeps four choices.
   */
  choosing(ids: Required<TrackIds>): MessageBatch | undefined {
    const { video, audio } = { video: ids.video || this.#primary.video, audio: ids.audio || this.#primary.audio }
    this.#isSingleTrack ??= this.messages.every(isSingleTrack)
    if (this.#isSingleTrack && video === 0 && audio === 0) return this
    this.#choices ??= []
    const made = this.#choices.find(choice => choice.video === video && choice.audio === audio)
    if (made !== undefined) return made.batch
    const messages = this.messages.map(message => chooseTracks(message, { video, audio }))
    const batch = this.with(messages.filter(message => message !== undefined))
    if (this.#choices.length < MAX_CHOICES) this.#choices.push({ video, audio, batch })
    return batch
  }

  /** A batch of other messages at this place, such as a part of its own; itself if they are the same, undefined if there are none. */
  with(messages: readonly Message[]): MessageBatch | undefined {
    if (messages.length === 0) return undefined
    const isSame = messages.length === this.messages.length && messages.every((each, at) => each === this.messages[at])
    return isSame ? this : new MessageBatch(messages, this.timestamp, this.#primary)
  }

  /** Releases the bytes, and the batches for choices of tracks. They are made again on demand. */
  forget(): void {
    this.#encodings = undefined
    this.#choices = undefined
  }
}

/** How many of them are kept: the first in any case. */
function fitting(encodings: readonly Encoding[]): number {
  let length = 0
  const beyond = encodings.findIndex(({ bytes }, at) => {
    length += bytes.length
    return at > 0 && (at >= MAX_ENCODINGS || length > MAX_ENCODED_BYTES)
  })
  return beyond < 0 ? encodings.length : beyond
}

/** A batch for one player: what is written to a wire. */
export interface AddressedBatch {
  /** The batch. */
  readonly batch: MessageBatch
  /** The message stream it is sent on. */
  readonly messageStreamId: number
}

export function isAddressedBatch(item: unknown): item is AddressedBatch {
  return typeof item === 'object' && item !== null && 'batch' in item
}
