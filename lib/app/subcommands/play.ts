import { advise, endingSignal, progressWriter } from '../terminal.ts'
import { play } from '../transfer.ts'
import { dialOptions, dialWords, readWords, streamUrl, timestampOption, timestampWords } from '../words.ts'

export const help = `rtmpipe play URL              play rtmp://HOST/APP/NAME, or rtmp://HOST/NAME
  -o FILE                     write to an FLV file (- for standard output)
  -k, --insecure              accept any TLS certificate; also for publish, relay, proxy, inspect`

export async function run(args: readonly string[]): Promise<void> {
  const { values, positionals } = readWords(
    args,
    { output: { type: 'string', short: 'o' }, ...timestampWords, ...dialWords },
    ['URL']
  )
  await play(streamUrl(positionals[0]!), values.output, {
    signal: endingSignal(),
    write: progressWriter(),
    advise,
    ...timestampOption(values),
    dial: dialOptions(values)
  })
}
