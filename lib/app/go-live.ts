import { readFileSync } from 'node:fs'
import type { IncomingMessage } from 'node:http'
import { type GoLiveLadder, type GoLiveLadders, goLive, Refused, readRtmpUrl } from '../index.ts'
import { authority } from './doors.ts'
import type { Log } from './log.ts'
import { bringsKey, type PublishKey } from './publish-key.ts'
import { UsageError } from './words.ts'

/** The ladder in a file. Without endpoints, tracks are published to this server. */
export type FileLadder = Omit<GoLiveLadder, 'ingest_endpoints'> & Partial<Pick<GoLiveLadder, 'ingest_endpoints'>>

/** The path at which OBS asks for a configuration, on the HTTP port. */
export const GO_LIVE_PATH = '/go-live'

const endpoint = (base: string) => ({
  protocol: base.split(':', 1)[0]!.toUpperCase(),
  url_template: `${base}/live/{stream_key}`
})

/** Reads and checks the file of `--go-live`. */
export function readLadder(file: string): FileLadder {
  try {
    const ladder = JSON.parse(readFileSync(file, 'utf8').replace(/^\uFEFF/, ''))
    goLive({ ingest_endpoints: [endpoint('rtmp://127.0.0.1')], ...ladder })
    return ladder
  } catch (error) {
    throw new UsageError(`--go-live ${file}: ${(error as Error).message}`)
  }
}

/**
 * Offers the ladder to requests with a valid key. The endpoints of this server have the host name of the request.
 */
export function laddersFor(
  ladder: FileLadder,
  urls: () => readonly string[],
  keys: () => readonly PublishKey[],
  log: Log
): GoLiveLadders {
  return ({ authentication }, from) => {
    const endpoints = ladder.ingest_endpoints ?? ownEndpoints(from, urls())
    const { app } = readRtmpUrl(endpoints[0]!.url_template.split('/{', 1)[0]!)
    const [name, ...queries] = authentication.split('?')
    const [path, rawQuery] = [`${app}/${name}`, queries.join('?')]
    const asked = { path, from: from.socket.remoteAddress }
    const those = keys()
    if (those.length > 0 && !those.some(each => (each.path ?? path) === path && bringsKey(rawQuery, each.key))) {
      log('denied', asked)
      throw new Refused('NetStream.Publish.Denied', 'wrong key: the stream key must end with ?key=KEY')
    }
    log('go-live', asked)
    return { ...ladder, ingest_endpoints: endpoints }
  }
}

function ownEndpoints(from: IncomingMessage, urls: readonly string[]): GoLiveLadder['ingest_endpoints'] {
  const { hostname } = new URL(`http://${from.headers.host}`)
  const bases = ['rtmp', 'rtmps'].flatMap(scheme => urls.find(url => url.startsWith(`${scheme}:`)) ?? [])
  return bases.map(base => {
    const { scheme, port } = readRtmpUrl(base)
    return endpoint(`${scheme}://${authority(hostname.replace(/^\[|\]$/g, ''), port!)}`)
  })
}

/** How to set up OBS, which has no field for the URL: it reads it from its command line or from its list of services. */
export function obsAdvice(site: string, url: string): string {
  const configuration = new URL(GO_LIVE_PATH, site).href
  const service = {
    name: 'rtmpipe',
    servers: [{ name: 'rtmpipe', url: `${url}/live` }],
    multitrack_video_configuration_url: configuration,
    multitrack_video_name: 'Multitrack Video'
  }
  return `
  start OBS         obs --config-url ${configuration}
                    Settings, Stream: Service Twitch, Server Auto, a stream key of yours, and Enable Enhanced Broadcasting
  or list it        in OBS's folder, plugin_config/rtmp-services/services.json, add to "services":
                    ${JSON.stringify(service)}
`
}
