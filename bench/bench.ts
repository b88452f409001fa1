/**
 * What serving costs, beside what others take for the same: see README.md. `npm run bench -- --quick`, `--rows fan-out,ingest`,
 * `--reps 3`, `--json FILE`, `--nms2 FOLDER`, `--nms4 FOLDER`.
 */
import { writeFileSync } from 'node:fs'
import { cpus } from 'node:os'
import { parseArgs } from 'node:util'
import { build, has, spin } from './lab.ts'
import type { Result } from './result.ts'
import { rows } from './rows.ts'

const { values } = parseArgs({
  options: {
    rows: { type: 'string', default: '' },
    reps: { type: 'string', default: '1' },
    quick: { type: 'boolean', default: false },
    json: { type: 'string' },
    nms2: { type: 'string' },
    nms4: { type: 'string' }
  }
})
const wanted = values.rows.split(',').filter(name => name !== '')
const course = {
  reps: Number(values.reps),
  seconds: values.quick ? 4 : 10,
  // until V8 has compiled what is hot, and let go of what came up with a thousand players: 2 s were no more than its warming up
  warmSeconds: 20,
  isQuick: values.quick,
  nms2: values.nms2 ?? process.env.RTMPIPE_NMS2,
  nms4: values.nms4 ?? process.env.RTMPIPE_NMS4
}

const say = (line: string) => process.stdout.write(`${line}\n`)
const cells = (...words: string[]) => say(`| ${words.join(' | ')} |`)

const missing = ['taskset', 'ffmpeg'].filter(command => !has(command))
if (process.platform !== 'linux') missing.push('Linux, where /proc tells what a process takes')
const isBuilt = missing.length === 0 && build()
if (!isBuilt && missing.length === 0) missing.push('g++ and gcc')
if (!isBuilt) say(`Only what needs no load tool is measured, for there is no ${missing.join(', ')}.\n`)

const results: (Result & { row: string })[] = []
const stopSpinning = isBuilt ? spin(3600) : async () => {}
say(`${new Date().toISOString().slice(0, 10)}, ${cpus()[0]!.model}, ${cpus().length} cores, Node ${process.version}\n`)
cells('row', 'what', 'ours', 'against', 'theirs', 'ratio', 'target')
cells(...Array(7).fill('---'))
for (const row of rows) {
  if (wanted.length > 0 && !wanted.some(name => row.name.startsWith(name))) continue
  if (row.needsTools && !isBuilt) continue
  try {
    for await (const result of row.measure(course)) {
      results.push({ row: row.name, ...result })
      const { what, ours, against = '', theirs = '', ratio = '', target = '' } = result
      cells(row.name, what, ours, against, theirs, ratio, target)
    }
  } catch (error) {
    cells(row.name, `failed: ${(error as Error).message}`, '', '', '', '', '')
    process.exitCode = 1
  }
}
await stopSpinning()
if (values.json !== undefined) writeFileSync(values.json, `${JSON.stringify(results, null, 2)}\n`)
