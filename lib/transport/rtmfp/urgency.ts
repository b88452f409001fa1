import { isSequenceHeader } from '../../media/media-state.ts'
import { isKeyframe } from '../../media/tags/video-tag.ts'
import { isDataNamed } from '../../message/data.ts'
import { type Message, MessageTypeId } from '../../message/message.ts'
import { readUserControlEvent } from '../../message/user-control-event.ts'
import type { MessageOptions } from '../../rtmfp/flow-mapping/sending-messages.ts'

/** The lifetimes of live media: what could not be sent within them is left out. */
export interface MediaLifetimes {
  /** Milliseconds, for audio: 2200. */
  readonly audioMs?: number
  /** Milliseconds, for video: 2000. Video that is late is left out up to the next keyframe. */
  readonly videoMs?: number
}

/** The capacity for live media: two seconds at 16 Mbit/s. Lifetimes drop late media, not backpressure, so that audio continues. */
const LIVE_CAPACITY_BYTES = 4 * 1024 * 1024
/** Milliseconds that the last fragment of a message may be sent after the first. */
const FINISH_MS = 100
const STATE: MessageOptions = { capacityBytes: LIVE_CAPACITY_BYTES }
const LAST: MessageOptions = { isBehindMedia: true }

/** Decides how each message is queued: its lifetime, and what it depends on. */
export class Urgency {
  readonly #audio: MessageOptions
  readonly #keyframe: MessageOptions
  readonly #frame: MessageOptions

  constructor({ audioMs = 2200, videoMs = 2000 }: MediaLifetimes = {}) {
    this.#audio = liveFor(audioMs)
    this.#keyframe = liveFor(videoMs)
    this.#frame = { ...this.#keyframe, isDependent: true }
  }

  /** The options of a single message, which is reliable. */
  of(message: Message): MessageOptions | undefined {
    return endsPlay(message) ? LAST : undefined
  }

  /** The options of a message of live media. Sequence headers are reliable. */
  ofLive(message: Message): MessageOptions {
    if (message.type === MessageTypeId.Audio) return isSequenceHeader(message) ? STATE : this.#audio
    if (message.type !== MessageTypeId.Video || isSequenceHeader(message)) return STATE
    return isKeyframe(message) ? this.#keyframe : this.#frame
  }
}

/** Whether the play ends with it, although it is not a command. */
const endsPlay = (message: Message): boolean =>
  isDataNamed(message, 'onPlayStatus') ||
  (message.type === MessageTypeId.UserControl && readUserControlEvent(message.payload).kind === 'StreamEof')

const liveFor = (ms: number): MessageOptions => ({
  startWithinMs: ms,
  finishWithinMs: ms + FINISH_MS,
  capacityBytes: LIVE_CAPACITY_BYTES
})
