import type { Clock } from './clock.ts'
import { isAudio } from './media/audio-tag.ts'
import { isState, MediaState, stateAt } from './media/media-state.ts'
import { between } from './media/serial.ts'
import { isKeyframe, isVideo } from './media/video-tag.ts'
import type { Message } from './message/message.ts'
import type { ReadableOf, WritableOf } from './stream/typed.ts'

/** Milliseconds that the old source has to deliver what precedes the first keyframe of the new one. */
const PATIENCE_MS = 1000
/** Milliseconds between two timestamps beyond which they are not of one timeline. */
const APART_MS = 10_000

/**
 * Replaces one source of a stream by another that has the same messages, as when a server asks its players to go to another. The old one
 * is read message by message, up to a keyframe that the new one has still to give; the new one goes on with it. If their
 * timelines differ, or the old one ends first, the new one goes on with its first keyframe.
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

  /** Leaves the old source to another reader, without a message read from it and not passed on. */
  stop(): void {
    this.#stopped.abort()
  }

  /** Settles when everything up to a keyframe of the new source, with it, is written. The rest is to be read from the new source. */
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

  /** Whether the old source has given it already. */
  #isPast(message: Message): boolean {
    return this.#last === message.timestamp || isBefore(message, this.#last)
  }
}

const begins = (message: Message, hasVideo: boolean): boolean =>
  !isState(message) && (hasVideo ? isVideo(message) && isKeyframe(message) : isAudio(message))

/** Whether it is before a time of the same timeline. */
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

/** Settles when there is room for the next; at once if nobody reads any more. */
async function write(into: WritableOf<Message>, message: Message): Promise<void> {
  if (into.destroyed || into.write(message)) return
  await settled(into, ['drain', 'close', 'error'])
}

/** Settles when there is something to read, or never will be; or at the signal. */
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
