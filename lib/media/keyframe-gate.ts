import type { Message } from '../message/message.ts'
import { sides } from '../stream/sides.ts'
import { TypedDuplex } from '../stream/typed.ts'
import { isMedia, MediaState, stateAt } from './media-state.ts'
import { RandomAccess } from './random-access.ts'
import { isVideo } from './tags/video-tag.ts'

/** Options of KeyframeGate. */
export interface KeyframeGateOptions {
  /** Bytes of payload it holds for a slow reader at most: 8 MiB. */
  maxBytes?: number
  /** Milliseconds of media it holds at most, by timestamps: 5000. */
  maxMs?: number
}

/** Messages it holds at most; five seconds are a few hundred. */
const MAX_MESSAGES = 8192

/** A queued message, and the position of the stream: metadata itself has timestamp 0. */
interface Held {
  readonly message: Message
  readonly at: number
}

/** Skipped messages: their number, and the time from the last message before the gap to the first after it. */
export interface Gap {
  /** Number of skipped messages. */
  readonly messages: number
  /** Milliseconds from the last message before the gap to the first after it. */
  readonly ms: number
}

/** Events of KeyframeGate, beside those of a Duplex. */
export interface KeyframeGateEvents {
  /** It goes on behind what it left out, for its reader was slow. */
  gap: [gap: Gap]
}

/**
 * Passes live media to a reader that may be slow, and never applies backpressure to its writer. Audio and data pass
 * from the first message on, video from a keyframe on, preceded by metadata and sequence headers. When it is full, it
 * drops messages; then audio and data continue at once, and video at its next keyframe. `'gap'` reports what was
 * dropped (see Gap). Messages other than audio, video and data always pass.
 */
export class KeyframeGate extends TypedDuplex<Message, Message, KeyframeGateEvents> {
  readonly #maxBytes: number
  readonly #maxMs: number
  readonly #state = new MediaState()
  /** The state that the reader has, or will have after reading the queue. */
  readonly #told = new WeakSet<Message>()
  readonly #queue: Held[] = []
  #held = 0
  #wanted = false
  #ending: (() => void) | undefined
  readonly #access = new RandomAccess()
  /** Whether the next message that passes is the first one, or the first since it was full. */
  #goesOn = false
  /** Dropped messages not yet reported, and the times of the last message and the last video before them. */
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

  /** Continues with all tracks, or with video, whose state must be sent first. */
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

/** A KeyframeGate: Messages for a reader that may be slow. */
export const keyframeGate = (options?: KeyframeGateOptions): KeyframeGate => new KeyframeGate(options)
