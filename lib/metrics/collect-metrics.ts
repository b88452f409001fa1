import { Counter, Gauge, type Registry } from 'prom-client'
import type { LiveStreams, SessionHost } from '../index.ts'
import { LoopDelay } from './loop-delay.ts'
import { allStreamsMetrics, hostMetrics, loopMetrics, type Metric, streamMetrics } from './metric-table.ts'
import { StreamSeries } from './stream-series.ts'

/** A Registry of prom-client, of either content type. */
export type MetricsRegistry = Pick<Registry, 'registerMetric' | 'removeSingleMetric'>

/** Options of collectMetrics(). */
export interface CollectMetricsOptions {
  /** A Server, or a SessionHost. Without it there are no metrics of sessions. */
  host?: Pick<SessionHost, 'stats'>
  /** The table of live streams. Without it there are no metrics of streams. */
  streams?: LiveStreams
  /**
   * The maximum number of streams with series of their own: 100. The others are one series together, whose `path` is empty. It bounds what
   * peers who choose their own names may cost.
   */
  maxStreams?: number
}

/** What collectMetrics() returns. */
export interface CollectedMetrics {
  /** Removes the metrics from the registry, and stops all measuring. */
  stop(): void
  /** As stop(): `using metrics = collectMetrics(...)`. */
  [Symbol.dispose](): void
}

/**
 * Puts the metrics of rtmpipe on a Registry of prom-client. `docs/metrics.md` lists them. They are read from `stats()` at each scrape, so
 * sessions and streams do nothing for them; only the delay of the event loop is measured all the time, with a timer every 10 ms.
 *
 *     const registry = new Registry()
 *     collectMetrics(registry, { host: server, streams: lives })
 *     response.setHeader('Content-Type', registry.contentType).end(await registry.metrics())
 *
 * Metrics of the process, such as its memory, are prom-client's own: `collectDefaultMetrics({ register: registry })`.
 * @throws RangeError for `maxStreams` out of range; Error if the registry has metrics of these names, those of another call.
 */
export function collectMetrics(
  registry: MetricsRegistry,
  { host, streams, maxStreams = 100 }: CollectMetricsOptions
): CollectedMetrics {
  if (!(maxStreams >= 0)) throw new RangeError(`maxStreams must be a number from 0, not ${maxStreams}`)
  const series = streams && new StreamSeries(streams, maxStreams)
  const delay = new LoopDelay()
  const names: string[] = []
  const collect = <From>(metrics: readonly Metric<From>[], read: () => From): void => {
    const readOnce = oncePerTurn(read)
    for (const metric of metrics) {
      registry.registerMetric(collector(metric, readOnce))
      names.push(metric.name)
    }
  }
  const stop = () => {
    for (const name of names.splice(0)) registry.removeSingleMetric(name)
    series?.stop()
    delay.stop()
  }
  try {
    if (host) collect(hostMetrics, () => host.stats())
    if (series) collect([...allStreamsMetrics, ...streamMetrics], () => series.read())
    collect(loopMetrics, () => delay.read())
  } catch (error) {
    stop()
    throw error
  }
  return { stop, [Symbol.dispose]: stop }
}

function collector<From>({ name, help, type, labels, read }: Metric<From>, from: () => From): Counter | Gauge {
  const common = { name, help, labelNames: labels, registers: [] }
  if (type === 'gauge') {
    return new Gauge({
      ...common,
      collect() {
        this.reset()
        for (const [value, labels = {}] of read(from())) this.set(labels, value)
      }
    })
  }
  return new Counter({
    ...common,
    collect() {
      this.reset()
      for (const [value, labels = {}] of read(from())) this.inc(labels, value)
    }
  })
}

/** The metrics of one scrape are collected in one turn, and are of one moment. */
function oncePerTurn<From>(read: () => From): () => From {
  let last: { readonly from: From } | undefined
  return () => {
    if (last === undefined) {
      last = { from: read() }
      queueMicrotask(() => {
        last = undefined
      })
    }
    return last.from
  }
}
