import { jsonLog, type Log, textLog } from '../log.ts'
import { type ServeOptions, serve } from '../serve.ts'
import { ending, say } from '../terminal.ts'
import {
  milliseconds,
  readWords,
  timestampOption,
  timestampWords,
  tlsOption,
  tlsWords,
  UsageError,
  wholeNumber
} from '../words.ts'

export const help = `rtmpipe serve [options]       serve live streams: who publishes is played; rtmp, rtmpe, rtmpt and rtmpte at one port
  --host HOST                 the address to listen on (127.0.0.1)
  --port PORT                 the port, 0 for any that is free (1935)
  --tls-cert FILE, --tls-key FILE  rtmps and rtmpts too; SIGHUP has the files read again
  --tls                       the same with a certificate that is made up, to try it
  --record DIR                record every stream below this folder, as FLV
  --record-every-ms N, --record-every-bytes N  into files of so much each, which begin at keyframes
  --publish-key KEY           let only those publish who bring ?key=KEY behind the stream name
  --refuse-missing            refuse to play what nobody publishes, instead of waiting for it
  --takeover                  let a new publisher take a stream over from any other, not only from the same address and key
  --hold-ms N                 keep players for N ms when their publisher has gone, for it to come back (5000)
  --idle-ms N                 end a peer that has sent no byte for N ms
  --raw-timestamps            leave timestamps as publishers send them, though they jump or go back
  --merge-ms N                gather media for N ms before it is sent: cheaper, and later
  --demo                      publish a clip as live/demo, over and over
  --log json                  log for programs`

export async function run(args: readonly string[]): Promise<void> {
  const { log, ...options } = readServe(args)
  // ahead of the line that says it listens: whoever reads that may have it end at once
  const ended = ending()
  const serving = await serve(options, log)
  if (options.demo) hint(serving.url, options.publishKey === undefined ? '' : '?key=KEY')
  if (typeof options.tls === 'object') process.on('SIGHUP', () => serving.reload())
  await ended
  log('closing')
  await serving.stop()
}

function readServe(args: readonly string[]): ServeOptions & { log: Log } {
  const { values } = readWords(args, {
    host: { type: 'string', default: '127.0.0.1' },
    port: { type: 'string', default: '1935' },
    ...tlsWords,
    record: { type: 'string' },
    'record-every-ms': { type: 'string' },
    'record-every-bytes': { type: 'string' },
    'publish-key': { type: 'string' },
    'refuse-missing': { type: 'boolean', default: false },
    takeover: { type: 'boolean', default: false },
    'hold-ms': { type: 'string' },
    'idle-ms': { type: 'string' },
    'merge-ms': { type: 'string' },
    ...timestampWords,
    demo: { type: 'boolean', default: false },
    log: { type: 'string', default: 'text' }
  })
  const { host, port, record, demo, takeover, 'publish-key': publishKey } = values
  const { 'merge-ms': mergeMs, 'hold-ms': holdMs, 'idle-ms': idleMs } = values
  const { 'record-every-ms': everyMs, 'record-every-bytes': everyBytes } = values
  const logs: Record<string, (write: (line: string) => void) => Log> = { text: textLog, json: jsonLog }
  const log = logs[values.log]
  if (log === undefined) throw new UsageError(`--log is text or json, not ${values.log}`)
  if (record === undefined && (everyMs ?? everyBytes) !== undefined)
    throw new UsageError('--record-every-ms and --record-every-bytes want --record')
  if (publishKey === '') throw new UsageError('--publish-key is empty')
  return {
    host,
    port: wholeNumber('--port', port, 65535),
    tls: tlsOption(values),
    record,
    ...(everyMs !== undefined && { recordEveryMs: positive('--record-every-ms', everyMs) }),
    ...(everyBytes !== undefined && { recordEveryBytes: positive('--record-every-bytes', everyBytes) }),
    publishKey,
    refuseMissing: values['refuse-missing'],
    takeover,
    demo,
    ...timestampOption(values),
    ...(holdMs !== undefined && { holdMs: milliseconds('--hold-ms', holdMs) }),
    ...(idleMs !== undefined && { idleMs: milliseconds('--idle-ms', idleMs, 1) }),
    ...(mergeMs !== undefined && { mergeMs: wholeNumber('--merge-ms', mergeMs, 10_000) }),
    log: log(say)
  }
}

function positive(name: string, text: string): number {
  const number = wholeNumber(name, text, Number.MAX_SAFE_INTEGER)
  if (number === 0) throw new UsageError(`${name} is more than 0`)
  return number
}

/** A shell would take a bare `?` for a pattern. */
function hint(url: string, key: string): void {
  const to = key === '' ? `${url}/live/film` : `'${url}/live/film${key}'`
  say(`
  watch the demo    ffplay ${url}/live/demo
  publish           ffmpeg -re -i FILE -c copy -f flv ${to}
  from OBS          Server ${url}/live   Stream Key film${key}
  watch it          ffplay ${url}/live/film

  Ctrl-C ends it.
`)
}
