import { once } from 'node:events'
import {
  type Gap,
  LiveStream,
  type LiveStreamOptions,
  type RecordedFile,
  type Relay,
  type Repair,
  type Retry,
  record,
  recordRolled
} from '../index.ts'
import { diskWords } from './disk.ts'
import type { Log } from './log.ts'

export interface RecordingOptions {
  /** Records every stream below this folder. */
  record?: string | undefined
  /** Begins another file after so many milliseconds, or bytes. */
  recordEveryMs?: number | undefined
  recordEveryBytes?: number | undefined
}

/** Milliseconds between two lines on the clock of one stream. */
const TELL_MS = 1000

export interface LivesOptions extends LiveStreamOptions, RecordingOptions {}

/** The table of live streams: one for each path that is published, played or waited for, and none for any other. */
export class Lives {
  readonly #options: LiveStreamOptions
  readonly #recording: RecordingOptions
  readonly #log: Log
  readonly #lives = new Map<string, LiveStream>()
  readonly #recordings = new Map<string, Relay>()

  constructor({ record, recordEveryMs, recordEveryBytes, ...options }: LivesOptions, log: Log) {
    this.#options = options
    this.#recording = { record, recordEveryMs, recordEveryBytes }
    this.#log = log
  }

  /** The stream of this path, made if need be. It is forgotten when nobody is left on it. */
  at(path: string): LiveStream {
    const found = this.#lives.get(path)
    if (found !== undefined) return found
    const made = new LiveStream(this.#options)
    this.#lives.set(path, made)
    made.on('idle', () => this.#lives.delete(path))
    let toldAt = Number.NEGATIVE_INFINITY
    made.on('repair', ({ kind, track, from, to }: Repair) => {
      // a clock may be wrong with each message; another publisher has a line of its own
      if (kind === 'source' || performance.now() - toldAt < TELL_MS) return
      toldAt = performance.now()
      this.#log('timestamps', { path, message: `of ${track} step from ${from} to ${to}` })
    })
    return made
  }

  isPublished(path: string): boolean {
    return this.#lives.get(path)?.isPublished ?? false
  }

  /** How many readers wait for somebody to publish. */
  get waiting(): number {
    let waiting = 0
    for (const live of this.#lives.values()) if (!live.isPublished) waiting += live.readers
    return waiting
  }

  /** Records what is published at this path until it ends, unless that is done already. */
  record(path: string): void {
    const { record: folder } = this.#recording
    if (folder === undefined || this.#recordings.has(path)) return
    const recording = this.#begin(path, folder)
    this.#recordings.set(path, recording)
    recording.once('ended', () => this.#recordings.delete(path))
    this.#tell(path, recording)
  }

  /** Ends every stream, and settles when their recordings are on the disk. */
  async end(): Promise<void> {
    const ended = [...this.#recordings.values()].map(recording => once(recording, 'ended'))
    for (const live of this.#lives.values()) live.end()
    await Promise.all(ended)
  }

  #begin(name: string, folder: string): Relay {
    const { recordEveryMs: everyMs, recordEveryBytes: everyBytes } = this.#recording
    const live = this.at(name)
    if (everyMs === undefined && everyBytes === undefined) return record(live, folder, { name })
    return recordRolled(live, folder, {
      name,
      ...(everyMs !== undefined && { everyMs }),
      ...(everyBytes !== undefined && { everyBytes })
    })
  }

  #tell(path: string, recording: Relay): void {
    let trouble: string | undefined
    recording
      .on('file', ({ path: to }: RecordedFile) => {
        trouble = undefined
        this.#log('record', { path, to })
      })
      .on('recorded', ({ path: to }: RecordedFile) => this.#log('recorded', { path, to }))
      .on('gap', ({ messages, ms }: Gap) => this.#log('record gap', { path, messages, ms }))
      .on('retrying', ({ error }: Retry) => {
        const message = diskWords(error!)
        // it is tried again every few seconds, for as long as it takes
        if (message !== trouble) this.#log('record failed', { path, message: `${message}; it is tried again` })
        trouble = message
      })
  }
}
