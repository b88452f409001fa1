import type { Message } from '../../message/message.ts'
import { DirectReadable } from '../../stream/direct.ts'
import { chooseTracks, type TrackIds } from './choose-tracks.ts'

/** One video and one audio track of a stream, as a Readable: see chooseTracks. */
export class TrackStream extends DirectReadable<Message> {
  readonly #ids: TrackIds
  #room: (() => void) | undefined

  constructor(ids: TrackIds) {
    super({ objectMode: true, highWaterMark: 16 })
    this.#ids = ids
  }

  /** Pushes the part of the message that belongs to its tracks. Returns a promise while the buffer is full. */
  deliver(message: Message): Promise<void> | undefined {
    const chosen = this.destroyed ? undefined : chooseTracks(message, this.#ids)
    if (chosen === undefined || this.push(chosen)) return undefined
    return new Promise(resolve => {
      this.#room = resolve
    })
  }

  override _read(): void {
    this.#room?.()
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    this.#room?.()
    done(error)
  }
}
