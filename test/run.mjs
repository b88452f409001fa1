// node test/run.mjs [--long] [FILE...]: runs each test file in a process of its own, and passes what they print to the reporter.
// The command tap does this too, but loads its coverage into every Node that a test starts, which then takes twice as much CPU.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import CiReporter from './reporter.mjs'

/** They wait for other programs, sockets and timers half of the time. */
const JOBS = 4
/** Ends what hangs; nothing that is only slow comes near it. */
const HANG_S = 1800

const isLong = process.argv.includes('--long')
const named = process.argv.slice(2).filter(word => word !== '--long')
const all = readdirSync('dist/test', { recursive: true })
  .filter(name => name.endsWith('.test.js') && name.endsWith('.long.test.js') === isLong)
  .sort()
  .map(name => join('dist/test', name))
const files = named.length > 0 ? named : all
const env = { ...process.env, TAP: '1', TAP_TIMEOUT: `${HANG_S}` }
const reporter = new CiReporter()
reporter.pipe(process.stdout)

let count = 0
async function run(file) {
  const begun = performance.now()
  const child = spawn(process.execPath, ['--enable-source-maps', file], {
    env,
    stdio: ['ignore', 'pipe', 'inherit'],
    timeout: HANG_S * 1000,
    killSignal: 'SIGKILL'
  })
  const [said, [exitCode, signal]] = await Promise.all([text(child.stdout), once(child, 'close')])
  const isOk = exitCode === 0
  if (!isOk) process.exitCode = 1
  const result = `${isOk ? 'ok' : 'not ok'} ${++count} - ${file} # time=${performance.now() - begun}ms`
  const why = isOk ? [] : ['  ---', `  exitCode: ${exitCode}`, `  signal: ${signal}`, '  ...']
  reporter.write([`# Subtest: ${file}`, said.trimEnd().replace(/^/gm, '    '), result, ...why, ''].join('\n'))
}

const waiting = files.values()
await Promise.all(
  Array.from({ length: JOBS }, async () => {
    for (const file of waiting) await run(file)
  })
)
reporter.end(`1..${count}\n`)
