import { setTimeout as sleep } from 'node:timers/promises'
import { type LiveStream, pushLive, readRtmpUrl, splitStreamUrl } from '../index.ts'
import type { Log } from './log.ts'
import { told } from './relay.ts'
import { type Running, RunningTable } from './running.ts'

/** The relays of live streams to other servers, which the API starts. */
export class Relays extends RunningTable {
  readonly #log: Log

  constructor(log: Log) {
    super()
    this.#log = log
  }

  /**
   * Publishes a live stream at the URL of a stream until it ends.
   * @throws TypeError for an invalid URL.
   */
  start(path: string, live: LiveStream, url: string): Running {
    const relay = this.begin(path, serverOf(url), label => pushLive(live, url, { label }))
    void told(relay.relay, 'relay', (event, fields) => this.#log(event, { path, to: relay.to, ...fields }))
    return relay
  }

  /** Ends all, and settles when their servers have heard of it, or after `graceMs`. */
  async stop(graceMs: number): Promise<void> {
    for (const { relay } of this) relay.close()
    await Promise.race([this.ended(), sleep(graceMs, undefined, { ref: false })])
  }
}

/** Scheme, host and port: the rest of a URL, and a user with its password, may be a key. */
function serverOf(url: string): string {
  const { scheme, host, port } = readRtmpUrl(splitStreamUrl(url).url)
  return `${scheme}://${host.includes(':') ? `[${host}]` : host}${port === undefined ? '' : `:${port}`}`
}
