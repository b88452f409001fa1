import type { Readable } from 'node:stream'
import { type Clock, Countdown } from '../clock.ts'
import { FlvWriter } from '../flv/flv-writer.ts'
import { ChosenTracks } from '../live/chosen-tracks.ts'
import { finishReader } from '../live/live-cursor.ts'
import { MessageBatch } from '../live/message-batch.ts'
import { PRIMARY } from '../media/tracks/choose-tracks.ts'
import type { Message } from '../message/message.ts'
import type { Fed } from '../stream/direct.ts'
import { TakingWritable } from '../stream/taking.ts'
import type { FlvSink } from './flv-answer.ts'
import { FlvTags } from './flv-tags.ts'

const flvTags = new FlvTags()

/** Media as an FLV file. A viewer that reads no byte for `stallMs` is disconnected. */
export class FlvOutgoing extends TakingWritable<Message | MessageBatch> implements Fed {
  _from: Readable | undefined
  readonly #sink: FlvSink
  readonly #writer = new FlvWriter()
  readonly #stall: Countdown
  #tracks = new ChosenTracks(PRIMARY)
  #isBegun = false
  #hasLeft = false

  constructor(sink: FlvSink, clock: Clock, stallMs: number) {
    super({ objectMode: true, highWaterMark: 4 })
    this.#sink = sink
    this.#stall = new Countdown(clock, stallMs, { expired: () => sink.destroy() })
  }

  choose(tracks: ChosenTracks): void {
    this.#tracks = tracks
  }

  /** The acceptance is sent: media passes from now on. */
  open(): void {
    this.#isBegun = true
    this.#sink.on('drain', () => {
      this.#stall.pause()
      if (this._isBusy) this._taken()
    })
    this._release()
  }

  /** The viewer has left. Media that still arrives until the source ends is discarded. */
  leave(): void {
    if (this.#hasLeft) return
    this.#hasLeft = true
    this.#stall.stop()
    if (!finishReader(this)) this.destroy()
    else if (this._isBusy) this._taken()
    else this._release()
  }

  override get _hasRoom(): boolean {
    return this.#isBegun || this.#hasLeft
  }

  override _take(given: Message | MessageBatch): boolean {
    if (this.#hasLeft) return true
    const item = this.#tracks.of(given)
    if (item === undefined) return true
    const isBatch = item instanceof MessageBatch
    // the first message, metadata as a rule, names the tracks of the header
    for (const header of this.#writer.begin(isBatch ? item.messages[0] : item)) this.#sink.write(header)
    const bytes = isBatch ? item.encoded(flvTags) : flvTags.encode([item])
    if (bytes.length === 0 || this.#sink.write(bytes)) return true
    this.#stall.begin()
    return false
  }

  override _takeEnd(): boolean {
    if (this.#hasLeft) return true
    // a viewer that reads nothing does not read the end either
    this.#stall.begin()
    this.#sink.end()
    return true
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    // a viewer that has left is gone, or its answer is still being sent; the end is being sent until it has left
    if (!this.#hasLeft && !this.writableFinished) {
      this.#stall.stop()
      this.#sink.destroy()
    }
    super._destroy(error, done)
  }
}
