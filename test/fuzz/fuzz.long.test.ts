import t from 'tap'
import { cut } from '../support/chop.ts'
import { corpus, Dice, drive, mutated } from './fuzzer.ts'

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
