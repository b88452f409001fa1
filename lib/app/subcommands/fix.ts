import { fixFlv } from '../../index.ts'
import { escaped } from '../../inspect/index.ts'
import { diskWords } from '../disk.ts'
import { say } from '../terminal.ts'
import { readWords, UsageError } from '../words.ts'

export const help = `rtmpipe fix FILE...           repair FLV recordings whose writer was killed: remove an incomplete last tag, write duration and index
  -o FILE                     write the repaired recording there without damaged bytes, leave the original unchanged`

export async function run(args: readonly string[]): Promise<void> {
  const { values, positionals } = readWords(args, { output: { type: 'string', short: 'o' } }, ['FILE...'])
  const { output } = values
  if (output !== undefined && positionals.length > 1) throw new UsageError('-o requires exactly one FILE')
  for (const file of positionals) say(await fix(file, output))
}

async function fix(file: string, to: string | undefined): Promise<string> {
  try {
    const { durationMs, keyframes, cut, skipped } = await fixFlv(file, to === undefined ? {} : { to })
    const parts = [`${(durationMs / 1000).toFixed(1)} s`, `${keyframes} keyframes`]
    if (cut > 0) parts.push(`${cut} bytes removed`)
    if (skipped > 0) parts.push(`${skipped} damaged bytes left out`)
    return `${escaped(to ?? file)}: ${parts.join(', ')}`
  } catch (error) {
    throw new Error(`${escaped(file)}: ${whatToDo(error as NodeJS.ErrnoException)}`)
  }
}

/** What went wrong, and what to do about it where that is known. */
function whatToDo(error: NodeJS.ErrnoException): string {
  const said = diskWords(error)
  return error.code === 'ERR_RTMP_FLV_TAG' ? `${said}; -o FILE writes all other tags` : said
}
