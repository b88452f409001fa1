import type { Message } from '../message/message.ts'
import { sides } from '../stream/sides.ts'
import { TypedDuplex } from '../stream/typed.ts'
import { isMedia, MediaState, stateAt } from './media-state.ts'
import { RandomAccess } from './random-access.ts'
import { isVideo } from './video-tag.ts'

/** Options of KeyframeGate. */
export interface KeyframeGateOptions {
  /** Bytes of payload it holds at most for a reader that is slow: 8 MiB. */
  maxBytes?: number
  /** Milliseconds, by timestamps, that it holds at most: 5000. */
  maxMs?: number
}

/** Messages it holds at most, however small: five seconds hold a few hundred. */
const MAX_MESSAGES = 8192

/** A message that waits for the reader, and where the stream was: metadata itself has 0. */
interface Held {
  readonly message: Message
  readonly at: number
}

/** What a gate left out: so many messages, and the time from the last one before them to the first behind them. */
export interface Gap {
  /** Messages that were left out. */
  readonly messages: number
  /** Milliseconds from the last message ahead of the gap to the first behind it. */
  readonly ms: number
}

/** Events of KeyframeGate, beside those of a Duplex. */
export interface KeyframeGateEvents {
  /** It goes on behind what it left out, for its reader was slow. */
  gap: [gap: Gap]
}

/**
 * Lets live media through to a reader that may be slow, and never makes its writer wait. Audio and data pass from the first message
 * on, video from a keyframe on, with metadata and sequence headers ahead. While it holds as much as it may, it drops what comes;
 * then audio and data go on at once, and video at its next keyframe. What was lost is told with `'gap'` (see Gap). Messages that
 * are neither audio, video nor data pass at all times.
 */
export class KeyframeGate extends TypedDuplex<Message, Message, KeyframeGateEvents> {
  readonly #maxBytes: number
  readonly #maxMs: number
  readonly #state = new MediaState()
  /** The parts of the state that the reader has, or will have when it has read what is held. */
  readonly #told = new WeakSet<Message>()
  readonly #queue: Held[] = []
  #held = 0
  #wanted = false
  #ending: (() => void) | undefined
  readonly #access = new RandomAccess()
  /** Whether the next message that passes is the first, or the first since it was full. */
  #goesOn = false
  /** What was dropped and not told, and when the last message before it was, and the last of video. */
  #dropped = 0
  #lastTimestamp: number | undefined
  #lastVideo: number | undefined

  /** @throws RangeError for a bound that is not a positive number. */
  constructor({ maxBytes = 8 * 1024 * 1024, maxMs = 5000 }: KeyframeGateOptions = {}) {
    super(sides({}))
    if (!(maxBytes > 0)) throw new RangeError(`maxBytes must be a positive number, not ${maxBytes}`)
    if (!(maxMs > 0)) throw new RangeError(`maxMs must be a positive number, not ${maxMs}`)
    this.#maxBytes = maxBytes
    this.#maxMs = maxMs
  }

  override _write(message: Message, _encoding: string, done: () => void): void {
    this.#take(message)
    this.#give()
    done()
  }

  override _final(done: () => void): void {
    this.#ending = done
    this.#give()
  }

  override _read(): void {
    this.#wanted = true
    this.#give()
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    this.#queue.length = 0
    done(error)
  }

  #take(message: Message): void {
    if (!isMedia(message)) {
      this.#enqueue(message)
      return
    }
    const state = this.#state.note(message)
    const wasOpen = this.#access.isOpen
    this.#access.note(message)
    if (this.#isFull(message)) {
      this.#goesOn = false
      this.#access.close()
      if (state === undefined) this.#dropped++
    } else if (!this.#access.passes(message)) this.#dropped++
    else if (this.#goesOn && wasOpen === this.#access.isOpen) this.#pass(message, state)
    else if (state === undefined) this.#open(message, wasOpen)
  }

  /** Goes on with all tracks, or with video, where its state has to be told. */
  #open(message: Message, wasOpen: boolean): void {
    this.#tellGap(message, this.#goesOn && !wasOpen ? this.#lastVideo : this.#lastTimestamp)
    this.#goesOn = true
    for (const state of this.#state.messages()) {
      if (!this.#told.has(state)) this.#pass(stateAt(state, message.timestamp), state, message.timestamp)
    }
    this.#pass(message)
  }

  #pass(message: Message, state?: Message, at: number = message.timestamp): void {
    if (state !== undefined) this.#told.add(state)
    else {
      this.#lastTimestamp = message.timestamp
      if (isVideo(message)) this.#lastVideo = message.timestamp
    }
    this.#enqueue(message, at)
  }

  #tellGap({ timestamp }: Message, since: number | undefined): void {
    if (this.#dropped > 0 && since !== undefined) {
      const gap: Gap = { messages: this.#dropped, ms: (timestamp - since) >>> 0 }
      this.emit('gap', gap)
    }
    this.#dropped = 0
  }

  #isFull(message: Message): boolean {
    const first = this.#queue[0]
    if (first === undefined) return false
    const ms = (message.timestamp - first.at) | 0
    if (this.#queue.length >= MAX_MESSAGES) return true
    return this.#held + message.payload.length > this.#maxBytes || ms > this.#maxMs
  }

  #enqueue(message: Message, at: number = message.timestamp): void {
    this.#queue.push({ message, at })
    this.#held += message.payload.length
  }

  #give(): void {
    while (this.#wanted && this.#queue.length > 0) {
      const { message } = this.#queue.shift()!
      this.#held -= message.payload.length
      this.#wanted = this.push(message)
    }
    if (this.#ending === undefined || this.#queue.length > 0) return
    const ending = this.#ending
    this.#ending = undefined
    this.push(null)
    ending()
  }
}

/** A KeyframeGate: Messages to a reader that may be slow. */
export const keyframeGate = (options?: KeyframeGateOptions): KeyframeGate => new KeyframeGate(options)
