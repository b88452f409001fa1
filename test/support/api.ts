import { readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'

const { exports } = JSON.parse(readFileSync('package.json', 'utf8'))

/** The declarations of the package's entries, by the names that they are imported by. */
export const ENTRIES: Readonly<Record<string, string>> = Object.fromEntries(
  Object.entries<{ types?: string }>(exports).flatMap(([entry, { types }]) =>
    types === undefined ? [] : [[join('rtmpipe', entry), types.slice('./'.length)]]
  )
)

/** A module's declarations. */
interface Module {
  /** What each name is declared as, an overloaded function several times. */
  readonly blocks: ReadonlyMap<string, string>
  /** What comes from other modules: where it lies and its name there. */
  readonly elsewhere: ReadonlyMap<string, Place>
}

interface Place {
  readonly path: string
  readonly name: string
}

const modules = new Map<string, Module>()

function moduleAt(path: string): Module {
  let module = modules.get(path)
  if (module === undefined) {
    module = read(path)
    modules.set(path, module)
  }
  return module
}

/** Declarations as the compiler writes them: a statement begins and ends in the first column. */
function read(path: string): Module {
  const text = readFileSync(path, 'utf8')
    .replace(/[ \t]*\/\*[\s\S]*?\*\/\n?/g, '')
    .replace(/^\/\/.*\n?/gm, '')
  const blocks = new Map<string, string>()
  const elsewhere = new Map<string, Place>()
  for (const [statement] of text.matchAll(/^\S(?:.*;|[\s\S]*?\n(?:\}|\S.*;))$/gm)) {
    const [, names, from] = /^(?:import|export) (?:type )?\{([^}]*)\} from '([^']+)'/.exec(statement) ?? []
    if (names !== undefined) {
      if (!from!.startsWith('.')) continue
      const place = join(dirname(path), from!.replace(/\.ts$/, '.d.ts'))
      for (const each of names.split(',')) {
        const [name, alias = name] = each
          .replace(/\btype\b/, '')
          .trim()
          .split(' as ')
        elsewhere.set(alias!, { path: place, name: name! })
      }
      continue
    }
    const [, name] = /\b(?:class|interface|function|const|type|enum) (\w+)/.exec(statement) ?? []
    if (name !== undefined) blocks.set(name, [blocks.get(name), plain(statement)].filter(Boolean).join('\n'))
  }
  return { blocks, elsewhere }
}

/** Without what nobody can use, and what Node's streams alone call. */
const plain = (statement: string): string =>
  statement
    .replace(/^(export )?(declare )?/, '')
    .replace(/^ {4}(#private|_\w+\??[(:<][\s\S]*?);\n(?= {4}\S|\})/gm, '')
    .replace(/^ {4,}/gm, indent => indent.slice(indent.length / 2))

/** Where a name is declared that a module mentions; undefined for one of Node's or the language's. */
function placeOf({ path, name }: Place): Place | undefined {
  const { blocks, elsewhere } = moduleAt(path)
  if (blocks.has(name)) return { path, name }
  const place = elsewhere.get(name)
  return place && placeOf(place)
}

const blockAt = ({ path, name }: Place): string => moduleAt(path).blocks.get(name)!
const inOrder = (blocks: Iterable<string>): string[] => [...blocks].sort((a, b) => (nameOf(a) < nameOf(b) ? -1 : 1))
const nameOf = (block: string): string => /(?:class|interface|function|const|type|enum) (\w+)/.exec(block)![1]!

/**
 * The public names of the package with their signatures, an entry behind the other, and then the names that those mention
 * and no entry exports: what `test/api.snapshot.txt` holds.
 */
export function api(): string {
  const seen = new Set<string>()
  const sections: string[] = []
  const queue: Place[] = []
  const take = (place: Place): string | undefined => {
    const key = `${place.path} ${place.name}`
    if (seen.has(key)) return undefined
    seen.add(key)
    queue.push(place)
    return blockAt(place)
  }
  for (const [entry, path] of Object.entries(ENTRIES)) {
    const blocks = [...moduleAt(path).elsewhere.keys()].map(name => take(placeOf({ path, name })!))
    sections.push(`# ${entry}`, ...inOrder(blocks.filter(block => block !== undefined)))
  }
  const behind: string[] = []
  for (const place of queue) {
    for (const [name] of blockAt(place).matchAll(/\b[A-Z]\w*/g)) {
      const mentioned = placeOf({ path: place.path, name })
      const block = mentioned && take(mentioned)
      if (block !== undefined) behind.push(block)
    }
  }
  return `${[...sections, '# mentioned by these', ...inOrder(behind)].join('\n\n')}\n`
}
