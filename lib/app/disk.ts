import { rm, writeFile } from 'node:fs/promises'
import { safeRecordPath } from '../index.ts'

/** What file systems say most, in words. */
const words: Readonly<Record<string, string>> = {
  EACCES: 'no permission to write there',
  EDQUOT: 'the quota on the disk is used up',
  EEXIST: 'a file has that name',
  EFBIG: 'no file may be larger',
  EIO: 'the disk does not answer as it should',
  EMFILE: 'too many files are open',
  ENFILE: 'too many files are open',
  ENOENT: 'no such folder can be made',
  ENOSPC: 'the disk is full',
  ENOTDIR: 'a file is where a folder should be',
  EPERM: 'no permission to write there',
  EROFS: 'the disk is read-only'
}

/** What is wrong with a disk, in plain words, and in those of the system. */
export function diskWords({ code = '', message }: NodeJS.ErrnoException): string {
  const said = words[code]
  return said === undefined ? message : `${said} (${message})`
}

/** Sees to it that files can be recorded into a folder, which is made if need be. */
export async function prepareFolder(folder: string): Promise<void> {
  try {
    const probe = safeRecordPath(folder, { path: '.rtmpipe' })
    await writeFile(probe, '', { flag: 'wx' })
    await rm(probe)
  } catch (error) {
    throw new Error(`nothing can be recorded into ${folder}: ${diskWords(error as Error)}`)
  }
}
