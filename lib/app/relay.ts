import { LiveStream, pull, push, type Relay, type Retry } from '../index.ts'
import type { Log } from './log.ts'

/** Plays one stream and publishes it at each of the others, until it is over; whoever fails is tried again. */
export async function relay(from: string, to: readonly string[], log: Log, signal: AbortSignal): Promise<void> {
  const live = new LiveStream()
  const pushes = to.map((url, i) => told(push(live, url), `to ${i + 1}`, log))
  const source = pull(from, live)
  const pulling = told(source, 'from', log)
  signal.addEventListener('abort', () => source.close(), { once: true })
  await pulling
  live.end()
  await Promise.all(pushes)
}

/** Tells of a relay's states, without its URL, which may have a key in it; settles when it has ended. */
function told(each: Relay, name: string, log: Log): Promise<void> {
  each.on('live', () => log(name, { message: 'live' }))
  for (const state of ['retrying', 'refused'] as const) {
    each.on(state, ({ error, ms }: Retry) => log(name, { message: `${state}: ${error?.message}; again in`, ms }))
  }
  return new Promise(resolve =>
    each.once('ended', () => {
      log(name, { message: 'ended' })
      resolve()
    })
  )
}
