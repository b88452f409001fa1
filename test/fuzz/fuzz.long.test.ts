import t from 'tap'
import { cut } from '../support/chop.ts'
import { corpus, Dice, drive, mutated } from './fuzzer.ts'
import { coreScript, driveCore } from './rtmfp-core-fuzzer.ts'

const [FIRST, COUNT] = [1000, 5000]

t.test(`${COUNT} mutations of what real clients sent`, async t => {
  const samples = corpus()
  const codes = new Set<string>()
  for (let seed = FIRST; seed < FIRST + COUNT; seed++) {
    const { code, broken } = await drive(mutated(samples, new Dice(seed)), bytes => cut(bytes, seed))
    codes.add(code)
    if (broken !== undefined) t.fail(`seed ${seed}: ${broken}`)
  }
  t.ok(codes.size > 5, `they end in ${codes.size} ways`)
})

t.test('1000 RTMFP sessions whose packets somebody changes, who has their keys', async t => {
  const codes = new Set<string>()
  for (let seed = FIRST; seed < FIRST + 1000; seed++) {
    const { code, broken } = driveCore(coreScript(new Dice(seed)))
    codes.add(code)
    if (broken !== undefined) t.fail(`seed ${seed}: ${broken}`)
  }
  t.ok(codes.size >= 10, `they end in ${codes.size} ways`)
})
