import { finishReader } from '../live/live-cursor.ts'
import { MessageBatch } from '../live/message-batch.ts'
import { RandomAccess } from '../media/random-access.ts'
import { isAudio } from '../media/tags/audio-tag.ts'
import { isVideo } from '../media/tags/video-tag.ts'
import type { TrackChoice } from '../media/tracks/choose-tracks.ts'
import { unwrapped } from '../message/data.ts'
import type { Message } from '../message/message.ts'
import type { NetStream } from './net-stream.ts'
import { Outgoing } from './outgoing.ts'

/** The outbound media of a player: the tracks it has selected. */
export class PlayOutgoing extends Outgoing {
  readonly #tracks: { readonly audio: boolean; readonly video: boolean }
  readonly #bye: () => void
  #isBegun = false
  #isPaused: boolean
  #hasLeft = false
  /** Video that was deselected waits for a keyframe. */
  readonly #access = new RandomAccess(true)

  constructor(
    stream: NetStream,
    choice: TrackChoice,
    tracks: { readonly audio: boolean; readonly video: boolean },
    isPaused: boolean,
    bye: () => void
  ) {
    super(stream, choice)
    this.#tracks = tracks
    this.#isPaused = isPaused
    this.#bye = bye
  }

  /** The peer has stopped. Media that still arrives until the source ends is discarded. */
  leave(): void {
    this.#hasLeft = true
    if (finishReader(this)) {
      this.letGo()
      this.release()
    } else this.destroy()
  }

  /** The peer has received the start statuses: media passes from now on. */
  open(): void {
    this.#isBegun = true
    this.release()
  }

  hold(isPaused: boolean): void {
    this.#isPaused = isPaused
    this.release()
  }

  changeTracks(): void {
    if (!this.#tracks.video) this.#access.close()
  }

  protected override get isOpen(): boolean {
    return this.#hasLeft || (this.#isBegun && !this.#isPaused)
  }

  protected override wanted(item: Message | MessageBatch): Message | MessageBatch | undefined {
    if (this.#hasLeft) return undefined
    if (!(item instanceof MessageBatch)) return this.#isWanted(item) ? unwrapped(item) : undefined
    if (this.#tracks.audio && this.#tracks.video && this.#access.isWhole) return item
    return item.with(item.messages.filter(message => this.#isWanted(message)))
  }

  protected override bye(): void {
    if (!this.#hasLeft) this.#bye()
  }

  #isWanted(message: Message): boolean {
    if (isAudio(message)) return this.#tracks.audio
    if (!isVideo(message)) return true
    this.#access.note(message)
    if (!this.#tracks.video) this.#access.close()
    return this.#access.passes(message)
  }
}
