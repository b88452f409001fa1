import { textLog } from '../log.ts'
import { relay } from '../relay.ts'
import { endingSignal, progressWriter, say } from '../terminal.ts'
import { dialOptions, dialWords, readWords, streamUrl, timestampOption, timestampWords } from '../words.ts'

export const help = `rtmpipe relay FROM TO...      play one stream, and publish it at all the others; what fails is tried again
  --forever                   wait for FROM to begin again however long it is away, not only for ten minutes
  --raw-timestamps            leave timestamps as they come; play -o knows it too`

/** The line of progress makes room, and is written anew below. */
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
