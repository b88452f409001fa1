import type { Readable } from 'node:stream'
import { ChosenTracks } from '../live/chosen-tracks.ts'
import type { MessageBatch } from '../live/message-batch.ts'
import type { TrackChoice } from '../media/tracks/choose-tracks.ts'
import type { Message, MessageStreamId } from '../message/message.ts'
import type { Fed } from '../stream/direct.ts'
import { TakingWritable } from '../stream/taking.ts'

/** Where the media goes: see NetConnection. */
export interface MediaSink {
  /** Sends it. True if it is sent in this call; otherwise it waits for room, and `done` is called then. */
  send(item: Message | MessageBatch, messageStreamId: MessageStreamId, done: () => void): boolean
  /** Removes the queued item of this `done`. */
  unsend(done: () => void): void
}

/** The message stream that it goes out on. */
export interface OutgoingStream {
  readonly id: MessageStreamId
  readonly media: MediaSink
}

/**
 * The outbound media of a message stream: a Writable of Messages, or of the MessageBatches of a LiveStream's player.
 */
export abstract class Outgoing<Own = unknown> extends TakingWritable<Message | MessageBatch, Own> implements Fed {
  _from: Readable | undefined
  readonly #stream: OutgoingStream
  readonly #tracks: ChosenTracks
  /** Whether the last item waits for room. */
  #isWaiting = false
  readonly #sent = (): void => {
    if (!this.#isWaiting) return
    this.#isWaiting = false
    this._taken()
  }

  /** @throws RangeError for an invalid track id. */
  constructor(stream: OutgoingStream, tracks: TrackChoice) {
    super({ objectMode: true, highWaterMark: 4 })
    this.#stream = stream
    this.#tracks = new ChosenTracks(tracks)
  }

  /** Whether written items pass. Call `release` when this changes. */
  protected abstract get isOpen(): boolean

  /** The part of an item of the chosen tracks that is sent to the peer; undefined for none. */
  protected abstract wanted(item: Message | MessageBatch): Message | MessageBatch | undefined

  /** Called after everything has been sent, for the last messages. */
  protected abstract bye(): void

  protected release(): void {
    this._release()
  }

  /** Removes the item that waits to be sent. */
  protected letGo(): void {
    if (this.#isWaiting) this.#stream.media.unsend(this.#sent)
    this.#sent()
  }

  override get _hasRoom(): boolean {
    return this.isOpen
  }

  override _take(item: Message | MessageBatch): boolean {
    const chosen = this.#tracks.of(item)
    const wanted = chosen && this.wanted(chosen)
    if (wanted === undefined) return true
    const { id, media } = this.#stream
    const isSent = media.send(wanted, id, this.#sent)
    this.#isWaiting = !isSent
    return isSent
  }

  override _takeEnd(): boolean {
    this.bye()
    return true
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    if (this.#isWaiting) this.#stream.media.unsend(this.#sent)
    super._destroy(error, done)
  }
}
