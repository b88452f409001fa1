import { mkdirSync, realpathSync } from 'node:fs'
import { join, relative, resolve, sep } from 'node:path'

export interface RecordPathOptions {
  /** What the file's name ends with: `.flv`. */
  extension?: string
  /** When it begins; it stands in the file's name, so that no recording overwrites another. Now, unless told. */
  at?: Date
}

/** A name longer than this is no file's name on any of the usual file systems. */
const MAX_NAME_LENGTH = 255

/**
 * A path below `root` for a recording of a stream: `live/film` at noon becomes `root/live/film-20261122T120000.000Z.flv`. The
 * folders on the way are made. Stream names are a stranger's words, so this is the one door from names to paths: it refuses
 * whatever could lead out of `root` or means something to a file system.
 * @throws RangeError for a name with `..` or `.` as a part, an absolute one, one with NUL or another control character, a
 *   backslash or a drive letter, a folder's that ends in a dot or a blank, an empty one, one over 255 bytes; and where a symbolic link on the way leads out of `root`.
 */
export function safeRecordPath(
  root: string,
  { path }: { readonly path: string },
  { extension = '.flv', at = new Date() }: RecordPathOptions = {}
): string {
  const parts = path.split('/')
  const stamp = at.toISOString().replace(/[-:]/g, '')
  const last = `${parts.pop()}-${stamp}${extension}`
  for (const part of [...path.split('/'), last]) checkPart(part)
  for (const part of parts) if (/[. ]$/.test(part)) throw refused('ends in a dot or a blank, which Windows leaves out,')
  if (Buffer.byteLength(path) > MAX_NAME_LENGTH) throw refused('is too long')
  const folder = join(root, ...parts)
  makeBelow(resolve(root), resolve(folder))
  return join(folder, last)
}

function checkPart(part: string): void {
  if (part === '') throw refused('has an empty part')
  if (part === '.' || part === '..') throw refused('leads elsewhere')
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is refused
  if (/[\u0000-\u001f\u007f]/.test(part)) throw refused('has a control character')
  if (/[\\:]/.test(part)) throw refused('has a backslash or a drive')
  if (Buffer.byteLength(part) > MAX_NAME_LENGTH) throw refused('is too long')
}

/** Makes the folder, part by part, looking at each where it really lies. */
function makeBelow(root: string, folder: string): void {
  mkdirSync(root, { recursive: true })
  const real = realpathSync(root)
  let at = root
  for (const part of relative(root, folder).split(sep).filter(Boolean)) {
    at = join(at, part)
    mkdirSync(at, { recursive: true })
    if (!`${realpathSync(at)}${sep}`.startsWith(`${real}${sep}`)) throw refused('leads elsewhere by a link')
  }
}

const refused = (why: string): RangeError => new RangeError(`a stream name that ${why} names no recording`)
