import { rm, writeFile } from 'node:fs/promises'
import { safeRecordPath } from '../index.ts'

/** The most frequent errors of file systems, in words. */
const words: Readonly<Record<string, string>> = {
  EACCES: 'permission denied',
  EDQUOT: 'disk quota exceeded',
  EEXIST: 'file already exists',
  EFBIG: 'file is too large',
  EIO: 'disk input/output error',
  EMFILE: 'too many open files',
  ENFILE: 'too many open files',
  ENOENT: 'no such file or folder',
  ENOSPC: 'disk is full',
  ENOTDIR: 'path component is not a folder',
  EPERM: 'permission denied',
  EROFS: 'disk is read-only'
}

/** A disk error in plain words, with the message of the system. */
export function diskWords({ code = '', message }: NodeJS.ErrnoException): string {
  const said = words[code]
  return said === undefined ? message : `${said} (${message})`
}

/** Checks that files can be recorded into a folder, which is created if needed. */
export async function prepareFolder(folder: string): Promise<void> {
  try {
    const probe = safeRecordPath(folder, { path: '.rtmpipe' })
    await writeFile(probe, '', { flag: 'wx' })
    await rm(probe)
  } catch (error) {
    throw new Error(`cannot record to ${folder}: ${diskWords(error as Error)}`)
  }
}
