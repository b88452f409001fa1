import type { Clock } from './clock.ts'
import { isState, MediaState, stateAt } from './media/media-state.ts'
import { between } from './media/serial.ts'
import { isAudio } from './media/tags/audio-tag.ts'
import { isKeyframe, isVideo } from './media/tags/video-tag.ts'
import type { Message } from './message/message.ts'
import type { ReadableOf, WritableOf } from './stream/typed.ts'

/** Milliseconds that the old source has to deliver what precedes the keyframe of the new one. */
const PATIENCE_MS = 1000
/** Timestamps further apart than this, in milliseconds, belong to different timelines. */
const APART_MS = 10_000

/**
 * Replaces the source of a stream by another source of the same messages, as when a server asks its players to reconnect to another. The old
 * source is read up to a keyframe that the new source has not delivered yet, and the new source is read from that keyframe on. If their
 * timelines differ, or the old source ends first, the new one is read from its first keyframe on.
 */
export class Splice {
  readonly #into: WritableOf<Message>
  readonly #clock: Clock
  readonly #flown: Promise<void>
  /** The timestamp of the last frame of video, or of audio if there is none. */
  #last: number | undefined
  #hasVideo = false
  /** Whether the new source is read. */
  #isJoined = false
  /** The timestamp of the keyframe at which the new source waits. */
  #cut: number | undefined
  readonly #stopped = new AbortController()

  constructor(from: ReadableOf<Message>, into: WritableOf<Message>, clock: Clock) {
    this.#into = into
    this.#clock = clock
    this.#flown = this.#flow(from)
  }

  /** Stops reading the old source. Every message that was read from it has been written. */
  stop(): void {
    this.#stopped.abort()
  }

  /** Settles when everything up to and including a keyframe of the new source is written. The caller reads the rest from the new source. */
  async to(next: ReadableOf<Message>): Promise<void> {
    this.#isJoined = true
    const state = new MediaState()
    let hasVideo = false
    for (let message = await read(next); message !== null; message = await read(next)) {
      state.note(message)
      hasVideo ||= isVideo(message)
      if (!begins(message, hasVideo) || this.#isPast(message)) continue
      this.#cut = message.timestamp
      await this.#flownInTime()
      this.stop()
      for (const each of state.messages()) await write(this.#into, stateAt(each, message.timestamp))
      await write(this.#into, message)
      return
    }
    await this.#flown
  }

  async #flow(from: ReadableOf<Message>): Promise<void> {
    while (!this.#stopped.signal.aborted) {
      const message = from.read()
      if (message === null) {
        if (from.readableEnded || from.destroyed) break
        await readable(from, this.#stopped.signal)
        continue
      }
      this.#hasVideo ||= isVideo(message)
      if (this.#isJoined && begins(message, this.#hasVideo) && !isBefore(message, this.#cut)) break
      if (isVideo(message) || (isAudio(message) && !this.#hasVideo)) this.#last = message.timestamp
      await write(this.#into, message)
    }
  }

  async #flownInTime(): Promise<void> {
    let stop = () => {}
    const late = new Promise<void>(resolve => {
      stop = this.#clock.after(PATIENCE_MS, resolve)
    })
    await Promise.race([this.#flown, late])
    stop()
  }

  /** Whether the old source has already delivered it. */
  #isPast(message: Message): boolean {
    return this.#last === message.timestamp || isBefore(message, this.#last)
  }
}

const begins = (message: Message, hasVideo: boolean): boolean =>
  !isState(message) && (hasVideo ? isVideo(message) && isKeyframe(message) : isAudio(message))

/** Whether it precedes `time`, on the same timeline. */
function isBefore({ timestamp }: Message, time: number | undefined): boolean {
  const ahead = time === undefined ? 0 : between(timestamp, time)
  return ahead > 0 && ahead < APART_MS
}

/** The next message; null at the end. */
async function read(from: ReadableOf<Message>): Promise<Message | null> {
  while (true) {
    const message = from.read()
    if (message !== null || from.readableEnded || from.destroyed) return message
    await readable(from)
  }
}

/** Writes a message. Settles when there is room for the next; at once if the stream is destroyed. */
async function write(into: WritableOf<Message>, message: Message): Promise<void> {
  if (into.destroyed || into.write(message)) return
  await settled(into, ['drain', 'close', 'error'])
}

/** Settles when there is something to read, when the stream has ended, or at the signal. */
export const readable = (messages: ReadableOf<unknown>, signal?: AbortSignal): Promise<void> =>
  settled(messages, ['readable', 'end', 'close', 'error'], signal)

/** Settles at the first of these events, or at the signal. */
function settled(stream: NodeJS.EventEmitter, events: readonly string[], signal?: AbortSignal): Promise<void> {
  return new Promise(resolve => {
    const settle = () => {
      for (const event of events) stream.off(event, settle)
      signal?.removeEventListener('abort', settle)
      resolve()
    }
    for (const event of events) stream.on(event, settle)
    signal?.addEventListener('abort', settle)
  })
}
