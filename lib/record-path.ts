import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, realpathSync, statSync } from 'node:fs'
import { dirname, join, relative, resolve, sep } from 'node:path'

/** Options of safeRecordPath(). */
export interface RecordPathOptions {
  /** What the file's name ends with: `.flv`. */
  extension?: string
  /** When it begins; it stands in the file's name, so that no recording overwrites another. Now, unless told. */
  at?: Date
}

/** Bytes of a file's name, on any of the usual file systems. */
const MAX_NAME_LENGTH = 255
/** Folders below the root and the file: what a name has more is one name. */
const MAX_PARTS = 8
/** Hexadecimal digits of a SHA-256. */
const HASH_LENGTH = 16

/** Control characters, what Windows gives a meaning, the mark of what is encoded, and what separates the parts of a path. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is encoded
const UNSAFE = /[\u0000-\u001f\u007f-\u009f"%*/:<>?\\|]/g
/** Names of devices on Windows, in any folder and with any extension. */
const DEVICE = /^(?=(?:con|prn|aux|nul|com\d|lpt\d)(?:\.|$))./i
/** Windows leaves these out at the end of a name; and so `.` and `..` are names like any other. */
const LAST = /[. ]$/

/**
 * A path below `root` for a recording of a stream: `live/film` at noon becomes `root/live/film-20261122T120000.000Z.flv`. The
 * folders on the way are made. Stream names are a stranger's words, so this is the one door from names to paths, and it never leads out
 * of `root`. Two names never share a path:
 *
 * - What no file's name can have, or what means something to a file system, is percent-encoded, and so is `%` itself: `live/a:b` is
 *   `live/a%3Ab`, `..` is `.%2E`, `CON` is `%43ON`. An empty part, as in `live//film`, is `%empty`.
 * - A part that is too long for a name is cut, and ends in `%~` and a hash of it. What lies deeper than eight parts is one part.
 *
 * @throws RangeError where a symbolic link on the way leads out of `root`; the error of the file system where a folder cannot be made.
 */
export function safeRecordPath(
  root: string,
  { path }: { readonly path: string },
  { extension = '.flv', at = new Date() }: RecordPathOptions = {}
): string {
  const suffix = `-${at.toISOString().replace(/[-:]/g, '')}${extension}`
  const parts = path.split('/')
  const names = [...parts.slice(0, MAX_PARTS - 1), ...deepest(parts)].map(encoded)
  const last = shortened(names.pop()!, MAX_NAME_LENGTH - Buffer.byteLength(suffix))
  const folder = join(root, ...names.map(name => shortened(name, MAX_NAME_LENGTH)))
  makeBelow(resolve(root), resolve(folder))
  return join(folder, `${last}${suffix}`)
}

function deepest(parts: readonly string[]): string[] {
  return parts.length < MAX_PARTS ? [] : [parts.slice(MAX_PARTS - 1).join('/')]
}

function encoded(part: string): string {
  if (part === '') return '%empty'
  return part.replace(UNSAFE, percent).replace(DEVICE, percent).replace(LAST, percent)
}

const percent = (characters: string): string =>
  [...Buffer.from(characters)].map(byte => `%${byte.toString(16).toUpperCase().padStart(2, '0')}`).join('')

function shortened(name: string, maxLength: number): string {
  if (Buffer.byteLength(name) <= maxLength) return name
  const hash = createHash('sha256').update(name).digest('hex').slice(0, HASH_LENGTH)
  const ending = `%~${hash}`
  let left = maxLength - ending.length
  let kept = ''
  // whole characters, encoded ones too
  for (const [character] of name.matchAll(/%[0-9A-F]{2}|./gsu)) {
    left -= Buffer.byteLength(character)
    if (left < 0) break
    kept += character
  }
  return `${kept}${ending}`
}

/** Makes the folder, part by part, looking at each where it really lies. */
function makeBelow(root: string, folder: string): void {
  makeFolder(root)
  const real = realpathSync(root)
  let at = root
  for (const part of relative(root, folder).split(sep).filter(Boolean)) {
    at = join(at, part)
    makeFolder(at)
    if (!`${realpathSync(at)}${sep}`.startsWith(`${real}${sep}`))
      throw new RangeError(`recording path leaves its folder by the symbolic link ${at}`)
  }
}

/** Not by `recursive`: with that Node tries for ever where a folder such as /proc takes none. */
function makeFolder(folder: string): void {
  if (statSync(folder, { throwIfNoEntry: false })?.isDirectory()) return
  const above = dirname(folder)
  if (!existsSync(above)) makeFolder(above)
  try {
    mkdirSync(folder)
  } catch (error) {
    // somebody else was faster
    if (!statSync(folder, { throwIfNoEntry: false })?.isDirectory()) throw error
  }
}
