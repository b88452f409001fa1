import { textLog } from '../log.ts'
import { relay } from '../relay.ts'
import { endingSignal, progressWriter, say } from '../terminal.ts'
import { dialOptions, dialWords, readWords, streamUrl } from '../words.ts'

export const help = 'rtmpipe relay FROM TO...      play one stream, and publish it at all the others'

export async function run(args: readonly string[]): Promise<void> {
  const { values, positionals } = readWords(args, dialWords, ['FROM', 'TO...'])
  const [from, ...to] = positionals.map(streamUrl) as [string, ...string[]]
  await relay(from, to, textLog(say), { signal: endingSignal(), write: progressWriter(), dial: dialOptions(values) })
}
