import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Server, ServerSession } from '../index.ts'
import type { Log } from './log.ts'

/** Milliseconds that clients have to leave. An encoder leaves at its next keyframe, which some send every ten seconds. */
const DRAIN_MS = 15_000

/**
 * Asks each client that can to reconnect to another server, at its own app (Enhanced RTMP v2, "Reconnect Request"). Settles when these
 * have left, or after `drainMs`. The other clients are not told, and continue meanwhile.
 */
export async function drain(server: Server, to: string, log: Log, drainMs: number = DRAIN_MS): Promise<void> {
  const asked = [...server.sessions].filter(session => ask(session, to))
  log('draining', { to, message: `${asked.length} of ${server.sessions.size} connections asked to reconnect` })
  const left = Promise.all(asked.map(session => session.closed || once(session, 'close')))
  const waited = new AbortController()
  await Promise.race([left, sleep(drainMs, undefined, { signal: waited.signal })])
  waited.abort()
}

function ask(session: ServerSession, to: string): boolean {
  const { connection } = session
  if (connection === undefined) return false
  // the app with its query, as the client knows it: the path of its tcUrl
  const path = /^[a-z]+:\/\/[^/]*(\/.*)?$/is.exec(connection.tcUrl)?.[1] ?? `/${connection.app}`
  return session.requestReconnect({ tcUrl: `${to}${path}`, description: 'server ends' })
}
