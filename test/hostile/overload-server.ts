/**
 * The server that overload.long.test.ts loads, in a process of its own so that its memory and its loop are its own: the README's, with a
 * count of what it holds. Over IPC it says its port, and answers each `'look'` with a Look.
 */
import type { AddressInfo } from 'node:net'
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { pipeline } from 'node:stream'
import { createServer, LiveStreams, MemoryBudget } from 'rtmpipe'
import { alive } from '../support/memory.ts'

/** How the server is, after garbage was collected. */
export interface Look {
  readonly alive: number
  readonly sessions: number
  readonly lives: number
  /** Messages that were published, by path. */
  readonly published: Readonly<Record<string, number>>
  /** How often each code has ended a session. */
  readonly errors: Readonly<Record<string, number>>
  /** Milliseconds the loop was late, the 99th of a hundred and the worst, since the last look. */
  readonly delay: { readonly p99: number; readonly max: number }
}

const [handshakeMs = 10_000, stallMs = 30_000, budgetBytes = 0] = process.argv.slice(2).map(Number)
const budget = budgetBytes > 0 ? { budget: new MemoryBudget(budgetBytes) } : {}
const lives = new LiveStreams({ holdMs: 100, ...budget })
const published: Record<string, number> = {}
const errors: Record<string, number> = {}

const server = createServer({ limits: { handshakeMs, stallMs }, ...budget }, session => {
  session.on('publish', publish => {
    const messages = publish.accept()
    const { path } = publish
    pipeline(messages, lives.get(path).input(), () => {})
    messages.on('data', () => {
      published[path] = (published[path] ?? 0) + 1
    })
  })
  session.on('play', async play => pipeline(await lives.play(play.path), play.accept(), () => {}))
})
server.on('sessionError', ({ code }: NodeJS.ErrnoException) => {
  errors[code ?? 'none'] = (errors[code ?? 'none'] ?? 0) + 1
})

const delay = monitorEventLoopDelay({ resolution: 5 })
delay.enable()
process.on('message', () => {
  const late = { p99: delay.percentile(99) / 1e6, max: delay.max / 1e6 }
  const look = { alive: alive(), sessions: server.sessions.size, lives: lives.size, published, errors, delay: late }
  process.send?.(look satisfies Look)
  delay.reset()
})
process.on('disconnect', () => process.exit(0))
server.listen(0, '127.0.0.1', () => process.send?.((server.address() as AddressInfo).port))
