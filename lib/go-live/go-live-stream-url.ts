import { wrongField } from './fields.ts'
import type { GoLiveConfiguration } from './go-live-configuration.ts'

/**
 * The URL of the stream to publish, by the first endpoint for RTMP or RTMPS, or for `protocol` alone: its template with the stream key of the
 * endpoint, or else with `streamKey`. The query consists of that of the template, that of the key, and `clientConfigId`, as OBS sends them.
 * @throws GoLiveError, `ERR_RTMP_GO_LIVE_FIELD`, if there is no such endpoint.
 */
export function goLiveStreamUrl(
  { meta, ingest_endpoints }: GoLiveConfiguration,
  streamKey: string,
  protocol?: 'RTMP' | 'RTMPS'
): string {
  const wanted = protocol === undefined ? ['RTMP', 'RTMPS'] : [protocol]
  const endpoint = ingest_endpoints.find(each => wanted.includes(each.protocol.toUpperCase()))
  if (endpoint === undefined) throw wrongField('ingest_endpoints', `has none for ${wanted.join(' or ')}`)
  const [template, ofTemplate] = cut(endpoint.url_template)
  const [ownName, ownQuery] = cut(streamKey)
  const [name, ofKey] = endpoint.authentication ? cut(endpoint.authentication) : [ownName, ownQuery]
  const id = meta.config_id && `clientConfigId=${encodeURIComponent(meta.config_id)}`
  const query = [ofTemplate, ofKey || ownQuery, id].filter(Boolean).join('&')
  const base = template.replace(/\/\{stream_key\}.*$|\/+$/, '')
  return `${base}/${name}${query && `?${query}`}`
}

function cut(text: string): [string, string] {
  const at = text.indexOf('?')
  return at < 0 ? [text, ''] : [text.slice(0, at), text.slice(at + 1)]
}
