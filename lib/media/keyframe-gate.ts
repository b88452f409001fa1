import { Duplex } from 'readable-stream'
import type { Message } from '../message/message.ts'
import { sides } from '../stream/sides.ts'
import { Entrances } from './entrances.ts'
import { isMedia, MediaState } from './media-state.ts'

export interface KeyframeGateOptions {
  /** Bytes of payload it holds at most for a reader that is slow: 8 MiB. */
  maxBytes?: number
  /** Milliseconds, by timestamps, that it holds at most: 5000. */
  maxMs?: number
}

/** Messages it holds at most, however small: five seconds hold a few hundred. */
const MAX_MESSAGES = 8192

/** What a gate left out: so many messages, and the time from the last one before them to the first behind them. */
export interface Gap {
  readonly messages: number
  readonly ms: number
}

/**
 * Lets live media through to a reader that may be slow, and never makes its writer wait. It opens at a keyframe, with metadata
 * and sequence headers ahead of it; when it holds as much as it may, it drops everything, audio and video alike, up to the
 * next keyframe, and tells what was lost with `'gap'` (see Gap). In a stream without video every message is a place to begin.
 * Messages that are neither audio, video nor data pass at all times.
 */
export class KeyframeGate extends Duplex {
  readonly #maxBytes: number
  readonly #maxMs: number
  readonly #state = new MediaState()
  /** The parts of the state that the reader has, or will have when it has read what is held. */
  readonly #told = new WeakSet<Message>()
  readonly #queue: Message[] = []
  #held = 0
  #wanted = false
  #ending: (() => void) | undefined
  #open = false
  readonly #entrances = new Entrances()
  /** What was dropped since the gate closed, and when the last message before it was. */
  #dropped = 0
  #lastTimestamp: number | undefined

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
    const begins = this.#entrances.note(message)
    if (this.#open && this.#isFull(message)) this.#open = false
    if (this.#open) this.#pass(message, state)
    else if (state === undefined) this.#tryToOpen(message, begins)
  }

  /** While it is closed state is remembered, and told when the gate opens; anything else that begins no run is lost. */
  #tryToOpen(message: Message, begins: boolean): void {
    if (!begins || this.#isFull(message)) {
      this.#dropped++
      return
    }
    this.#open = true
    this.#tellGap(message)
    for (const state of this.#state.messages()) {
      if (!this.#told.has(state)) this.#pass({ ...state, timestamp: message.timestamp }, state)
    }
    this.#pass(message)
  }

  #pass(message: Message, state?: Message): void {
    if (state !== undefined) this.#told.add(state)
    this.#lastTimestamp = message.timestamp
    this.#enqueue(message)
  }

  #tellGap({ timestamp }: Message): void {
    if (this.#dropped > 0 && this.#lastTimestamp !== undefined) {
      const gap: Gap = { messages: this.#dropped, ms: (timestamp - this.#lastTimestamp) >>> 0 }
      this.emit('gap', gap)
    }
    this.#dropped = 0
  }

  #isFull(message: Message): boolean {
    const first = this.#queue[0]
    if (first === undefined) return false
    const ms = (message.timestamp - first.timestamp) | 0
    if (this.#queue.length >= MAX_MESSAGES) return true
    return this.#held + message.payload.length > this.#maxBytes || ms > this.#maxMs
  }

  #enqueue(message: Message): void {
    this.#queue.push(message)
    this.#held += message.payload.length
  }

  #give(): void {
    while (this.#wanted && this.#queue.length > 0) {
      const message = this.#queue.shift()!
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

export const keyframeGate = (options?: KeyframeGateOptions): KeyframeGate => new KeyframeGate(options)
