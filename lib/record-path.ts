import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, realpathSync, statSync } from 'node:fs'
import { dirname, join, relative, resolve, sep } from 'node:path'

/** Options of safeRecordPath(). */
export interface RecordPathOptions {
  /** What the file's name ends with: `.flv`. */
  extension?: string
  /** The start time, which is part of the file name, so that no recording overwrites another; now by default. */
  at?: Date
}

/** The longest file name in bytes, on the usual file systems. */
const MAX_NAME_LENGTH = 255
/** Folders and file below the root; the rest of a deeper name is one file name. */
const MAX_PARTS = 8
/** Hexadecimal digits of a SHA-256. */
const HASH_LENGTH = 16

/** Control characters, characters that Windows interprets, the escape character, and the separator of path parts. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is encoded
const UNSAFE = /[\u0000-\u001f\u007f-\u009f"%*/:<>?\\|]/g
/** Names of devices on Windows, in any folder and with any extension. */
const DEVICE = /^(?=(?:con|prn|aux|nul|com\d|lpt\d)(?:\.|$))./i
/** Windows removes these at the end of a name; this also makes `.` and `..` ordinary names. */
const LAST = /[. ]$/

/**
 * A path below `root` for a recording of a stream: `live/film` at noon becomes
 * `root/live/film-20261122T120000.000Z.flv`. Missing folders are created. Stream names are untrusted: this is the only
 * function that makes paths from names, and the path is always below `root`. Two names never share a path:
 *
 * - Characters that no file name can contain, or that a file system interprets, are percent-encoded, and so is `%`:
 *   `live/a:b` is `live/a%3Ab`, `..` is `.%2E`, `CON` is `%43ON`. An empty part, as in `live//film`, is `%empty`.
 * - A part that is too long for a file name is cut, and ends in `%~` and its hash. Parts deeper than eight are one
 *   part.
 *
 * @throws RangeError if a symbolic link on the way leads out of `root`; the error of the file system if a folder cannot
 *   be created.
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
  // whole characters, percent-encoded ones included
  for (const [character] of name.matchAll(/%[0-9A-F]{2}|./gsu)) {
    left -= Buffer.byteLength(character)
    if (left < 0) break
    kept += character
  }
  return `${kept}${ending}`
}

/** Creates the folder, part by part, and checks the real path of each. */
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

/** Without `recursive`, with which Node retries for ever in a folder such as /proc. */
function makeFolder(folder: string): void {
  if (statSync(folder, { throwIfNoEntry: false })?.isDirectory()) return
  const above = dirname(folder)
  if (!existsSync(above)) makeFolder(above)
  try {
    mkdirSync(folder)
  } catch (error) {
    // another process created it first
    if (!statSync(folder, { throwIfNoEntry: false })?.isDirectory()) throw error
  }
}
