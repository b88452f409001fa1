import { endingSignal, progressWriter } from '../terminal.ts'
import { publish } from '../transfer.ts'
import { dialOptions, dialWords, readWords, streamUrl, UsageError } from '../words.ts'

export const help = `rtmpipe publish FILE URL      publish an FLV file (- for standard input) in real time
  --loop                      repeat the file until stopped
  --fast                      as fast as the server accepts it, not in real time`

export async function run(args: readonly string[]): Promise<void> {
  const { values, positionals } = readWords(
    args,
    { loop: { type: 'boolean' }, fast: { type: 'boolean' }, ...dialWords },
    ['FILE', 'URL']
  )
  const [file, url] = positionals as [string, string]
  const { loop = false, fast = false } = values
  if (file === '-' && loop) throw new UsageError('--loop requires a file, not standard input')
  await publish(file, streamUrl(url), {
    signal: endingSignal(),
    write: progressWriter(),
    dial: dialOptions(values),
    loop,
    fast
  })
}
