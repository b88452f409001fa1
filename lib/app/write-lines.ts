import { once } from 'node:events'
import type { Writable } from 'node:stream'

/**
 * Writes lines at the pace of the output, so that none is computed early or waits in memory. Resolves after the last
 * one is written, because a process that exits discards what a pipe has not accepted.
 * @throws what `lines` throws, after the lines before it, and what ends `out`.
 */
export async function writeLines(lines: Iterable<string>, out: Writable): Promise<void> {
  try {
    for (const line of lines) if (!out.write(`${line}\n`)) await once(out, 'drain')
  } finally {
    await new Promise<void>(resolve => out.write('', () => resolve()))
  }
}
