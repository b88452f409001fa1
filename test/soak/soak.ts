/**
 * A soak: publishers, players, proxies and a recorder in one process, some that stay and many that come and go, on a clock that is
 * driven through 49 days, past 2^24, 2^31 and 2^32 ms. Those that stay lose nothing; at the end memory is at most 1.2 times what it
 * was at a tenth of the run, and nothing is left when all have gone. `npm run soak -- --minutes 30`, or `--rounds 300`, which is as
 * much on a slow machine as on a fast one.
 */
import { setTimeout as sleep, setImmediate as turnOfTheLoop } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { alive } from '../support/memory.ts'
import { House, oneRound } from './house.ts'

const { values } = parseArgs({ options: { minutes: { type: 'string', default: '1' }, rounds: { type: 'string' } } })
for (const [name, value] of Object.entries(values)) {
  if (!(Number(value) > 0)) throw new RangeError(`--${name} is a positive number, not ${value}`)
}

const GROWTH = 1.2
const MIB = 2 ** 20
/** Where counters of time have once been found to break, and a little more than the last of them. */
const EDGES = [2 ** 24, 2 ** 31, 2 ** 32]
const END_MS = 1.1 * 2 ** 32
/** No longer silence than this: half of what serial numbers of 32 bits can tell apart. */
const MAX_JUMP_MS = 2 ** 30

const wrong: string[] = []
const say = (...cells: (string | number)[]): void => {
  process.stdout.write(`${cells.map(cell => String(cell).padStart(12)).join('')}\n`)
}
for (const event of ['uncaughtException', 'unhandledRejection'] as const) {
  process.on(event, thrown => wrong.push(`${event}: ${(thrown as Error)?.stack}`))
}

/** Handles that are open, by their kinds. */
const handles = (): string => process.getActiveResourcesInfo().sort().join()

interface Row {
  readonly alive: number
  readonly handles: string
  readonly timers: number
}

say('seconds', 'days', 'rounds', 'came', 'MiB', 'handles', 'timers', 'sessions')
await sleep(100)
// Node opens it when it is first needed, and it may be a pipe
void process.stderr
const atStart = handles()
const begun = performance.now()
const house = await new House().open()
let rounds = 0
/** How much of the run is over, 0 to 1. */
const elapsed = (): number =>
  values.rounds === undefined
    ? (performance.now() - begun) / (Number(values.minutes) * 60_000)
    : rounds / Number(values.rounds)

const rows: Row[] = []
while (elapsed() < 1 || house.clock.now() < 2 ** 32) {
  await oneRound(house)
  rounds++
  if (elapsed() >= (rows.length + 1) / 10) rows.push(await look())
  // over to the next moment; an edge of time is always passed amid a round
  const now = house.clock.now()
  const next = Math.min(now + MAX_JUMP_MS, Math.max(now, elapsed() * END_MS))
  const edge = EDGES.find(each => each > now)
  house.clock.pass((edge !== undefined && next >= edge - 100 ? Math.max(now, edge - 100) : next) - now)
}
if (rows.length < 10) rows.push(await look())

async function look(): Promise<Row> {
  await house.settles()
  // what is freed a moment later is not held
  let least = Number.POSITIVE_INFINITY
  for (let i = 0; i < 5; i++) {
    await sleep(20)
    least = Math.min(least, alive())
  }
  const row = { alive: least, handles: handles(), timers: house.clock.timers }
  const days = (house.clock.now() / 86_400_000).toFixed(1)
  const mib = (row.alive / MIB).toFixed(2)
  const count = row.handles.split(',').length
  say(((performance.now() - begun) / 1000).toFixed(0), days, rounds, house.came, mib, count, row.timers, house.sessions)
  return row
}

const [first, last] = [rows[0]!, rows.at(-1)!]
const grown = last.alive / first.alive
if (grown > GROWTH) wrong.push(`memory has grown to ${grown.toFixed(2)} times what it was at a tenth of the run`)
if (last.handles !== first.handles) wrong.push(`handles were ${first.handles}, and are ${last.handles}`)
if (last.timers !== first.timers) wrong.push(`timers were ${first.timers}, and are ${last.timers}`)
wrong.push(...house.wrong)

await house.close()
for (let looks = 0; looks < 200 && (handles() !== atStart || house.clock.timers > 0); looks++) {
  house.clock.pass(1000)
  await turnOfTheLoop()
  await sleep(20)
}
// the sleep above is over, and is none of them
if (handles() !== atStart) wrong.push(`left behind: ${handles()}; at the start there were ${atStart || 'none'}`)
if (house.clock.timers > 0) wrong.push(`${house.clock.timers} timers are left behind`)
if (house.left > 0) wrong.push(`${house.left} streams and sessions are left behind`)

say(`${rounds} rounds, ${house.came} came and went, ${grown.toFixed(2)} times the memory`)
for (const each of wrong) process.stdout.write(`WRONG ${each}\n`)
process.exit(wrong.length === 0 ? 0 : 1)
