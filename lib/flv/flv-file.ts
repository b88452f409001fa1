import { type FileHandle, open, rm } from 'node:fs/promises'
import type { Message } from '../message/message.ts'
import { TypedWritable } from '../stream/typed.ts'
import { type FlvMark, FlvRecording, type FlvRecordingOptions } from './flv-recording.ts'

/** Options of FlvFile. */
export interface FlvFileOptions extends FlvRecordingOptions {
  /**
   * How the file is opened: `'w'`, the default, replaces an existing one; `'wx'` fails with EEXIST, and removes the new
   * file if an error leaves no frame in it.
   */
  flags?: 'w' | 'wx'
  /** Gives another path if the file exists, with `'wx'`: two recordings of one name may begin in one millisecond. @internal */
  another?: () => string
}

type Done = (error?: Error | null) => void

/**
 * A Writable of Messages that writes an FLV file (see FlvRecording). Tags are written as they arrive: a killed process
 * loses at most what is on its way to the disk. At the end the duration, the size and the index of keyframes are
 * written into the metadata at the front. However it ends, by an error of the disk too, the file is cut after its last
 * complete tag and its metadata is written. Errors are those of the file system, with their codes: ENOSPC, EROFS,
 * EEXIST and others.
 */
export class FlvFile extends TypedWritable<Message> {
  #path: string
  readonly #flags: string
  readonly #another: (() => string) | undefined
  readonly #recording: FlvRecording
  #handle: FileHandle | undefined
  /** Whether it can be truncated and written at any position, unlike a pipe. */
  #isRegular = false
  /** The contents of the file so far. */
  #written: FlvMark
  /** Whether its metadata is final. */
  #isWhole = false
  #work: Promise<void> = Promise.resolve()

  /** @throws RangeError for a number of keyframes out of range. */
  constructor(path: string, options: FlvFileOptions = {}) {
    // before the stream, which would open the file whatever is thrown
    const recording = new FlvRecording(options)
    super({ objectMode: true, highWaterMark: 16 })
    this.#path = path
    this.#flags = options.flags ?? 'w'
    this.#another = options.another
    this.#recording = recording
    this.#written = recording.mark
  }

  /** Its path. */
  get path(): string {
    return this.#path
  }

  /** Bytes in the file, complete tags. */
  get byteLength(): number {
    return this.#written.byteLength
  }

  /** Milliseconds: the highest timestamp of audio and video in the file. */
  get durationMs(): number {
    return this.#written.durationMs
  }

  /** Whether it contains audio or video, not only sequence headers. */
  get hasFrames(): boolean {
    return this.#written.hasFrames
  }

  override _construct(done: Done): void {
    this.#settle(this.#open(), done)
  }

  override _write(message: Message, _encoding: string, done: Done): void {
    this.#settle(this.#append([message]), done)
  }

  override _writev(items: readonly { chunk: Message }[], done: Done): void {
    this.#settle(this.#append(items.map(({ chunk }) => chunk)), done)
  }

  override _final(done: Done): void {
    this.#settle(this.#finish(), done)
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    this.#settle(this.#close(), failure => done(error ?? failure ?? null))
  }

  /** Operations on the file run one at a time; its end waits for the current one. */
  #settle(work: Promise<void>, done: Done): void {
    this.#work = work.then(
      () => process.nextTick(done),
      error => process.nextTick(done, error)
    )
  }

  async #open(): Promise<void> {
    this.#handle = await this.#opened()
    this.#isRegular = (await this.#handle.stat()).isFile()
  }

  async #opened(): Promise<FileHandle> {
    try {
      return await open(this.path, this.#flags)
    } catch (error) {
      if (this.#another === undefined || (error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
      this.#path = this.#another()
      return this.#opened()
    }
  }

  async #append(messages: readonly Message[]): Promise<void> {
    const pieces = messages.flatMap(message => this.#recording.write(message))
    if (pieces.length === 0) return
    await this.#put(pieces.length === 1 ? pieces[0]! : Buffer.concat(pieces), this.byteLength)
    this.#written = this.#recording.mark
  }

  async #finish(): Promise<void> {
    const isEmpty = this.byteLength === 0
    const patches = this.#recording.end(isEmpty ? undefined : this.#written)
    if (this.#isRegular) for (const { position, bytes } of patches) await this.#put(bytes, position)
    else if (isEmpty) for (const { bytes } of patches) await this.#put(bytes, 0)
    if (isEmpty) this.#written = this.#recording.mark
    this.#isWhole = true
  }

  async #close(): Promise<void> {
    await this.#work
    try {
      if (this.#isRegular && !this.#isWhole) await this.#cut()
    } catch {
      // the disk may fail again: the contents of the file stay
    } finally {
      await this.#handle?.close()
    }
  }

  async #cut(): Promise<void> {
    if (this.#flags === 'wx' && !this.hasFrames) return rm(this.path)
    await this.#handle!.truncate(this.byteLength)
    if (this.byteLength > 0) await this.#finish()
  }

  /** A pipe has no position. */
  #put(bytes: Buffer, position: number): Promise<void> {
    return writeAt(this.#handle!, bytes, this.#isRegular ? position : null)
  }
}

/** Writes all bytes, at a position or at the current one. */
export async function writeAt(handle: FileHandle, bytes: Buffer, position: number | null): Promise<void> {
  for (let at = 0; at < bytes.length; ) {
    const place = position === null ? null : position + at
    const { bytesWritten } = await handle.write(bytes, at, bytes.length - at, place)
    at += bytesWritten
  }
}

/** An FlvFile at a path. @throws RangeError for a number of keyframes out of range. */
export const flvFile = (path: string, options?: FlvFileOptions): FlvFile => new FlvFile(path, options)
