import { once } from 'node:events'
import type { Writable } from 'node:stream'

/**
 * Writes lines no faster than they are taken, so that none is made ahead of its time or waits in memory; resolves once all are
 * out, for a process that exits takes along what a pipe has not taken.
 * @throws what `lines` throws, once all ahead of it are out, and what ends `out`.
 */
export async function writeLines(lines: Iterable<string>, out: Writable): Promise<void> {
  try {
    for (const line of lines) if (!out.write(`${line}\n`)) await once(out, 'drain')
  } finally {
    await new Promise<void>(resolve => out.write('', () => resolve()))
  }
}
