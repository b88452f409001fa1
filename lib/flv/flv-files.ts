import { finished } from 'node:stream/promises'
import { isState, MediaState } from '../media/media-state.ts'
import { RandomAccess } from '../media/random-access.ts'
import { Rebase } from '../media/rebase.ts'
import type { Message } from '../message/message.ts'
import { TypedWritable } from '../stream/typed.ts'
import { FlvFile, type FlvFileOptions } from './flv-file.ts'
import { FlvRecording } from './flv-recording.ts'
import { isFrame } from './flv-summary.ts'
import { tagLength } from './flv-tag.ts'

export interface FlvFilesOptions extends FlvFileOptions {
  /** Milliseconds of media after which a new file starts; by default never. */
  everyMs?: number
  /** Bytes of tags after which a new file starts; by default never. */
  everyBytes?: number
}

/** Events of FlvFiles, beside those of a Writable. */
export interface FlvFilesEvents {
  /** The first frame is in a file. */
  file: [file: FlvFile]
  /** A file is whole, or an error has ended it. */
  recorded: [file: FlvFile]
}

type Done = (error?: Error | null) => void

/** A frame that is earlier than the start of its file by at most this much gets timestamp 0. */
const EARLY_MS = 2000

/**
 * A Writable of Messages that writes one FLV file after another (see FlvFile), at the paths that `next` gives. Another one begins at
 * the first random access point at which the last one is long enough: a keyframe, or any audio where there is no video or it has
 * paused. Each has a clock of its own, which begins at 0, and metadata and sequence headers at its front. Events: see FlvFilesEvents.
 */
export class FlvFiles extends TypedWritable<Message, FlvFilesEvents> {
  readonly #next: () => string
  readonly #options: FlvFileOptions
  readonly #everyMs: number
  readonly #everyBytes: number
  readonly #access = new RandomAccess()
  readonly #state = new MediaState()
  #file: FlvFile | undefined
  #clock = new Rebase(EARLY_MS)
  #isTold = false
  /** Bytes of tags written to the file, and whether they contain frames. */
  #bytes = 0
  #hasFrames = false

  /** @throws RangeError for a bound that is not a positive number, or a number of keyframes out of range. */
  constructor(
    next: () => string,
    { everyMs = Number.POSITIVE_INFINITY, everyBytes = Number.POSITIVE_INFINITY, ...options }: FlvFilesOptions = {}
  ) {
    for (const [name, value] of Object.entries({ everyMs, everyBytes }))
      if (!(value > 0)) throw new RangeError(`${name} must be a positive number, not ${value}`)
    // invalid options are reported now, not with the first file
    new FlvRecording(options)
    super({ objectMode: true, highWaterMark: 16 })
    this.#next = next
    this.#options = options
    this.#everyMs = everyMs
    this.#everyBytes = everyBytes
  }

  override _write(message: Message, _encoding: string, done: Done): void {
    this.#state.note(message)
    const begins = this.#access.note(message) || (!isState(message) && this.#access.isPausedAt(message))
    const file = this.#file
    if (file === undefined) this.#settle(this.#beginWith([message]), done)
    else if (begins && this.#isFull(message)) this.#settle(this.#roll(message), done)
    else if (this.#put(message, file)) done()
    else file.once('drain', done)
  }

  override _final(done: Done): void {
    this.#settle(this.#end(), done)
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    const file = this.#file
    if (file === undefined || file.closed) done(error)
    else file.once('close', () => done(error)).destroy()
  }

  #settle(work: Promise<void>, done: Done): void {
    work.then(
      () => process.nextTick(done),
      error => process.nextTick(done, error)
    )
  }

  /** Whether the current file is long enough at this message. */
  #isFull(message: Message): boolean {
    if (!this.#hasFrames) return false
    return this.#bytes >= this.#everyBytes || this.#clock.place(message).timestamp >= this.#everyMs
  }

  async #roll(message: Message): Promise<void> {
    await this.#end()
    // meanwhile
    if (!this.destroyed) await this.#beginWith([...this.#state.messages(), message])
  }

  async #beginWith(messages: readonly Message[]): Promise<void> {
    const file = new FlvFile(this.#next(), { ...this.#options, another: this.#next })
    this.#file = file
    this.#clock = new Rebase(EARLY_MS)
    this.#isTold = false
    this.#bytes = 0
    this.#hasFrames = false
    file.on('error', error => this.destroy(error))
    file.once('close', () => {
      if (file.hasFrames || file.writableFinished) this.emit('recorded', file)
    })
    for (const message of messages) this.#put(message, file)
  }

  /** False when the file applies backpressure. */
  #put(message: Message, file: FlvFile): boolean {
    const placed = this.#clock.place(message)
    this.#bytes += tagLength(message)
    this.#hasFrames ||= isFrame(message)
    return this.#isTold ? file.write(placed) : file.write(placed, () => this.#tell(file))
  }

  #tell(file: FlvFile): void {
    if (this.#isTold || !file.hasFrames) return
    this.#isTold = true
    this.emit('file', file)
  }

  async #end(): Promise<void> {
    const file = this.#file
    if (file === undefined) return
    file.end()
    await finished(file)
    this.#file = undefined
  }
}
