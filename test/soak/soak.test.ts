import { fileURLToPath } from 'node:url'
import t from 'tap'
import { Program } from '../support/programs.ts'

/** Long runs are for CI, and for the days ahead of a release: `RTMPIPE_SOAK_MINUTES=3`. */
const minutes = Number(process.env.RTMPIPE_SOAK_MINUTES ?? 0.2)
t.setTimeout((minutes * 2 + 1) * 60_000)

t.test(`49 days in ${minutes} minutes: nothing is lost, nothing grows, nothing is left behind`, async t => {
  const program = new Program(t, process.execPath, [
    fileURLToPath(new URL('soak.js', import.meta.url)),
    '--minutes',
    `${minutes}`
  ])
  const { code } = await program.ends()
  for (const line of program.said.trimEnd().split('\n')) t.comment(line)
  t.equal(code, 0, program.said.match(/WRONG.*/g)?.join('\n') ?? 'it was whole')
})
