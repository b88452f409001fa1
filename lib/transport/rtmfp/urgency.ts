import { isSequenceHeader } from '../../media/media-state.ts'
import { isKeyframe } from '../../media/video-tag.ts'
import { isDataNamed } from '../../message/data.ts'
import { type Message, MessageTypeId } from '../../message/message.ts'
import { readUserControlEvent } from '../../message/user-control-event.ts'
import type { MessageOptions } from '../../rtmfp/flow-mapping/sending-messages.ts'

/** How long live media is worth sending. */
export interface MediaLifetimes {
  /** Milliseconds, for audio: 2200. */
  readonly audioMs?: number
  /** Milliseconds, for video: 2000. Video that is late is left out up to the next keyframe. */
  readonly videoMs?: number
}

/** Of live media: about two seconds of it, at 16 Mbit/s. It leaves by its lifetime, and not by backpressure, so that audio goes on. */
const LIVE_CAPACITY_BYTES = 4 * 1024 * 1024
/** The last fragment of a message may be so much later than the first. */
const FINISH_MS = 100
const STATE: MessageOptions = { capacityBytes: LIVE_CAPACITY_BYTES }
const LAST: MessageOptions = { isBehindMedia: true }

/** What a message is worth: how it is queued among the others. */
export class Urgency {
  readonly #audio: MessageOptions
  readonly #keyframe: MessageOptions
  readonly #frame: MessageOptions

  constructor({ audioMs = 2200, videoMs = 2000 }: MediaLifetimes = {}) {
    this.#audio = liveFor(audioMs)
    this.#keyframe = liveFor(videoMs)
    this.#frame = { ...this.#keyframe, isDependent: true }
  }

  /** Of a single message, which is reliable. */
  of(message: Message): MessageOptions | undefined {
    return endsPlay(message) ? LAST : undefined
  }

  /** Of live media; a sequence header is never late. */
  ofLive(message: Message): MessageOptions {
    if (message.type === MessageTypeId.Audio) return isSequenceHeader(message) ? STATE : this.#audio
    if (message.type !== MessageTypeId.Video || isSequenceHeader(message)) return STATE
    return isKeyframe(message) ? this.#keyframe : this.#frame
  }
}

/** Whether players end at it, though it is no command. */
const endsPlay = (message: Message): boolean =>
  isDataNamed(message, 'onPlayStatus') ||
  (message.type === MessageTypeId.UserControl && readUserControlEvent(message.payload).kind === 'StreamEof')

const liveFor = (ms: number): MessageOptions => ({
  startWithinMs: ms,
  finishWithinMs: ms + FINISH_MS,
  capacityBytes: LIVE_CAPACITY_BYTES
})
