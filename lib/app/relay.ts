import { pipeline } from 'node:stream'
import { type DialOptions, type Gap, LiveStream, pull, push, type Relay, type Retry } from '../index.ts'
import type { Log } from './log.ts'
import { Progress } from './progress.ts'

export interface RelayOptions {
  /** Aborted to end it: each destination hears of it. */
  signal: AbortSignal
  /** Where a line of progress goes, if anywhere. */
  write?: ((text: string) => void) | undefined
  /** How to go to the servers. */
  dial?: Pick<DialOptions, 'tls'>
}

/** Plays one stream and publishes it at each of the others, until it is over; whoever fails is tried again. */
export async function relay(
  from: string,
  to: readonly string[],
  log: Log,
  { signal, write, dial }: RelayOptions
): Promise<void> {
  const live = new LiveStream()
  const progress = new Progress({ write })
  pipeline(live.subscribe(), progress, () => {})
  progress.resume()
  const pushes = to.map((url, i) => {
    const each = push(live, url, dial)
    each.on('gap', ({ messages }: Gap) => progress.countDropped(messages))
    return told(each, `to ${i + 1}`, log)
  })
  const source = pull(from, live, dial)
  const pulling = told(source, 'from', log)
  signal.addEventListener('abort', () => source.close(), { once: true })
  await pulling
  live.end()
  await Promise.all(pushes)
}

/** Tells of a relay's states, without its URL, which may have a key in it; settles when it has ended. */
function told(each: Relay, name: string, log: Log): Promise<void> {
  each.on('live', () => log(name, { message: 'live' }))
  each.on('gap', ({ ms }: Gap) => log(name, { message: 'lags, and leaves out', ms }))
  for (const state of ['retrying', 'refused'] as const) {
    each.on(state, ({ error, ms }: Retry) => log(name, { message: `${state}: ${error?.message}; again in ${ms} ms` }))
  }
  return new Promise(resolve =>
    each.once('ended', () => {
      log(name, { message: 'ended' })
      resolve()
    })
  )
}
