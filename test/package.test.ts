import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { dirname, join, normalize } from 'node:path'
import t from 'tap'

/** What is in the package, as whoever installs it finds it. */
const pack = ['pack', '--dry-run', '--json', '--ignore-scripts']
const [{ files }] = JSON.parse(execFileSync('npm', pack, { encoding: 'utf8' }))
const paths = new Set<string>(files.map(({ path }: { path: string }) => path))

t.test('its links lead to what is in it', async t => {
  for (const path of paths) {
    if (!path.endsWith('.md')) continue
    const links = [...readFileSync(path, 'utf8').matchAll(/\]\(([^)#:]+)(?:#[^)]*)?\)/g)]
    for (const [, link] of links) {
      t.ok(paths.has(normalize(join(dirname(path), link!))), `${path}: ${link}`)
    }
  }
})

t.test('no declaration imports a default, which needs esModuleInterop in a CommonJS project', async t => {
  for (const path of paths) {
    if (!path.endsWith('.d.ts')) continue
    t.notMatch(readFileSync(path, 'utf8'), /^import (type )?\w+ from/m, path)
  }
})
