import { textLog } from '../log.ts'
import { relay } from '../relay.ts'
import { endingSignal, progressWriter, say } from '../terminal.ts'
import { dialOptions, dialWords, readWords, streamUrl, timestampOption, timestampWords } from '../words.ts'

export const help = `rtmpipe relay FROM TO...      play one stream and publish it to every TO; failed connections are retried
  --forever                   wait for FROM without a time limit; the default is ten minutes
  --raw-timestamps            do not repair timestamps; also for play -o`

/** Clears the line of progress, which is written again below. */
const CLEAR_LINE = '\r\u001b[K'

export async function run(args: readonly string[]): Promise<void> {
  const { values, positionals } = readWords(
    args,
    { forever: { type: 'boolean', default: false }, ...timestampWords, ...dialWords },
    ['FROM', 'TO...']
  )
  const [from, ...to] = positionals.map(streamUrl) as [string, ...string[]]
  const write = progressWriter()
  const log = textLog(line => {
    write?.(CLEAR_LINE)
    say(line)
  })
  await relay(from, to, log, {
    signal: endingSignal(),
    forever: values.forever,
    ...timestampOption(values),
    write,
    dial: dialOptions(values)
  })
}
