import { spawnSync } from 'node:child_process'
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import t from 'tap'
import { generatedPages } from './support/docs.ts'

const docs = readdirSync('docs').map(name => `docs/${name}`)

t.test('the tables of limits and errors are those of the source: npm run docs writes them', async t => {
  for (const [path, text] of generatedPages()) t.equal(readFileSync(path, 'utf8'), text, path)
})

t.test('prose is at most 100 characters a line, tables and code aside', async t => {
  for (const path of [...docs, ...readdirSync('.').filter(name => name.endsWith('.md'))]) {
    const prose = readFileSync(path, 'utf8').replace(/^```.*?^```$/gms, code => code.replace(/[^\n]/g, ''))
    const long = prose.split('\n').flatMap((line, i) => (line.length > 100 && !line.startsWith('|') ? [i + 1] : []))
    t.same(long, [], path)
  }
})

/** A block of TypeScript, with what a hidden comment above it takes as given. */
const SNIPPET = /(?:<!-- given: ([\s\S]*?)-->\n)?```ts\n([\s\S]*?)\n```/g

/** The public names by lib/index.ts, types included. */
const names = [...readFileSync('dist/lib/index.d.ts', 'utf8').matchAll(/^export (?:type )?\{([^}]*)\}/gm)]
  .flatMap(([, list]) => list!.split(','))
  .map(name => name.replace(/\btype\b/, '').trim())
  .filter(Boolean)

/** A module of its own: what it uses of the package is imported, unless it says so itself. */
function moduleOf(code: string, given: string): string {
  if (/from 'rtmpipe'/.test(code)) return `${given}\n${code}\nexport {}\n`
  const all = `${given}\n${code}`
  const own = new Set(
    [...all.matchAll(/\b(?:const|let|function|class) (\w+)|, (\w+):/g)].map(found => found[1] ?? found[2])
  )
  const imported = names.filter(name => new RegExp(`\\b${name}\\b`).test(all) && !own.has(name))
  return `import { ${imported.join(', ')} } from 'rtmpipe'\n${given}\n${code}\nexport {}\n`
}

t.test('each snippet compiles against what the package declares', async t => {
  const home = 'dist/snippets'
  rmSync(home, { recursive: true, force: true })
  mkdirSync(home, { recursive: true })
  let count = 0
  for (const path of ['README.md', 'SECURITY.md', 'ARCHITECTURE.md', ...docs]) {
    for (const [i, [, given = '', code]] of [...readFileSync(path, 'utf8').matchAll(SNIPPET)].entries()) {
      writeFileSync(`${home}/${path.replace(/\W/g, '-')}-${i + 1}.ts`, moduleOf(code!, given))
      count++
    }
  }
  t.ok(count > 20)
  const config = {
    extends: '../../tsconfig.json',
    compilerOptions: { rootDir: '.', noEmit: true, verbatimModuleSyntax: false, noUnusedLocals: false },
    include: ['*.ts'],
    exclude: []
  }
  writeFileSync(`${home}/tsconfig.json`, JSON.stringify(config))
  t.equal(compiled(home), '')
})

/** The compiler's messages. tap's loader, which every child inherits by its environment, cannot load the compiler. */
function compiled(project: string): string {
  const { stdout, stderr, status } = spawnSync('env', ['-u', 'NODE_OPTIONS', 'npx', 'tsc', '-p', project], {
    encoding: 'utf8'
  })
  return status === 0 ? '' : `${stdout}${stderr}`
}
