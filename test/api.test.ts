import { readFileSync, writeFileSync } from 'node:fs'
import t from 'tap'
import { api } from './support/api.ts'

const snapshot = 'test/api.snapshot.txt'

if (process.argv.includes('--write')) writeFileSync(snapshot, api())

t.test('the public names and their signatures are those of the snapshot: npm run api writes it anew', async t => {
  const blocksOf = (text: string) => text.split('\n\n')
  const [before, now] = [readFileSync(snapshot, 'utf8'), api()].map(blocksOf) as [string[], string[]]
  t.ok(now.length > 300)
  t.same(
    { gone: before.filter(block => !now.includes(block)), come: now.filter(block => !before.includes(block)) },
    { gone: [], come: [] }
  )
})
