import { fileURLToPath } from 'node:url'
import t from 'tap'
import { Program } from '../support/programs.ts'

const ROUNDS = 400

t.test(`49 days in ${ROUNDS} rounds: nothing is lost, nothing grows, nothing is left behind`, async t => {
  const soak = fileURLToPath(new URL('soak.js', import.meta.url))
  const program = new Program(t, process.execPath, [soak, '--rounds', `${ROUNDS}`])
  const { code } = await program.ends()
  for (const line of program.said.trimEnd().split('\n')) t.comment(line)
  t.equal(code, 0, program.said.match(/WRONG.*/g)?.join('\n') ?? 'it was whole')
})
