import { readRtmpUrl } from '../../index.ts'
import { textLog } from '../log.ts'
import { type ProxyServerOptions, serveProxy } from '../proxy.ts'
import { ending, say } from '../terminal.ts'
import { checked, dialOptions, dialWords, readWords, tlsOption, tlsWords, UsageError, wholeNumber } from '../words.ts'

export const help = `rtmpipe proxy --origin URL    forward connections to another server
  --listen PORT, --host HOST  the address to listen on (127.0.0.1:1935)
  --tls-cert, --tls-key, --tls, --rtmfp-port  as for serve
  --rewrite-key OLD=NEW       request the stream OLD as NEW from the origin
  --rewrite-key OLD --as NEW  the same, if OLD contains a =`

export async function run(args: readonly string[]): Promise<void> {
  const { values } = readWords(args, {
    host: { type: 'string', default: '127.0.0.1' },
    listen: { type: 'string', default: '1935' },
    origin: { type: 'string' },
    'rewrite-key': { type: 'string' },
    as: { type: 'string' },
    'rtmfp-port': { type: 'string' },
    ...tlsWords,
    ...dialWords
  })
  const { host, listen, origin, 'rewrite-key': key, 'rtmfp-port': rtmfpPort, as } = values
  if (origin === undefined) throw new UsageError('--origin is required: the URL of the server to forward to')
  checked(() => readRtmpUrl(origin))
  const rewriteKey = readRewrite(key, as)
  const log = textLog(say)
  const doors = {
    host,
    port: wholeNumber('--listen', listen, 65535),
    tls: tlsOption(values),
    ...(rtmfpPort !== undefined && { rtmfpPort: wholeNumber('--rtmfp-port', rtmfpPort, 65535) })
  }
  const ended = ending()
  const serving = await serveProxy({ ...doors, origin, rewriteKey, dial: dialOptions(values) }, log)
  if (typeof doors.tls === 'object') process.on('SIGHUP', () => serving.reload(doors.tls))
  await ended
  log('closing')
  await serving.stop()
}

function readRewrite(words: string | undefined, as: string | undefined): ProxyServerOptions['rewriteKey'] {
  if (as !== undefined) {
    if (!words || !as) throw new UsageError('--as NEW requires --rewrite-key OLD')
    return { from: words, to: as }
  }
  if (words === undefined) return undefined
  const [, from, to] = /^([^=]+)=(.+)$/.exec(words) ?? []
  if (from === undefined || to === undefined)
    throw new UsageError('--rewrite-key must be OLD=NEW, or OLD together with --as NEW')
  return { from, to }
}
