import { readRtmpUrl } from '../../index.ts'
import { textLog } from '../log.ts'
import { serveProxy } from '../proxy.ts'
import { ending, say } from '../terminal.ts'
import { checked, dialOptions, dialWords, readWords, tlsOption, tlsWords, UsageError, wholeNumber } from '../words.ts'

export const help = `rtmpipe proxy --origin URL    lead whoever comes to another server
  --listen PORT, --host HOST  where to listen (1935 of 127.0.0.1)
  --tls-cert, --tls-key, --tls  as serve knows them
  --rewrite-key OLD=NEW       call the stream OLD by the name NEW there`

export async function run(args: readonly string[]): Promise<void> {
  const { values } = readWords(args, {
    host: { type: 'string', default: '127.0.0.1' },
    listen: { type: 'string', default: '1935' },
    origin: { type: 'string' },
    'rewrite-key': { type: 'string' },
    ...tlsWords,
    ...dialWords
  })
  const { host, listen, origin, 'rewrite-key': key } = values
  if (origin === undefined) throw new UsageError('--origin is missing: the URL of the server it leads to')
  checked(() => readRtmpUrl(origin))
  const rewriteKey = key === undefined ? undefined : readRewrite(key)
  const log = textLog(say)
  const doors = { host, port: wholeNumber('--listen', listen, 65535), tls: tlsOption(values) }
  const ended = ending()
  const serving = await serveProxy({ ...doors, origin, rewriteKey, dial: dialOptions(values) }, log)
  if (typeof doors.tls === 'object') process.on('SIGHUP', () => serving.reload())
  await ended
  log('closing')
  await serving.stop()
}

function readRewrite(words: string): { from: string; to: string } {
  const [, from, to] = /^([^=]+)=(.+)$/.exec(words) ?? []
  if (from === undefined || to === undefined) throw new UsageError('--rewrite-key is OLD=NEW')
  return { from, to }
}
