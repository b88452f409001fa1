import { once } from 'node:events'
import { type LiveStream, type Relay, record, recordRolled } from '../index.ts'
import { diskWords } from './disk.ts'
import type { Log } from './log.ts'

export interface RecordingOptions {
  /** Records every stream below this folder. */
  record?: string | undefined
  /** Begins another file after so many milliseconds, or bytes. */
  recordEveryMs?: number | undefined
  recordEveryBytes?: number | undefined
}

/** The recordings of what is published, one for each path at a time. */
export class Recordings {
  readonly #options: RecordingOptions
  readonly #log: Log
  readonly #recordings = new Map<string, Relay>()

  constructor(options: RecordingOptions, log: Log) {
    this.#options = options
    this.#log = log
  }

  /** Records what is published at this path until it ends, unless that is done already. */
  record(path: string, live: LiveStream): void {
    const { record: folder } = this.#options
    if (folder === undefined || this.#recordings.has(path)) return
    const recording = this.#begin(path, live, folder)
    this.#recordings.set(path, recording)
    recording.once('ended', () => this.#recordings.delete(path))
    this.#tell(path, recording)
  }

  /** Settles when those that there are have ended, and are on the disk. */
  async ended(): Promise<void> {
    await Promise.all([...this.#recordings.values()].map(recording => once(recording, 'ended')))
  }

  #begin(name: string, live: LiveStream, folder: string): Relay {
    const { recordEveryMs: everyMs, recordEveryBytes: everyBytes } = this.#options
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
      .on('file', ({ path: to }) => {
        trouble = undefined
        this.#log('record', { path, to })
      })
      .on('recorded', ({ path: to }) => this.#log('recorded', { path, to }))
      .on('gap', ({ messages, ms }) => this.#log('record gap', { path, messages, ms }))
      .on('retrying', ({ error }) => {
        const message = diskWords(error!)
        // it is tried again every few seconds, for as long as it takes
        if (message !== trouble) this.#log('record failed', { path, message: `${message}; retrying` })
        trouble = message
      })
  }
}
