import type { Message } from '../../index.ts'
import { inspectFile, jsonLine, type LedgerEntry, messageEntry, textLine } from '../../inspect/index.ts'
import { advise, endingSignal, say } from '../terminal.ts'
import { play } from '../transfer.ts'
import { dialOptions, dialWords, readWords, streamUrl } from '../words.ts'
import { writeLines } from '../write-lines.ts'

export const help = `rtmpipe inspect FILE|URL      list the contents of a capture (pcap, pcapng), an FLV file or a stream
  --chunks                    list each chunk of a capture too
  --json                      print one JSON object per line`

export async function run(args: readonly string[]): Promise<void> {
  const { values, positionals } = readWords(
    args,
    { json: { type: 'boolean' }, chunks: { type: 'boolean' }, ...dialWords },
    ['FILE or URL']
  )
  const [what] = positionals as [string]
  const { chunks = false, json = false } = values
  const line = json ? jsonLine : textLine
  if (/^[a-z]+:\/\//i.test(what)) {
    const begun = performance.now()
    const print = (message: Message) => say(line(messageEntry(message, { time: (performance.now() - begun) / 1000 })))
    await play(streamUrl(what), undefined, { signal: endingSignal(), each: print, advise, dial: dialOptions(values) })
  } else {
    await writeLines(lines(await inspectFile(what, { chunks }), line), process.stdout)
  }
}

function* lines(entries: Iterable<LedgerEntry>, line: (entry: LedgerEntry) => string): Generator<string> {
  for (const entry of entries) yield line(entry)
}
