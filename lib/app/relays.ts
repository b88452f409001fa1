import { setTimeout as sleep } from 'node:timers/promises'
import { type LiveStream, pushLive, readRtmpUrl, redactedUrl, splitStreamUrl } from '../index.ts'
import type { Log } from './log.ts'
import { told } from './relay.ts'
import { type Running, RunningTable } from './running.ts'

/** The relays of live streams to other servers, which the API starts. */
export class Relays extends RunningTable {
  readonly #log: Log

  constructor(log: Log) {
    super('relay')
    this.#log = log
  }

  /**
   * Publishes a live stream at the URL of a stream until it ends.
   * @throws TypeError for an invalid URL.
   */
  start(path: string, live: LiveStream, url: string): Running {
    const to = serverOf(url)
    const relay = this.begin(path, to, label => pushLive(live, url, { label }))
    const discreet = without(splitStreamUrl(url).name)
    void told(relay.relay, 'relay', (event, { message, ...fields } = {}) =>
      this.#log(event, { path, to, message: discreet(`${message}`), ...fields })
    )
    return relay
  }

  /** Ends all, and settles when their servers are informed, or after `graceMs`. */
  async stop(graceMs: number): Promise<void> {
    for (const { relay } of this) relay.close()
    await Promise.race([this.ended(), sleep(graceMs, undefined, { ref: false })])
  }
}

/** A refusal of a server may contain the name of the stream, which is a key. */
const without = (name: string) => (message: string) =>
  [name, name.split('?')[0]!].filter(Boolean).reduce((text, key) => text.replaceAll(key, '…'), message)

/** Scheme, host and port: the rest of a URL may be a key. */
function serverOf(url: string): string {
  // a part of a password that is not escaped may look like a host
  if (url.includes('@')) return redactedUrl(url)
  const { scheme, host, port } = readRtmpUrl(splitStreamUrl(url).url)
  return `${scheme}://${host.includes(':') ? `[${host}]` : host}${port === undefined ? '' : `:${port}`}`
}
