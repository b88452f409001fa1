import { readFile } from 'node:fs/promises'
import type { Message } from '../../index.ts'
import {
  inspectFile,
  jsonLine,
  type LedgerEntry,
  messageEntry,
  rtmfpLines,
  rtmfpReport,
  textLine
} from '../../inspect/index.ts'
import { advise, endingSignal, say } from '../terminal.ts'
import { play } from '../transfer.ts'
import { dialOptions, dialWords, readWords, streamUrl } from '../words.ts'
import { writeLines } from '../write-lines.ts'

export const help = `rtmpipe inspect FILE|URL      list the contents of a capture (pcap, pcapng), an FLV file or a stream
  --chunks                    list each chunk of a capture too
  --json                      print one JSON object per line
  --rtmfp-keys FILE           list the RTMFP of a capture, with the keys of its sessions; with --json as one object`

export async function run(args: readonly string[]): Promise<void> {
  const { values, positionals } = readWords(
    args,
    { json: { type: 'boolean' }, chunks: { type: 'boolean' }, 'rtmfp-keys': { type: 'string' }, ...dialWords },
    ['FILE or URL']
  )
  const [what] = positionals as [string]
  const { chunks = false, json = false, 'rtmfp-keys': keys } = values
  const line = json ? jsonLine : textLine
  if (keys !== undefined) {
    const [capture, text] = await Promise.all([readFile(what), readFile(keys, 'utf8')])
    await writeLines(json ? [JSON.stringify(rtmfpReport(capture, text))] : rtmfpLines(capture, text), process.stdout)
  } else if (/^[a-z]+:\/\//i.test(what)) {
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
