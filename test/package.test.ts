import { execFileSync } from 'node:child_process'
import { EventEmitter } from 'node:events'
import { readFileSync } from 'node:fs'
import { dirname, join, normalize } from 'node:path'
import { Readable, Writable } from 'node:stream'
import t from 'tap'
import { ENTRIES } from './support/api.ts'

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

t.test(
  'the declarations need those of Node and no others, and ask for them; only metrics those of its peer',
  async t => {
    const peers = /^dist\/lib\/metrics\//
    const declarations = [...paths]
      .filter(path => path.endsWith('.d.ts') && !peers.test(path))
      .map(path => readFileSync(path, 'utf8'))
    const imported = declarations.flatMap(text =>
      [...text.matchAll(/(?:from |import\()'([^'.]+)'/g)].map(([, name]) => name!)
    )
    t.same(
      [...new Set(imported)].filter(name => !name.startsWith('node:')),
      []
    )
    t.ok(declarations.some(text => text.startsWith('/// <reference types="node"')))
  }
)

t.test('the reference has a part for each entry', async t => {
  const { entryPoints } = JSON.parse(readFileSync('typedoc.json', 'utf8'))
  t.same(
    entryPoints,
    Object.values(ENTRIES).map(path => path.replace('dist/', '').replace('.d.ts', '.ts'))
  )
})

/** The modules of the public names, by the entries of the package. */
const modules = Object.values(ENTRIES).flatMap(entry =>
  [...readFileSync(entry, 'utf8').matchAll(/^export (?:type )?\{([^}]*)\} from '([^']+)'/gm)].map(
    ([, names, path]) => ({
      path: join(dirname(entry), path!.replace(/\.ts$/, '.d.ts')),
      names: names!.split(',').map(name => name.replace(/\btype\b/, '').trim())
    })
  )
)

/** What Node's streams and emitters have too, Node's own declarations document. */
const nodesOwn = new Set(
  [EventEmitter, Readable, Writable].flatMap(({ prototype }) => Object.getOwnPropertyNames(prototype))
)

/** A line that declares a member for everybody; what begins with an underscore is of Node's streams. */
const MEMBER = /^ {4}(?:static |readonly |abstract |get |set )*([a-z]\w*|\[[\w.]+\])[?<(:]/i

/** Which members of a class or interface are documented, and which are not. */
function membersOf(lines: readonly string[], at: number): Map<string, boolean> {
  const members = new Map<string, boolean>()
  for (let i = at + 1; !lines[i]!.startsWith('}'); i++) {
    const [, member] = MEMBER.exec(lines[i]!) ?? []
    // of the halves of an accessor and the overloads of a method the first tells what it is
    if (member !== undefined && !members.has(member))
      members.set(member, isDocumented(lines, i) || isLiteral(lines[i]!))
  }
  return members
}

/** `kind: 'chunk'` tells entries apart, and nothing more. */
const isLiteral = (line: string): boolean => /^ {4}readonly kind: '\w+';/.test(line)

const isDocumented = (lines: readonly string[], at: number): boolean => lines[at - 1]?.trimEnd().endsWith('*/') ?? false

t.test('every public name, and what it has, tells what it is where one hovers', async t => {
  const found = modules.flatMap(({ path, names }) => {
    const lines = readFileSync(path, 'utf8').split('\n')
    return names.filter(Boolean).map(name => {
      const kinds = `^export (declare )?(abstract )?(class|function|const|interface|type) ${name}\\b`
      const at = lines.findIndex(line => new RegExp(kinds).test(line))
      const isType = /(class|interface) .*\{$/.test(lines[at] ?? '')
      const members = isType ? membersOf(lines, at) : new Map<string, boolean>()
      const [, bases = ''] = /(?:extends|implements) (.*)\{$/.exec(lines[at] ?? '') ?? []
      return { path, name, members, bases: bases.match(/\w+/g) ?? [], isTold: isDocumented(lines, at) }
    })
  })
  t.ok(found.length > 200)
  // editors show what a base says of a member that says nothing itself
  const byBase = (bases: readonly string[], member: string) =>
    found.some(({ name, members }) => bases.includes(name) && members.get(member))
  for (const { path, name, members, bases, isTold } of found) {
    const silent = [...members].filter(([member, told]) => !told && !nodesOwn.has(member))
    const missing = silent.map(([member]) => member).filter(member => !byBase(bases, member))
    t.same([isTold, missing], [true, []], `${path}: ${name}`)
  }
})

t.test('what only the library itself calls is in no declaration', async t => {
  const members: [path: string, ...names: string[]][] = [
    ['request', 'failed', 'refuse', 'abandon'],
    ['publish', 'wasNamed', 'deliver', 'over'],
    ['play', 'pause', 'seek', 'receive', 'buffer', 'over'],
    ['incoming', 'deliver', 'end', 'fail'],
    ['playing', 'over'],
    ['publishing', 'over'],
    ['net-connection', 'send', 'unsend', 'engaged'],
    ['server-session', 'failedLate', 'tellFailure']
  ]
  for (const [path, ...names] of members) {
    const [source, declared] = [`lib/session/${path}.ts`, `dist/lib/session/${path}.d.ts`].map(each =>
      readFileSync(each, 'utf8')
    )
    for (const name of names) {
      // an event of this name is a tuple
      const member = new RegExp(`^ +(async )?${name}!?(\\(|: (?!\\[))`, 'm')
      t.match(source, member, `${path}: ${name}`)
      t.notMatch(declared, member, `${path}: ${name}`)
    }
  }
  for (const path of paths) if (path.endsWith('.d.ts')) t.notMatch(readFileSync(path, 'utf8'), '@internal', path)
})
