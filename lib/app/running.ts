import { once } from 'node:events'
import { Refused, type Relay } from '../index.ts'
import { said } from './log.ts'

/** A recording or a relay of a live stream while it runs. It is the label of its reader. */
export class Running {
  readonly kind: 'recording' | 'relay'
  readonly id: string
  readonly path: string
  readonly relay: Relay
  /** Where it goes: the file that it writes, or the server without the key; undefined before its first frame. */
  to: string | undefined
  readonly #startedAt = performance.now()
  #error: string | undefined

  /** `begin` makes its relay, with this as label. */
  constructor(which: Pick<Running, 'kind' | 'id' | 'path' | 'to'>, begin: (label: Running) => Relay) {
    this.kind = which.kind
    this.id = which.id
    this.path = which.path
    this.to = which.to
    this.relay = begin(this)
    for (const state of ['retrying', 'refused'] as const) {
      this.relay.on(state, ({ error }) => {
        this.#error = error && (error instanceof Refused ? error.status : said(error))
      })
    }
    this.relay.on('live', () => {
      this.#error = undefined
    })
  }

  /** Why the last attempt failed, if no later one succeeded. */
  get error(): string | undefined {
    return this.#error
  }

  /** Milliseconds. */
  get sinceMs(): number {
    return performance.now() - this.#startedAt
  }
}

/** Those of one kind that run, by their ids. */
export class RunningTable {
  readonly #kind: Running['kind']
  readonly #running = new Map<string, Running>()
  #begun = 0

  constructor(kind: Running['kind']) {
    this.#kind = kind
  }

  get size(): number {
    return this.#running.size
  }

  [Symbol.iterator](): IterableIterator<Running> {
    return this.#running.values()
  }

  get(id: string): Running | undefined {
    return this.#running.get(id)
  }

  /** Adds one until it ends: see Running. */
  begin(path: string, to: string | undefined, begin: (label: Running) => Relay): Running {
    const running = new Running({ kind: this.#kind, id: `${++this.#begun}`, path, to }, begin)
    this.#running.set(running.id, running)
    running.relay.once('ended', () => this.#running.delete(running.id))
    return running
  }

  /** Settles when all have ended. */
  async ended(): Promise<void> {
    await Promise.all([...this.#running.values()].map(({ relay }) => once(relay, 'ended')))
  }
}
