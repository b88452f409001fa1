import { createWriteStream } from 'node:fs'
import { pipeline } from 'node:stream/promises'
import { flvEncoder, type Gap, LiveStream, type LiveStreamOptions, safeRecordPath } from '../index.ts'
import type { Log } from './log.ts'

export interface LivesOptions extends LiveStreamOptions {
  /** Records every stream below this folder. */
  record?: string | undefined
}

/** A disk may be slow for so long before its recording leaves something out. */
const RECORD_LAG_MS = 30_000

/** The table of live streams: one for each path that is published, played or waited for, and none for any other. */
export class Lives {
  readonly #options: LivesOptions
  readonly #log: Log
  readonly #lives = new Map<string, LiveStream>()
  readonly #recordings = new Map<string, Promise<void>>()

  constructor(options: LivesOptions, log: Log) {
    this.#options = options
    this.#log = log
  }

  /** The stream of this path, made if need be. It is forgotten when nobody is left on it. */
  at(path: string): LiveStream {
    const found = this.#lives.get(path)
    if (found !== undefined) return found
    const { record: _, ...options } = this.#options
    const made = new LiveStream(options)
    this.#lives.set(path, made)
    made.on('idle', () => this.#lives.delete(path))
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
    const root = this.#options.record
    if (root === undefined || this.#recordings.has(path)) return
    const recording = this.#write(root, path).finally(() => this.#recordings.delete(path))
    this.#recordings.set(path, recording)
  }

  /** Ends every stream, and settles when their recordings are on the disk. */
  async end(): Promise<void> {
    for (const live of this.#lives.values()) live.end()
    await Promise.all(this.#recordings.values())
  }

  async #write(root: string, path: string): Promise<void> {
    try {
      const file = safeRecordPath(root, { path })
      const messages = this.at(path).subscribe({ maxLagMs: RECORD_LAG_MS })
      messages.on('gap', ({ messages: count, ms }: Gap) => this.#log('record gap', { path, messages: count, ms }))
      this.#log('record', { path, to: file })
      await pipeline(messages, flvEncoder(), createWriteStream(file, { flags: 'wx' }))
      this.#log('recorded', { path, to: file })
    } catch (error) {
      this.#log('record failed', { path, message: (error as Error).message })
    }
  }
}
