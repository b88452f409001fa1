import { type DialOptions, type Gap, LiveStream, pullLive, pushLive, type Relay, type Retry } from '../index.ts'
import { type Log, said } from './log.ts'
import { Progress } from './progress.ts'

export interface RelayOptions {
  /** Aborted to end it: each destination is informed. */
  signal: AbortSignal
  /** Wait without limit for a source that has ended, instead of ten minutes: false. */
  forever?: boolean
  /** Receives the progress line, if anything does. */
  write?: ((text: string) => void) | undefined
  /** How to connect to the servers. */
  dial?: Pick<DialOptions, 'tls'>
  /** Whether timestamps are repaired: true. */
  mend?: boolean
}

/** Milliseconds that a source may be away: an encoder restarts, a camera is moved. */
const AWAY_MS = 600_000
/** The longest retry delay for a source, in milliseconds. */
const MAX_RETRY_MS = 5_000

/**
 * Plays one stream and publishes it to each destination. It ends with a recording, and when a live source has been away
 * for ten minutes, unless `forever`. Failures are retried. While the source is away the stream ends at the
 * destinations; they receive it again when the source is back.
 */
export async function relay(
  from: string,
  to: readonly string[],
  log: Log,
  { signal, forever = false, mend = true, write, dial }: RelayOptions
): Promise<void> {
  const live = new LiveStream({ mend })
  const progress = new Progress({ write })
  progress.resume()
  const awayMs = forever ? Number.POSITIVE_INFINITY : AWAY_MS
  const source = pullLive(from, live, { ...dial, awayMs, maxRetryMs: MAX_RETRY_MS })
  const pulling = told(source, 'from', log)
  const isOver = () => source.state === 'ended'
  /** A push ends with the stream, each time that the source is away. */
  const publish = async (url: string, name: string) => {
    while (!isOver()) {
      const each = pushLive(live, url, dial)
      each.on('gap', ({ messages }: Gap) => progress.countDropped(messages))
      await told(each, name, log)
    }
  }
  const count = async () => {
    while (!isOver()) for await (const message of live.subscribe()) progress.write(message)
    progress.end()
  }
  const all = [count(), ...to.map((url, i) => publish(url, `to ${i + 1}`))]
  signal.addEventListener('abort', () => source.close(), { once: true })
  await pulling
  live.end()
  await Promise.all(all)
}

/** Logs the states of a relay, without its URL, which may contain a key; settles when it has ended. */
export function told(each: Relay, name: string, log: Log): Promise<void> {
  each.on('live', () => log(name, { message: 'live' }))
  each.on('gap', ({ ms }: Gap) => log(name, { message: 'fell behind, skipped', ms }))
  for (const state of ['retrying', 'refused'] as const) {
    each.on(state, ({ error, ms }: Retry) => {
      const why = error === undefined ? 'ended' : said(error)
      log(name, { message: `${state === 'retrying' ? `${state}: ` : ''}${why}; retry in ${ms} ms` })
    })
  }
  return new Promise(resolve =>
    each.once('ended', () => {
      log(name, { message: 'ended' })
      resolve()
    })
  )
}
