import { existsSync, readdirSync, readFileSync } from 'node:fs'
import t from 'tap'
import { cut } from '../support/chop.ts'
import { corpus, Dice, drive, mutated } from './fuzzer.ts'
import { coreScript, driveCore } from './rtmfp-core-fuzzer.ts'
import { drivePackets, mutatedPackets, rtmfpCorpus } from './rtmfp-fuzzer.ts'

const regressions = new URL('../../../test/fuzz/regressions/', import.meta.url)

t.test('what has once broken the server does so no more', async t => {
  for (const name of existsSync(regressions) ? readdirSync(regressions) : []) {
    if (!name.endsWith('.bin')) continue
    const bytes = readFileSync(new URL(name, regressions))
    if (name.startsWith('rtmfp-core-')) {
      t.equal(driveCore(bytes).broken, undefined, name)
      continue
    }
    if (name.startsWith('rtmfp-')) {
      t.equal(drivePackets(bytes).broken, undefined, name)
      continue
    }
    for (const most of [7, 3000, 65_536]) {
      t.equal(
        (await drive(bytes, all => cut(all, Number.parseInt(name, 10), most))).broken,
        undefined,
        `${name}, ${most}`
      )
    }
  }
})

t.test('200 mutations of what real clients sent', async t => {
  const samples = corpus()
  const codes = new Set<string>()
  for (let seed = 1; seed <= 200; seed++) {
    const { code, broken } = await drive(mutated(samples, new Dice(seed)), bytes => cut(bytes, seed))
    codes.add(code)
    if (broken !== undefined) t.fail(`seed ${seed}: ${broken}`)
  }
  t.ok(codes.size > 5, `they end in ${codes.size} ways`)
})

t.test('2000 mutations of the packets of real RTMFP programs', async t => {
  const samples = rtmfpCorpus()
  const codes = new Set<string>()
  for (let seed = 1; seed <= 2000; seed++) {
    const { code, broken } = drivePackets(mutatedPackets(samples, new Dice(seed)))
    codes.add(code)
    if (broken !== undefined) t.fail(`seed ${seed}: ${broken}`)
  }
  t.ok(codes.size >= 5, `they end in ${codes.size} ways`)
})

t.test('60 RTMFP sessions whose packets somebody changes, who has their keys', async t => {
  const codes = new Set<string>()
  for (let seed = 1; seed <= 60; seed++) {
    const { code, broken } = driveCore(coreScript(new Dice(seed)))
    codes.add(code)
    if (broken !== undefined) t.fail(`seed ${seed}: ${broken}`)
  }
  t.ok(codes.size >= 5, `they end in ${codes.size} ways`)
})
