/**
 * A fuzzer of the whole server: mutations of what real clients sent, until the time is over. What breaks it is kept in
 * test/fuzz/regressions, which fuzz.test.ts plays from then on. `npm run fuzz -- --seconds 60 --seed 1`. With `--target rtmfp`
 * it is the codecs and flows of RTMFP that take mutations of packets, with `--target rtmfp-core` its sessions, in which somebody who
 * has the keys changes what is said.
 */
import { mkdirSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { cut } from '../support/chop.ts'
import { alive } from '../support/memory.ts'
import { corpus, Dice, drive, mutated, type Outcome } from './fuzzer.ts'
import { coreScript, driveCore } from './rtmfp-core-fuzzer.ts'
import { drivePackets, mutatedPackets, rtmfpCorpus } from './rtmfp-fuzzer.ts'

const { values } = parseArgs({
  options: {
    seconds: { type: 'string', default: '10' },
    seed: { type: 'string', default: '1' },
    target: { type: 'string', default: 'server' }
  }
})
const regressions = fileURLToPath(new URL('../../../test/fuzz/regressions/', import.meta.url))
/** Bytes that may be more alive at the end than when all was warm. */
const GROWTH = 32 * 1024 * 1024
const WARM = 500

/** What is fuzzed: bytes that dice make, what becomes of them, and the begin of the names that they are kept by. */
interface Target {
  readonly samples: number
  readonly prefix: string
  make(dice: Dice): Buffer
  drive(bytes: Buffer, dice: Dice): Outcome | Promise<Outcome>
}

const targets: Record<string, () => Target> = {
  server: () => {
    const samples = corpus()
    const cuts = (dice: Dice) => {
      const most = dice.of([7, 100, 3000, 65_536])
      return (bytes: Buffer) => cut(bytes, seed, most)
    }
    const make = (dice: Dice) => mutated(samples, dice)
    return { samples: samples.length, prefix: '', make, drive: (bytes, dice) => drive(bytes, cuts(dice)) }
  },
  rtmfp: () => {
    const samples = rtmfpCorpus()
    const make = (dice: Dice) => mutatedPackets(samples, dice)
    return { samples: samples.length, prefix: 'rtmfp-', make, drive: drivePackets }
  },
  'rtmfp-core': () => ({ samples: 0, prefix: 'rtmfp-core-', make: coreScript, drive: driveCore })
}

const chosen = targets[values.target]
if (chosen === undefined) throw new TypeError(`--target must be one of ${Object.keys(targets).join(', ')}`)
const target = chosen()
const codes = new Map<string, number>()
const end = performance.now() + Number(values.seconds) * 1000
let seed = Number(values.seed)
let executions = 0
let breaks = 0
let slowest = { ms: 0, seed: 0, bytes: 0 }
let warm = 0

function keep(why: string, bytes: Buffer): void {
  breaks++
  mkdirSync(regressions, { recursive: true })
  writeFileSync(`${regressions}${target.prefix}${seed}.bin`, bytes)
  process.stdout.write(`seed ${seed}: ${why.slice(0, 600)}\n`)
}

let current: Buffer = Buffer.alloc(0)
for (const event of ['uncaughtException', 'unhandledRejection'] as const) {
  process.on(event, thrown => keep(`${event} ${(thrown as Error)?.stack}`, current))
}

for (; performance.now() < end; seed++) {
  const dice = new Dice(seed)
  current = target.make(dice)
  const begun = performance.now()
  const { code, broken } = await target.drive(current, dice)
  const ms = performance.now() - begun
  if (ms > slowest.ms) slowest = { ms: Math.round(ms), seed, bytes: current.length }
  codes.set(code, (codes.get(code) ?? 0) + 1)
  if (broken !== undefined) keep(broken, current)
  if (++executions === WARM) warm = alive()
}

const growth = executions > WARM ? alive() - warm : 0
if (growth > GROWTH) breaks++
process.stdout.write(
  `${executions} executions of ${target.samples} samples, ${codes.size} ways to end, ${breaks} breaks, ${(growth / 2 ** 20).toFixed(1)} MiB grown\n`
)
for (const [code, count] of [...codes].sort(([, a], [, b]) => b - a))
  process.stdout.write(`${String(count).padStart(8)} ${code}\n`)
process.stdout.write(`slowest: seed ${slowest.seed}, ${slowest.ms} ms for ${slowest.bytes} bytes\n`)
process.exit(breaks === 0 ? 0 : 1)
