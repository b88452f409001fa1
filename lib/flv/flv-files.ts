import { finished } from 'node:stream/promises'
import { Writable } from 'readable-stream'
import { RtmpError } from '../errors.ts'
import { MediaState } from '../media/media-state.ts'
import { RandomAccess } from '../media/random-access.ts'
import { Rebase } from '../media/rebase.ts'
import type { Message } from '../message/message.ts'
import { FlvFile, type FlvFileOptions } from './flv-file.ts'
import { FlvRecording } from './flv-recording.ts'

export interface FlvFilesOptions extends FlvFileOptions {
  /** Milliseconds of media after which another file begins: never, unless told. */
  everyMs?: number
  /** Bytes of a file after which another one begins: never, unless told. */
  everyBytes?: number
}

/** A frame that comes so much too early for the clock of its file is at 0. */
const EARLY_MS = 2000

/**
 * A Writable of Messages that writes one FLV file after another (see FlvFile), at the paths that `next` gives. Another one begins at
 * the first random access point at which the last one is long enough: a keyframe, or without video any audio. Each has a clock
 * of its own, which begins at 0, and metadata and sequence headers at its front. Events: `'file'` (FlvFile) when the first frame is in one,
 * `'recorded'` (FlvFile) when one is whole, also one that an error has ended.
 */
export class FlvFiles extends Writable {
  readonly #next: () => string
  readonly #options: FlvFileOptions
  readonly #everyMs: number
  readonly #everyBytes: number
  readonly #access = new RandomAccess()
  readonly #state = new MediaState()
  #file: FlvFile | undefined
  #clock = new Rebase(EARLY_MS)
  #isTold = false

  /** @throws RangeError for a bound that is no positive number, or a number of keyframes out of range. */
  constructor(
    next: () => string,
    { everyMs = Number.POSITIVE_INFINITY, everyBytes = Number.POSITIVE_INFINITY, ...options }: FlvFilesOptions = {}
  ) {
    for (const [name, value] of Object.entries({ everyMs, everyBytes }))
      if (!(value > 0)) throw new RangeError(`${name} must be a positive number, not ${value}`)
    // what is wrong in itself is told now, and not with the first file
    new FlvRecording(options)
    super({ objectMode: true, highWaterMark: 16 })
    this.#next = next
    this.#options = options
    this.#everyMs = everyMs
    this.#everyBytes = everyBytes
  }

  override _write(message: Message, _encoding: string, done: (error?: Error | null) => void): void {
    this.#take(message).then(
      () => process.nextTick(done),
      error => process.nextTick(done, error)
    )
  }

  override _final(done: (error?: Error | null) => void): void {
    this.#end().then(
      () => process.nextTick(done),
      error => process.nextTick(done, error)
    )
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    const file = this.#file
    if (file === undefined || file.closed) done(error)
    else file.once('close', () => done(error)).destroy()
  }

  async #take(message: Message): Promise<void> {
    this.#state.note(message)
    const begins = this.#access.note(message)
    const isNext = this.#file !== undefined && begins && this.#isFull(this.#file, message)
    if (isNext) await this.#end()
    const file = this.#file ?? this.#begin()
    if (isNext) for (const state of this.#state.messages()) await this.#put(state, file)
    await this.#put(message, file)
    if (this.#isTold || !file.hasFrames) return
    this.#isTold = true
    this.emit('file', file)
  }

  /** Whether the file is long enough now that this message comes. */
  #isFull(file: FlvFile, message: Message): boolean {
    if (!file.hasFrames) return false
    return file.byteLength >= this.#everyBytes || this.#clock.place(message).timestamp >= this.#everyMs
  }

  #begin(): FlvFile {
    // while the last one was ended
    if (this.destroyed) throw new RtmpError('ERR_RTMP_PREMATURE_CLOSE')
    const file = new FlvFile(this.#next(), this.#options)
    this.#file = file
    this.#clock = new Rebase(EARLY_MS)
    this.#isTold = false
    // it reaches the write that it fails
    file.on('error', () => {})
    file.once('close', () => {
      if (file.hasFrames || file.writableFinished) this.emit('recorded', file)
    })
    return file
  }

  #put(message: Message, file: FlvFile): Promise<void> {
    const placed = this.#clock.place(message)
    return new Promise((resolve, reject) => {
      file.write(placed, error => (error ? reject(error) : resolve()))
    })
  }

  async #end(): Promise<void> {
    const file = this.#file
    if (file === undefined) return
    file.end()
    await finished(file)
    this.#file = undefined
  }
}
