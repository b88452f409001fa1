import { relative } from 'node:path'
import { type LiveStream, type Relay, record, recordRolled } from '../index.ts'
import { diskWords } from './disk.ts'
import type { Log } from './log.ts'
import { type Running, RunningTable } from './running.ts'

export interface RecordingOptions {
  /** The folder of recordings: every stream is recorded below it, unless `recordOnRequest`. */
  record?: string | undefined
  /** Record only what the API starts. */
  recordOnRequest?: boolean
  /** Whether all tracks of Multitrack are recorded, and not only the primary ones. */
  recordAllTracks?: boolean
  /** Begins another file after so many milliseconds, or bytes. */
  recordEveryMs?: number | undefined
  recordEveryBytes?: number | undefined
}

/** The recordings of what is published, one for each path at a time. */
export class Recordings extends RunningTable {
  #options: RecordingOptions
  readonly #log: Log

  constructor(options: RecordingOptions, log: Log) {
    super('recording')
    this.#options = options
    this.#log = log
  }

  /** Takes other options for recordings that begin from now on. */
  set options(options: RecordingOptions) {
    this.#options = options
  }

  /** Whether there is a folder for them. */
  get isPossible(): boolean {
    return this.#options.record !== undefined
  }

  /** Records what is published at this path if every stream is recorded, unless that is done already. */
  record(path: string, live: LiveStream): void {
    if (this.isPossible && !this.#options.recordOnRequest && !this.has(path)) this.start(path, live)
  }

  /** Whether this path is recorded. */
  has(path: string): boolean {
    for (const running of this) if (running.path === path) return true
    return false
  }

  /** Records what is published at this path until it ends, if there is a folder. */
  start(path: string, live: LiveStream): Running {
    const folder = this.#options.record!
    const recording = this.begin(path, undefined, label => this.#begin(path, live, folder, label))
    recording.relay.on('file', file => {
      recording.to = relative(folder, file.path)
    })
    this.#tell(path, recording.relay)
    return recording
  }

  #begin(name: string, live: LiveStream, folder: string, label: Running): Relay {
    const { recordEveryMs: everyMs, recordEveryBytes: everyBytes, recordAllTracks } = this.#options
    const tracks = recordAllTracks ? 'all' : {}
    if (everyMs === undefined && everyBytes === undefined) return record(live, folder, { name, label, tracks })
    return recordRolled(live, folder, {
      name,
      label,
      tracks,
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
