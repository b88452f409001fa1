import { readRtmpUrl } from '../../index.ts'
import { textLog } from '../log.ts'
import { type ProxyServerOptions, serveProxy } from '../proxy.ts'
import { ending, say } from '../terminal.ts'
import { checked, dialOptions, dialWords, readWords, tlsOption, tlsWords, UsageError, wholeNumber } from '../words.ts'

export const help = `rtmpipe proxy --origin URL    lead whoever comes to another server
  --listen PORT, --host HOST  where to listen (1935 of 127.0.0.1)
  --tls-cert, --tls-key, --tls  as serve knows them
  --rewrite-key OLD=NEW       call the stream OLD by the name NEW there
  --rewrite-key OLD --as NEW  the same, where OLD has a = in it`

export async function run(args: readonly string[]): Promise<void> {
  const { values } = readWords(args, {
    host: { type: 'string', default: '127.0.0.1' },
    listen: { type: 'string', default: '1935' },
    origin: { type: 'string' },
    'rewrite-key': { type: 'string' },
    as: { type: 'string' },
    ...tlsWords,
    ...dialWords
  })
  const { host, listen, origin, 'rewrite-key': key, as } = values
  if (origin === undefined) throw new UsageError('--origin is missing: the URL of the server it leads to')
  checked(() => readRtmpUrl(origin))
  const rewriteKey = readRewrite(key, as)
  const log = textLog(say)
  const doors = { host, port: wholeNumber('--listen', listen, 65535), tls: tlsOption(values) }
  const ended = ending()
  const serving = await serveProxy({ ...doors, origin, rewriteKey, dial: dialOptions(values) }, log)
  if (typeof doors.tls === 'object') process.on('SIGHUP', () => serving.reload())
  await ended
  log('closing')
  await serving.stop()
}

function readRewrite(words: string | undefined, as: string | undefined): ProxyServerOptions['rewriteKey'] {
  if (as !== undefined) {
    if (!words || !as) throw new UsageError('--as is the new name of the OLD that --rewrite-key says')
    return { from: words, to: as }
  }
  if (words === undefined) return undefined
  const [, from, to] = /^([^=]+)=(.+)$/.exec(words) ?? []
  if (from === undefined || to === undefined) throw new UsageError('--rewrite-key is OLD=NEW, or OLD with --as NEW')
  return { from, to }
}
