import { spawnSync } from 'node:child_process'
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import t from 'tap'
import { generatedPages } from './support/docs.ts'

const docs = readdirSync('docs')
  .filter(name => name.endsWith('.md'))
  .map(name => `docs/${name}`)

/** Programs; the files that one of them serves are beside. */
const exampleNames = readdirSync('examples').filter(name => name.endsWith('.ts'))

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

/** What the `@example` of a docstring may take as given, for it cannot hide a comment. */
const GIVEN = {
  bytes: 'Buffer',
  chunk: 'Chunk',
  client: 'ClientSession',
  command: 'Command',
  decoder: 'ChunkDecoder',
  description: 'string',
  live: 'LiveStream',
  lives: 'LiveStreams',
  message: 'Message',
  messages: 'Message[]',
  publish: 'Publish',
  report: '(error?: Error | null) => void',
  response: "import('node:http').ServerResponse",
  server: 'Server',
  socket: "import('node:net').Socket",
  wire: 'Wire'
}
const FROM_NODE = `
import { createReadStream, createWriteStream, readFileSync } from 'node:fs'
import { pipeline } from 'node:stream'`

interface Entry {
  /** `rtmpipe/inspect` */
  readonly name: string
  /** Its public names, types included. */
  readonly names: readonly string[]
  /** Its public names at run time. */
  readonly values: readonly string[]
}

const { exports } = JSON.parse(readFileSync('package.json', 'utf8'))
const entries: Entry[] = await Promise.all(
  Object.entries<{ types?: string }>(exports).flatMap(([path, { types }]) =>
    types === undefined ? [] : [entryOf(path.replace(/^\./, 'rtmpipe'), types)]
  )
)

async function entryOf(name: string, types: string): Promise<Entry> {
  const lists = [...readFileSync(types, 'utf8').matchAll(/^export (?:type )?\{([^}]*)\}/gm)]
  const names = lists.flatMap(([, list]) => list!.split(',')).map(each => each.replace(/\btype\b/, '').trim())
  return { name, names: names.filter(Boolean), values: Object.keys(await import(name)) }
}

/** The imports of what a snippet uses of the package and does not declare itself. */
function importsFor(code: string): string {
  const declared = [...code.matchAll(/\b(?:const|let|function|class) (\w+)|, (\w+):/g)]
  const imported = [...code.matchAll(/^import \{ (.*) \} from 'rtmpipe\//gm)]
  const own = new Set([
    ...declared.map(found => found[1] ?? found[2]),
    ...imported.flatMap(([, names]) => names!.split(', '))
  ])
  return entries
    .map(({ name, names }) => {
      const used = names.filter(each => new RegExp(`\\b${each}\\b`).test(code) && !own.has(each))
      return `import { ${used.join(', ')} } from '${name}'`
    })
    .join('\n')
}

/** A module of its own: what it uses of the package is imported, unless it says so itself. */
function moduleOf(code: string, given: string): string {
  const imports = /from 'rtmpipe'/.test(code) ? '' : importsFor(`${given}\n${code}`)
  return `${imports}\n${given}\n${code}\nexport {}\n`
}

/** The code of each page, with what it takes as given. */
const snippets = ['README.md', 'SECURITY.md', 'ARCHITECTURE.md', ...docs].flatMap(path =>
  [...readFileSync(path, 'utf8').matchAll(SNIPPET)].map(([, given = '', code], i) => ({
    name: `${path.replace(/\W/g, '-')}-${i + 1}`,
    given,
    code: code!
  }))
)

/** Each `@example` of a docstring. */
const examples = readdirSync('lib', { recursive: true, encoding: 'utf8' })
  .filter(path => path.endsWith('.ts'))
  .flatMap(path =>
    [...readFileSync(join('lib', path), 'utf8').matchAll(/^ *\* @example\n *\* ```ts\n([\s\S]*?)\n *\* ```/gm)].map(
      ([, lines], i) => {
        const code = lines!.replace(/^ *\* ?/gm, '')
        const given = Object.entries(GIVEN)
          .filter(([name]) => new RegExp(`(?<![.\\w])${name}\\b`).test(code))
          .filter(([name]) => !new RegExp(`const ${name}\\b`).test(code))
        const declared = given.map(([name, type]) => `declare const ${name}: ${type}`).join('\n')
        return { name: `lib-${path.replace(/\W/g, '-')}-${i + 1}`, given: `${FROM_NODE}\n${declared}`, code }
      }
    )
  )

t.test('each snippet and each @example compiles against what the package declares', async t => {
  const home = 'dist/snippets'
  rmSync(home, { recursive: true, force: true })
  mkdirSync(home, { recursive: true })
  t.ok(snippets.length > 20)
  t.ok(examples.length > 50)
  for (const { name, given, code } of [...snippets, ...examples]) {
    writeFileSync(`${home}/${name}.ts`, moduleOf(code, given))
  }
  const config = {
    extends: '../../tsconfig.json',
    compilerOptions: { rootDir: '.', noEmit: true, verbatimModuleSyntax: false, noUnusedLocals: false },
    include: ['*.ts'],
    exclude: []
  }
  writeFileSync(`${home}/tsconfig.json`, JSON.stringify(config))
  t.equal(compiled(home), '')
})

t.test('docs/README.md lists each page', async t => {
  const index = readFileSync('docs/README.md', 'utf8')
  for (const path of docs) if (path !== 'docs/README.md') t.ok(index.includes(`](${basename(path)})`), path)
})

t.test('each example is linked from a page', async t => {
  const pages = ['README.md', ...docs].map(path => readFileSync(path, 'utf8')).join('\n')
  for (const name of exampleNames) t.ok(pages.includes(`examples/${name})`), name)
})

t.test('every public function, class and constant is in an example, a snippet or an @example', async t => {
  const programs = exampleNames.map(name => readFileSync(`examples/${name}`, 'utf8'))
  const code = [
    ...programs.map(text => text.replace(/^\/\*\*.*?\*\//s, '')),
    ...[...snippets, ...examples].map(({ code }) => code)
  ].join('\n')
  const isUsed = (name: string) => new RegExp(`\\b${name}\\b`).test(code)
  for (const { name, values } of entries) {
    // a class is shown by its factory: chunkDecoder(), createServer()
    const factories = (value: string) => [value, value[0]!.toLowerCase() + value.slice(1), `create${value}`]
    t.same(
      values.filter(value => !factories(value).some(isUsed)),
      [],
      name
    )
  }
})

/** The compiler's messages. tap's loader, which every child inherits by its environment, cannot load the compiler. */
function compiled(project: string): string {
  const { stdout, stderr, status } = spawnSync('env', ['-u', 'NODE_OPTIONS', 'npx', 'tsc', '-p', project], {
    encoding: 'utf8'
  })
  return status === 0 ? '' : `${stdout}${stderr}`
}
