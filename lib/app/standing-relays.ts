import type { LiveStream, LiveStreams } from '../index.ts'
import type { Relays } from './relays.ts'
import type { Running } from './running.ts'

/** A relay of a configuration: the stream at `path` is published at the URL `to` while it is published here. */
export interface StandingRelay {
  readonly path: string
  readonly to: string
}

/** Starts relays with their streams. */
export class StandingRelays {
  readonly #lives: LiveStreams
  readonly #relays: Relays
  readonly #running = new Map<string, { live: LiveStream; running: Running }>()
  #wanted: readonly StandingRelay[] = []

  constructor(lives: LiveStreams, relays: Relays) {
    this.#lives = lives
    this.#relays = relays
    lives.on('publish', (path, live) => this.#begin(path, live))
  }

  /** Replaces the list: relays that are not in it end, and those of published streams begin. */
  set wanted(wanted: readonly StandingRelay[]) {
    const keys = new Set(wanted.map(keyOf))
    for (const [key, { running }] of this.#running) {
      if (keys.has(key)) continue
      this.#running.delete(key)
      running.relay.close()
    }
    this.#wanted = wanted
    for (const [path, live] of this.#lives) if (live.isPublished) this.#begin(path, live)
  }

  #begin(path: string, live: LiveStream): void {
    for (const each of this.#wanted) {
      const key = keyOf(each)
      // one of a stream that is over may be about to end
      if (each.path !== path || this.#running.get(key)?.live === live) continue
      const begun = { live, running: this.#relays.start(path, live, each.to) }
      this.#running.set(key, begun)
      begun.running.relay.once('ended', () => {
        if (this.#running.get(key) === begun) this.#running.delete(key)
      })
    }
  }
}

const keyOf = ({ path, to }: StandingRelay): string => `${path}\n${to}`
