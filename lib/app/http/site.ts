import { type GoLiveLadders, goLive, type HttpFlvOptions, type HttpPlay, httpFlv } from '../../index.ts'
import { GO_LIVE_PATH } from '../go-live.ts'
import type { Log } from '../log.ts'
import { optional } from '../optional.ts'
import { type AccessOptions, tokenGuard } from './access.ts'
import { apiHandler } from './api.ts'
import type { ApiEvents } from './api-events.ts'
import { type HttpOptions, hostGuard, type OpenHttp, openHttp } from './http-server.ts'
import { metricsHandler } from './metrics.ts'
import { page } from './page.ts'
import type { Subjects } from './reports.ts'

/** What is served over HTTP, where, and to whom. */
export interface SiteOptions extends HttpOptions, AccessOptions {
  /** An origin whose pages may watch, beside this server's own, or `*`. */
  httpOrigin?: string | undefined
}

/** Serves over HTTP the streams, on which `hearPlay` decides, the API, metrics, go-live configurations, and the page. */
export async function openSite(
  options: SiteOptions,
  { limits, ladders }: Pick<HttpFlvOptions, 'limits'> & { ladders?: GoLiveLadders | undefined },
  subjects: Omit<Subjects, 'wsFlv'>,
  hearPlay: (play: HttpPlay) => unknown,
  events: ApiEvents,
  log: Log
): Promise<OpenHttp> {
  const { httpOrigin: origin } = options
  const watching = { ...(limits && { limits }), ...(origin !== undefined && { origin }) }
  const ws = await optional(import('../../ws/index.ts'))
  const named = hostGuard(options)
  const api = apiHandler({ ...subjects, wsFlv: ws !== undefined }, events, options, log)
  const metrics = await metricsHandler(subjects, tokenGuard(options))
  const live = ladders === undefined ? [] : [named(goLive(ladders, { path: GO_LIVE_PATH }))]
  const handlers = [httpFlv(hearPlay, watching), named(api), named(metrics), ...live, named(page())]
  return openHttp(options, handlers, ws?.wsFlv(hearPlay, watching))
}
