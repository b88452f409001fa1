import type { LiveStreams, Server } from '../../index.ts'
import { optional } from '../optional.ts'
import { answer, type HttpHandler } from './http-server.ts'

/** `GET /metrics` in Prometheus's format, if prom-client is installed, behind `guard`. Other paths are passed on. */
export async function metricsHandler(
  subjects: { server: Server; lives: LiveStreams },
  guard: (handler: HttpHandler) => HttpHandler
): Promise<HttpHandler> {
  const handler = guard(await scraping(subjects))
  return (request, response, next) => {
    const { method, url = '' } = request
    if (!/^\/metrics(\?|$)/.test(url)) next()
    else if (method === 'GET' || method === 'HEAD') handler(request, response, next)
    else response.writeHead(405, { Allow: 'GET, HEAD' }).end()
  }
}

async function scraping({ server, lives }: { server: Server; lives: LiveStreams }): Promise<HttpHandler> {
  const parts = await optional(Promise.all([import('prom-client'), import('../../metrics/index.ts')]))
  if (parts === undefined) {
    return (_request, response) =>
      answer(response, 404, '/metrics requires the package prom-client: npm install prom-client')
  }
  const [{ collectDefaultMetrics, Registry }, { collectMetrics }] = parts
  const registry = new Registry()
  collectMetrics(registry, { host: server, streams: lives })
  // memory, CPU and file descriptors of the process
  collectDefaultMetrics({ register: registry })
  return async (_request, response) => {
    const text = await registry.metrics()
    response.writeHead(200, { 'Content-Type': registry.contentType, 'Cache-Control': 'no-store' }).end(text)
  }
}
